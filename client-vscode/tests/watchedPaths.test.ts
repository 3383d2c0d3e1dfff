/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: VS Code writes its variables like this */
import { describe, expect, test } from "vitest";

import { toOptions } from "../src/model/settings.ts";
import { expandPaths, withoutPath, withPath } from "../src/model/watchedPaths.ts";
import { optionDefaults } from "../src/protocol.ts";

const one = { name: "one", path: "/w/one" };
const two = { name: "two", path: "/w/two" };
const variables = { home: "/home/me", env: { LIBS: "/libs" } };

describe("what the paths mean", () => {
  test.each([
    ["/abs", ["/abs"]],
    ["src", ["src"]],
    ["file:///abs", ["file:///abs"]],
    ["~", ["/home/me"]],
    ["~/lib", ["/home/me/lib"]],
    ["a~b", ["a~b"]],
    ["${workspaceFolders}", ["/w/one", "/w/two"]],
    ["${workspaceFolder}/src", ["/w/one/src"]],
    ["${workspaceFolder:two}/src", ["/w/two/src"]],
    ["${workspaceFolder:none}", ["${workspaceFolder:none}"]],
    ["${userHome}/$&", ["/home/me/$&"]],
    ["${env:LIBS}/a", ["/libs/a"]],
    ["${env:NONE}", []],
    ["${unknown}", ["${unknown}"]],
  ])("%s is %o", (entry, expected) => {
    expect(expandPaths([entry], [one, two], variables)).toEqual(expected);
  });

  test("the same path is there once", () => {
    expect(expandPaths(["${workspaceFolders}", "/w/two", "/w/one"], [one, two], variables)).toEqual([
      "/w/one",
      "/w/two",
    ]);
  });
});

describe("what is sent", () => {
  const settings = { ...optionDefaults, paths: [], watchedFiles: false };

  test("no paths are the workspace folders, and nothing where there are none", () => {
    expect(toOptions(settings, [one], variables).paths).toBeNull();
    expect(toOptions(settings, [], variables).paths).toEqual([]);
  });

  test("every option is named", () => {
    const options = toOptions({ ...settings, paths: ["~"], exclude: ["*.tmp"] }, [one], variables);
    expect(options).toEqual({ ...optionDefaults, watchedFiles: false, paths: ["/home/me"], exclude: ["*.tmp"] });
    expect(Object.keys(options).sort()).toEqual(Object.keys(optionDefaults).sort());
  });
});

describe("a path that is added", () => {
  test.each([
    ["to the workspace folders", [], "/lib", ["${workspaceFolders}", "/lib"]],
    ["to a list", ["src"], "/lib", ["src", "/lib"]],
    ["though it is a workspace folder", [], "/w/two", undefined],
    ["though it is there, written relative", ["src"], "/w/one/src", undefined],
    ["though it is there, written with a slash", ["/lib/"], "/lib", undefined],
  ])("%s", (_name, entries, added, expected) => {
    expect(withPath(entries, added, [one, two], variables)).toEqual(expected);
  });
});

describe("a path that is removed", () => {
  test.each([
    ["from a list", ["${workspaceFolders}", "/lib"], "/lib", ["${workspaceFolders}"]],
    ["by another name", ["src", "~/lib"], "/home/me/lib", ["src"]],
    ["from the workspace folders", [], "/w/one", ["/w/two"]],
    ["from the workspace folders among others", ["/lib", "${workspaceFolders}"], "/w/two", ["/lib", "/w/one"]],
    ["though it is the last", ["src"], "/w/one/src", []],
    ["though nothing names it", ["src"], "/else", undefined],
  ])("%s", (_name, entries, removed, expected) => {
    expect(withoutPath(entries, removed, [one, two], variables)).toEqual(expected);
  });
});
