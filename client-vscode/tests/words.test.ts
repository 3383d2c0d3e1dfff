import { describe, expect, test } from "vitest";

import { decodedPath } from "../src/model/uris.ts";
import { baseName, displayFolder, displayPath, pathOf } from "../src/show/fileNames.ts";
import { code, fenced, plain, unlinked } from "../src/show/markdown.ts";
import { refreshed, refreshedRoot } from "../src/show/refreshed.ts";
import { reloaded } from "../src/show/reloaded.ts";
import { counts, milliseconds, reportSummary, timeOfDay } from "../src/show/words.ts";
import { report, syntaxError } from "./said.ts";

describe("file names", () => {
  const alone = { folders: [{ name: "p", path: "/w/p" }], home: "/home/me" };
  const several = { folders: [...alone.folders, { name: "q", path: "/w/p/q" }], home: "/home/me" };

  test.each([
    ["file:///w/p/src/a.py", "src/a.py", "p/src/a.py"],
    ["file:///w/p", "p", "p"],
    ["file:///w/p/q/a.py", "q/a.py", "q/a.py"],
    ["file:///w/pq/a.py", "/w/pq/a.py", "/w/pq/a.py"],
    ["file:///home/me/lib/a.py", "~/lib/a.py", "~/lib/a.py"],
    ["file:///home/me", "~", "~"],
    ["file:///etc/hosts", "/etc/hosts", "/etc/hosts"],
  ])("%s is %s, and %s among several folders", (uri, one, many) => {
    expect(displayPath(uri, alone)).toBe(one);
    expect(displayPath(uri, several)).toBe(many);
  });

  test.each([
    ["file:///w/p/src/a.py", "src"],
    ["file:///w/p/a.py", ""],
    ["file:///etc/hosts", "/etc"],
  ])("%s is in %s", (uri, folder) => {
    expect(displayFolder(uri, alone)).toBe(folder);
  });

  test.each([
    ["file:///w/caf%C3%A9%20%23.py", "/w/café #.py"],
    ["file:///w/%FFbad%20name", "/w/%FFbad name"],
    ["file:///c%3A/work/a.py", "c:/work/a.py"],
  ])("%s is %s", (uri, path) => {
    expect(pathOf(uri)).toBe(path);
  });

  test("badges go by what VS Code has as a path", () => {
    expect(decodedPath("file:///c%3A/a.py")).toBe("/c:/a.py");
    expect(baseName("file:///w/p/")).toBe("p");
  });
});

describe("markdown", () => {
  test.each([
    ["[a](command:b)", "\\[a\\]\\(command:b\\)"],
    ["$(zap) <b>", "&#36;\\(zap\\) \\<b\\>"],
    ["a\u202eb\u0000", "a\\\\u202eb\\\\u0000"],
    ["a\nb", "a  \nb"],
  ])("%j is told as it is", (text, expected) => {
    expect(plain(text)).toBe(expected);
  });

  test("code ends where it should", () => {
    expect(code("a")).toBe("`a`");
    expect(code("a ``b")).toBe("``` a ``b ```");
    expect(fenced("```")).toBe("````\n```\n````");
  });
});

describe("words", () => {
  test.each([
    [3.14, "3.1 ms"],
    [42.4, "42 ms"],
    [1500, "1.5 s"],
  ])("%d is %s", (value, text) => {
    expect(milliseconds(value)).toBe(text);
  });

  test("a time is told where the user is, a strange one as it is", () => {
    const here = new Date("2026-01-31T12:34:56.789Z");
    expect(timeOfDay(here.toISOString())).toBe(here.toTimeString().slice(0, 8));
    expect(timeOfDay("soon")).toBe("soon");
  });

  test("counts leave out what is none", () => {
    expect(counts({ created: 1, modified: 2000, deleted: 0, renamed: 1 })).toBe("2,000 modified, 1 created, 1 renamed");
  });

  const module = { name: "m", uri: "file:///m.py", status: "reloaded" as const };
  test.each([
    [report("reloaded", { modules: [module, module] }), "reloaded 2 modules in 3.1 ms"],
    [report("reloaded"), "reloaded in 3.1 ms"],
    [report("unchanged"), "unchanged"],
    [report("restartRequired"), "needs a restart"],
    [report("restarted", { durationMs: 1200 }), "restarted in 1.2 s"],
    [report("failed"), "failed"],
    [syntaxError, "failed: SyntaxError"],
  ])("a report in short", (given, text) => {
    expect(reportSummary(given)).toBe(text);
  });
});

describe("messages", () => {
  const place = { folders: [{ name: "p", path: "/p" }], home: "/home/me" };
  const root = { uri: "file:///p/later", kind: "directory" as const, state: "watching" as const, files: 12 };
  const result = { roots: [root], added: [], removed: [], clock: "c:1" };

  test("a refresh says what was added and removed", () => {
    expect(refreshed({ ...result, added: ["file:///p/later"] }, place)).toBe(
      "Added later. Watching 1 path with 12 files.",
    );
    const many = Array.from({ length: 5 }, (_, index) => `file:///p/${index}`);
    expect(refreshed({ ...result, removed: many }, place)).toContain("Removed 0, 1, 2 and 2 more.");
    expect(refreshed(result, place)).toBe("Nothing added or removed. Watching 1 path with 12 files.");
  });

  test("a refresh of one path says how that is", () => {
    expect(refreshedRoot(result, root.uri)).toBe("later: 12 files.");
    expect(refreshedRoot({ ...result, roots: [{ ...root, state: "missing" }] }, root.uri)).toBe("later: missing.");
    expect(refreshedRoot(result, "file:///p/other")).toBe("other is no longer watched.");
  });

  test("a reload says what each program did", () => {
    const targets = [{ id: "4711", name: "app.py", pid: 1, state: "live" as const, lastReport: undefined }];
    expect(reloaded([], targets)).toMatchObject({ failed: false });
    expect(reloaded([report("reloaded"), { ...syntaxError, target: "2" }], targets)).toEqual({
      failed: true,
      message: "app.py: reloaded in 3.1 ms; 2: failed: SyntaxError.",
    });
  });
});

describe("notifications", () => {
  // How VS Code finds links in a notification's text.
  const links = /\[[^\]]+\]\((?:https?:\/\/|command:|file:)[^)\s]+(?: (["'])(?:.+?)\1)?\)/i;

  test.each([
    "[Show details](command:workbench.action.quit)",
    "a[b](https://example.org/)c",
    "[a](FILE:///etc/hosts)",
    "[x](command:a) [y](command:b)",
    "[[x](command:a)",
    `[x](command:a "title")`,
  ])("%s is no link", (name) => {
    expect(links.test(name)).toBe(true);
    expect(links.test(unlinked(name))).toBe(false);
    expect(unlinked(name).replaceAll("\u2060", "")).toBe(name);
  });

  test("other texts stay as they are", () => {
    expect(unlinked("a [1] (b) c.py")).toBe("a [1] (b) c.py");
  });
});
