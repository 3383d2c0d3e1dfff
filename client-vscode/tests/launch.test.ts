/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: VS Code writes its variables like this */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import {
  commandOf,
  interpreterFrom,
  isSameLaunch,
  type Launch,
  launchOf,
  pythonFrom,
  strategyFrom,
} from "../src/server/launch.ts";
import { type Python, probe } from "../src/server/probe.ts";
import { troubleWith } from "../src/server/trouble.ts";

const facts = {
  python: "/py",
  strategy: "useBundled" as const,
  bundledLibs: "/ext/bundled/libs",
  hasBundled: true,
  inheritedPythonPath: undefined,
  cwd: "/w",
};

describe("the command", () => {
  test("runs the bundled package before any other", () => {
    const launch = launchOf({ ...facts, inheritedPythonPath: "/mine" });
    expect(commandOf(launch).slice(0, 4)).toEqual(["/py", "-m", "reloadls", "serve"]);
    expect(launch.env).toMatchObject({ PYTHONPATH: "/ext/bundled/libs:/mine", PYTHONSAFEPATH: "1" });
  });

  test("leaves the environment's own search path alone", () => {
    expect(launchOf({ ...facts, strategy: "fromEnvironment" }).env).not.toHaveProperty("PYTHONPATH");
  });

  test.each([
    ["useBundled", true, "useBundled"],
    ["useBundled", false, "fromEnvironment"],
    ["fromEnvironment", true, "fromEnvironment"],
    ["nonsense", true, "useBundled"],
  ])("with %s, bundled there: %s", (setting, hasBundled, strategy) => {
    expect(strategyFrom(setting, hasBundled)).toBe(strategy);
  });

  test("differs if anything of it does", () => {
    expect(isSameLaunch(launchOf(facts), launchOf({ ...facts }))).toBe(true);
    expect(isSameLaunch(launchOf(facts), launchOf({ ...facts, python: "/other" }))).toBe(false);
  });

  test.each([
    ["fromEnvironment" as const, "/chosen", "/set", "/chosen"],
    ["fromEnvironment" as const, undefined, "/set", "/set"],
    ["fromEnvironment" as const, undefined, "", "python3"],
    ["useBundled" as const, "/chosen", "/set", "/set"],
    ["useBundled" as const, "/chosen", "", "/chosen"],
    ["useBundled" as const, undefined, "", "python3"],
  ])("%s with %s chosen and %j set is run by %s", async (strategy, chosen, set, python) => {
    expect(await pythonFrom(strategy, { chosen: async () => chosen, set, otherwise: "python3" })).toBe(python);
  });

  test("does not ask the Python extension where that does not matter", async () => {
    const chosen = () => Promise.reject(new Error("asked"));
    expect(await pythonFrom("useBundled", { chosen, set: "/set", otherwise: "python3" })).toBe("/set");
  });

  const folders = [{ name: "w", path: "/w" }];
  const variables = { home: "/home/me", env: {} };
  test.each([
    ["", ""],
    [" python3.12 ", "python3.12"],
    ["/usr/bin/python3", "/usr/bin/python3"],
    [".venv/bin/python", "/w/.venv/bin/python"],
    ["~/py/bin/python", "/home/me/py/bin/python"],
    ["${workspaceFolder}/.venv/bin/python", "/w/.venv/bin/python"],
  ])("the interpreter %j is %j", (setting, python) => {
    expect(interpreterFrom(setting, folders, variables)).toBe(python);
  });
});

