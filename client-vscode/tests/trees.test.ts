import { describe, expect, test } from "vitest";

import { Activity } from "../src/model/activity.ts";
import type { Target } from "../src/model/targets.ts";
import type { Change } from "../src/protocol.ts";
import { activityNodes } from "../src/show/activityTree.ts";
import type { Node } from "../src/show/node.ts";
import { pathNodes } from "../src/show/pathsTree.ts";
import { targetNodes } from "../src/show/targetsTree.ts";
import { batch, changed, report, status, syntaxError } from "./said.ts";

const place = { folders: [{ name: "p", path: "/p" }], home: "/home/me" };

function texts(nodes: readonly Node[]): string[] {
  return nodes.map((node) => [node.label, node.description].filter((part) => part !== undefined).join(" | "));
}

function below(node: Node | undefined): readonly Node[] {
  return node?.children?.() ?? [];
}

function identities(nodes: readonly Node[]): string[] {
  return nodes.flatMap((node) => [node.id, ...identities(below(node))]);
}

describe("Activity", () => {
  function shown(...batches: (readonly Change[])[]): readonly Node[] {
    const activity = new Activity();
    for (const [index, changes] of batches.entries()) {
      activity.addBatch(batch(`c:${index}`, changes));
    }
    return activityNodes(activity.entries, place);
  }

  test("has one row for one file, which opens what changed", () => {
    const [row, ...others] = shown(changed("/p/src/a.py"));
    expect(others).toEqual([]);
    expect(texts([row as Node])[0]).toMatch(/^a\.py \| modified \d\d:\d\d:\d\d · src$/);
    expect(row?.children).toBeUndefined();
    expect(row?.opens).toEqual({ kind: "change", change: changed("/p/src/a.py")[0] });
  });

  test("unfolds a batch of several files", () => {
    const [two] = shown(changed("/p/a.py", "/p/src/b.py"));
    expect(texts([two as Node])[0]).toMatch(/^2 files modified \| \d\d:\d\d:\d\d · a\.py, b\.py$/);
    expect(texts(below(two))).toEqual(["a.py | modified", "b.py | src · modified"]);
    const added: Change = { uri: "file:///p/f.py", type: "created" };
    const [six] = shown([...changed("/p/a.py", "/p/b.py", "/p/c.py", "/p/d.py", "/p/e.py"), added]);
    expect(texts([six as Node])[0]).toMatch(/^6 files changed \| \d\d:\d\d:\d\d · a.py, b.py, c.py, d.py, e.py, …$/);
  });

  test("says how many files it does not show", () => {
    const [row] = shown(changed(...Array.from({ length: 5000 }, (_, index) => `/p/${index}.py`)));
    expect(row?.label).toBe("5,000 files modified");
    expect(below(row)).toHaveLength(101);
    expect(below(row).at(-1)?.label).toBe("and 4,900 files more");
  });

  test("says of a renamed file what it was", () => {
    const change: Change = { uri: "file:///p/new.py", type: "created", renamedFrom: "file:///p/src/old.py" };
    const [row] = shown([change, { uri: "file:///p/src/old.py", type: "deleted" }]);
    expect(row?.description).toContain("← src/old.py");
  });

  test("shows reports, with what is wrong first", () => {
    const activity = new Activity();
    activity.addReport(syntaxError, "app.py");
    const [row] = activityNodes(activity.entries, place);
    expect(texts([row as Node])[0]).toMatch(/^app\.py \| failed: SyntaxError · /);
    expect(texts(below(row))).toEqual([
      "SyntaxError: invalid syntax | views.py:12",
      "app.views | rolled back",
      "app.models | unchanged",
    ]);
    expect(below(row)[0]?.opens).toEqual({ kind: "file", uri: "file:///p/views.py", range: syntaxError.error?.range });
    expect(below(row)[1]?.opens).toMatchObject({ range: syntaxError.error?.range });
  });

  test("keeps its rows apart, and their identities when something is added", () => {
    const activity = new Activity();
    activity.addBatch(batch("c:1", changed("/p/a.py", "/p/b.py")));
    activity.addReport(syntaxError, "app.py");
    const before = identities(activityNodes(activity.entries, place));
    expect(new Set(before).size).toBe(before.length);
    activity.addBatch(batch("c:2", changed("/p/a.py", "/p/b.py")));
    expect(identities(activityNodes(activity.entries, place)).slice(3)).toEqual(before);
  });
});

