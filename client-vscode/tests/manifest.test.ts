/** What package.json says is what the sources do. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { bundleText, writtenText } from "../l10n/extract.mjs";
import manifest from "../package.json" with { type: "json" };
import nls from "../package.nls.json" with { type: "json" };
import { optionDefaults } from "../src/protocol.ts";
import { hoverCommands } from "../src/show/hover.ts";

const root = join(import.meta.dirname, "..");
const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => readFileSync(join(root, "src", name), "utf8"))
  .join("\n");
const contributes = manifest.contributes;
const declared = contributes.commands.map((command) => command.command);

type Property = { type: unknown; default: unknown; scope?: string; minimum?: number; maximum?: number };
const properties = contributes.configuration.properties as unknown as Record<string, Property>;

test("every option of the protocol is a setting with its default", () => {
  for (const [name, value] of Object.entries(optionDefaults)) {
    const property = properties[`reloadls.${name}`];
    expect(property, name).toBeDefined();
    // No paths are the workspace folders; and VS Code has no use for watchedFiles.
    const expected = name === "paths" ? [] : name === "watchedFiles" ? false : value;
    expect(property?.default, name).toEqual(expected);
    expect(property?.scope, name).toBe("window");
  }
  expect(properties["reloadls.debounceMs"]).toMatchObject({ minimum: 1, maximum: 60_000 });
  expect(properties["reloadls.pollDelayMs"]).toMatchObject({ minimum: 50, maximum: 60_000 });
});

test("a workspace that is not trusted names neither program nor paths", () => {
  const { untrustedWorkspaces, virtualWorkspaces } = manifest.capabilities;
  expect(untrustedWorkspaces.supported).toBe("limited");
  expect(untrustedWorkspaces.restrictedConfigurations).toEqual(
    expect.arrayContaining(["reloadls.interpreter", "reloadls.importStrategy", "reloadls.paths"]),
  );
  expect(virtualWorkspaces.supported).toBe(false);
});

test("every command that is declared is registered, and the other way round", () => {
  const table = /const table[^=]*= \{([\s\S]*?)\n {2}\};/.exec(sources)?.[1] ?? "";
  const registered = [...table.matchAll(/^ {4}(\w+):/gm)].map((match) => `reloadls.${match[1]}`);
  expect([...registered].sort()).toEqual([...declared].sort());
});

test("menus, links and buttons run commands that are there", () => {
  const texts = JSON.stringify(nls) + JSON.stringify(contributes) + sources;
  const named = [...texts.matchAll(/(?:command:|"command":"|onCommand:)(reloadls\.\w+)(?![\w.])/g)].map(
    (match) => match[1],
  );
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((command) => !declared.includes(command as string))).toEqual([]);
  expect(hoverCommands.filter((command) => command.startsWith("reloadls.") && !declared.includes(command))).toEqual([]);
});

test("every text of package.json is in package.nls.json, and none more", () => {
  const used = [...readFileSync(join(root, "package.json"), "utf8").matchAll(/"%([\w.]+)%"/g)].map((match) => match[1]);
  expect([...new Set(used)].sort()).toEqual(Object.keys(nls).sort());
});

test("no text of package.json is written there itself", () => {
  const said = JSON.stringify(contributes).matchAll(
    /"(?:title|name|description|markdownDescription|contents|altText|category)":"([^"]*)"/g,
  );
  expect([...said].map((match) => match[1]).filter((text) => !/^%.*%$/.test(text as string))).toEqual([]);
});

test("every text of the sources is in the bundle for translators", () => {
  expect(writtenText()).toBe(bundleText());
});

test("every picture that is named is there", () => {
  const named = [...JSON.stringify(manifest).matchAll(/"(media\/[^"]+)"/g)].map((match) => match[1] as string);
  const there = readdirSync(join(root, "media"));
  expect(named.filter((name) => !there.includes(name.slice("media/".length)))).toEqual([]);
});

test("the only dependency at run time is the language client", () => {
  expect(Object.keys(manifest.dependencies)).toEqual(["vscode-languageclient"]);
});