describe("an interpreter", () => {
  let folder = "";
  let python = "";

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "reloadls-probe-"));
    // The project's own, if it has one: it is surely new enough.
    const ours = join(import.meta.dirname, "..", "..", ".venv", "bin", "python");
    const given = existsSync(ours) ? ours : "python3";
    python = execFileSync(given, ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
    // A workspace's own modules must not stand in for Python's.
    writeFileSync(join(folder, "json.py"), "raise SystemExit('the workspace ran')\n");
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function launch(more: Partial<Launch> = {}): Launch {
    return {
      ...launchOf({
        ...facts,
        python,
        cwd: folder,
        bundledLibs: join(folder, "libs"),
      }),
      ...more,
    };
  }

  function stub(name: string, text: string, mode = 0o755): string {
    const path = join(folder, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  }

  test("that finds the package answers with both versions", async () => {
    const service = join(folder, "libs", "reloadls", "service");
    mkdirSync(service, { recursive: true });
    // Regular packages: they go before whatever the interpreter has installed.
    writeFileSync(join(folder, "libs", "reloadls", "__init__.py"), "");
    writeFileSync(join(service, "__init__.py"), "");
    writeFileSync(join(folder, "libs", "reloadls", "_version.py"), "__version__ = '9.8.7'\n");
    writeFileSync(join(service, "main.py"), "print('a word of its own')\n");
    const found = await probe(launch(), "deep");
    expect(found).toMatchObject({ kind: "answered", python: { reloadls: "9.8.7", error: null } });
    expect(troubleWith(found, launch())).toBeUndefined();
  });

  test("that does not find it says so", async () => {
    const missing = launch({
      strategy: "fromEnvironment",
      env: { PYTHONSAFEPATH: "1", PYTHONPATH: "", PYTHONNOUSERSITE: "1" },
    });
    const found = await probe(
      { ...missing, python: stub("isolated", `#!/bin/sh\nexec '${python}' -S "$@"\n`) },
      "light",
    );
    expect(found).toMatchObject({ kind: "answered", python: { reloadls: null, missing: "reloadls" } });
    expect(troubleWith(found, missing)).toMatchObject({
      message: expect.stringContaining("the package reloadls is not installed"),
      remedies: ["useBundled", "selectInterpreter", "openSettings", "showLog"],
    });
  });

  test.each([
    ["that is not there", () => join(folder, "none"), "notFound", "no Python at"],
    ["that is no program", () => stub("data", "x", 0o644), "notRunnable", "can't be run"],
    ["that fails", () => stub("fails", "#!/bin/sh\necho broken >&2\nexit 1\n"), "crashed", "(broken)"],
    ["that says something else", () => stub("other", "#!/bin/sh\necho hello\n"), "crashed", "(hello)"],
    [
      "that says nothing",
      () => stub("mute", "#!/bin/sh\nexec sleep 60\n"),
      "silent",
      "did not answer within 1 seconds",
    ],
  ])("%s", async (_name, path, kind, message) => {
    const broken = launch({ python: path() });
    const found = await probe(broken, "light", kind === "silent" ? 1 : 15);
    expect(found.kind).toBe(kind);
    const trouble = troubleWith(found, broken);
    expect(trouble?.message).toContain(message);
    expect(trouble?.remedies).toEqual(["selectInterpreter", "openSettings", "showLog"]);
  });

  const answered = (more: Partial<Python>) => ({
    kind: "answered" as const,
    python: { version: [3, 13, 0] as const, executable: "/py", reloadls: null, error: "x", missing: null, ...more },
  });

  test.each([
    [answered({ version: [3, 10, 2] }), {}, "it needs Python 3.11 or newer, and '/py' is Python 3.10.2"],
    [answered({ version: [2, 7, 18] }), {}, "is Python 2.7.18"],
    [answered({ missing: "attrs" }), {}, "the bundled server does not load"],
    [answered({ missing: "attrs" }), { strategy: "fromEnvironment" as const }, "reloadls does not load"],
    [answered({ missing: "reloadls" }), { strategy: "fromEnvironment" as const, hasBundled: false }, "pip install"],
  ])("that answers %o", (found, more, message) => {
    const trouble = troubleWith(found, { ...launchOf({ ...facts }), ...more });
    expect(trouble?.message).toContain(message);
    expect(trouble?.remedies.includes("useBundled")).toBe("strategy" in more && !("hasBundled" in more));
  });
});