describe("Targets", () => {
  function program(more: Partial<Target>): Target {
    return { id: "1", name: "app.py", pid: 4711, state: "live", lastReport: undefined, ...more };
  }

  test("says of a program what it did last", () => {
    const modules = [{ name: "views", uri: "file:///p/views.py", status: "reloaded" as const, changed: ["index"] }];
    const sessions = { rebound: 5, pinned: 1 };
    const [row] = targetNodes([program({ lastReport: report("reloaded", { modules, sessions }) })], place);
    expect(texts([row as Node])[0]).toMatch(/^app\.py \| live · 1 module in 3\.1 ms · /);
    expect(row?.expanded).toBe(false);
    expect(texts(below(row))).toEqual([
      "views | reloaded · index",
      "Sessions | 5 on the new code, 1 still on the old code",
    ]);
  });

  test("unfolds a program that failed", () => {
    const [row] = targetNodes([program({ lastReport: syntaxError })], place);
    expect(row).toMatchObject({ expanded: true, icon: { id: "error" }, opens: { range: syntaxError.error?.range } });
    expect(row?.description).toMatch(/^live · failed: SyntaxError · /);
    const [failed] = targetNodes([program({ state: "failed", lastReport: syntaxError })], place);
    expect(failed?.description).toMatch(/^failed: SyntaxError · /);
    const [mended] = targetNodes([program({ lastReport: report("reloaded") })], place);
    expect(mended?.id).not.toBe(row?.id);
    expect(below(row)[0]?.tooltip).toContain("````\nTraceback\n  in ```views```\n````");
  });

  test("unfolds a program with notes, each at its place", () => {
    const range = { start: { line: 11, character: 0 }, end: { line: 11, character: 9 } };
    const notes = [
      { code: "stillRunning" as const, message: "main goes on with its old code", uri: "file:///p/app.py", range },
      { code: "later" as const, message: "applies to the next process" },
    ];
    const modules = [{ name: "app", uri: "file:///p/app.py", status: "reloaded" as const, changed: ["main"] }];
    const [row] = targetNodes([program({ lastReport: report("reloaded", { modules, notes }) })], place);
    expect(row).toMatchObject({ expanded: true, icon: { id: "warning" } });
    expect(row?.description).toMatch(/^live · 1 module in 3\.1 ms, 2 notes · /);
    expect(texts(below(row))).toEqual([
      "still running the old code | main goes on with its old code · app.py:12",
      "takes effect later | applies to the next process",
      "app | reloaded · main",
    ]);
    expect(below(row)[0]?.opens).toEqual({ kind: "file", uri: "file:///p/app.py", range });
    const [gone] = targetNodes([program({ state: "gone", lastReport: report("reloaded", { notes }) })], place);
    expect(gone?.expanded).toBe(false);
  });

  test("says nothing of a report where there is none", () => {
    const [row] = targetNodes([program({ state: "starting" })], place);
    expect(texts([row as Node])).toEqual(["app.py | starting"]);
    expect(row?.children).toBeUndefined();
  });

  test("shows no more modules than help", () => {
    const modules = Array.from({ length: 300 }, (_, index) => ({
      name: `m${index}`,
      uri: `file:///p/m${index}.py`,
      status: "reloaded" as const,
    }));
    const [row] = targetNodes([program({ lastReport: report("reloaded", { modules }) })], place);
    expect(below(row).at(-1)?.label).toBe("and 200 modules more");
  });

  test("a file that processes have not all applied is a warning of the program", () => {
    const range = { start: { line: 4, character: 0 }, end: { line: 4, character: 5 } };
    const failed = [{ pid: 14, message: "ValueError: odd", range }];
    const diverged = [{ uri: "file:///p/word.py", applied: [11, 12], failed }];
    const [row] = targetNodes([{ ...program({ lastReport: report("reloaded") }), diverged }], place);
    expect(row?.icon?.id).toBe("warning");
    const [first] = row?.children?.() ?? [];
    expect(first?.label).toBe("diverged");
    expect(first?.description).toContain(":5 · ValueError: odd");
    expect(first?.opens).toEqual({ kind: "file", uri: "file:///p/word.py", range });
  });
});

describe("Watched Paths", () => {
  const roots = [
    { uri: "file:///p", kind: "directory" as const, state: "watching" as const, files: 1 },
    { uri: "file:///home/me/lib", kind: "directory" as const, state: "watching" as const, files: 1204 },
    { uri: "file:///gone", kind: "directory" as const, state: "missing" as const, files: 0 },
  ];

  test("says of each root how many files are in it, and what is wrong with it", () => {
    const rows = pathNodes(status({ roots }), place);
    expect(texts(rows)).toEqual(["p | 1 file", "lib | 1,204 files · ~/lib", "gone | missing · /gone"]);
    expect(rows.map((row) => row.context)).toEqual(["root", "root", "root"]);
    expect(rows[2]?.icon?.id).toBe("warning");
  });

  test("puts a problem below the nearest root, or beside them", () => {
    const problems = [
      { code: "permissionDenied" as const, message: "secret can't be read", uri: "file:///home/me/lib/secret" },
      { code: "badOption" as const, message: "debounceMs must be an integer" },
    ];
    const nested = [{ uri: "file:///home", kind: "directory" as const, state: "watching" as const, files: 2 }];
    const rows = pathNodes(status({ roots: [...nested, ...roots], problems }), place);
    expect(below(rows[0])).toEqual([]);
    expect(texts(below(rows[2]))).toEqual(["secret can't be read"]);
    expect(rows.at(-1)?.label).toBe("debounceMs must be an integer");
  });

  test("is empty while nothing is known", () => {
    expect(pathNodes(undefined, place)).toEqual([]);
  });
});
