/** What programs host is shown: pools with their sessions, configurations with their problems. */

import { describe, expect, test } from "vitest";

import { HotReload } from "../src/model/hotReload.ts";
import type { Target } from "../src/model/targets.ts";
import type { ConfigurationStatus, PoolSession, PoolStatus } from "../src/protocol.ts";
import { debugInformation } from "../src/show/debugInformation.ts";
import { age, configurationWords, hostedWords, poolWords, sessionWords } from "../src/show/hosted.ts";
import { hover } from "../src/show/hover.ts";
import type { Node } from "../src/show/node.ts";
import { statusItem } from "../src/show/statusBar.ts";
import { statusDocument } from "../src/show/statusDocument.ts";
import { targetNodes } from "../src/show/targetsTree.ts";
import { report, status } from "./said.ts";

const place = { folders: [{ name: "p", path: "/p" }], home: "/home/me" };
const noon = Date.parse("2026-01-31T12:00:00.000Z");

function session(id: string, more: Partial<PoolSession> = {}): PoolSession {
  return { id, startedAt: "2026-01-31T11:57:00.000Z", state: "running", ...more };
}

function pool(more: Partial<PoolStatus> = {}): PoolStatus {
  return { name: "rooms", state: "running", active: 2, max: 50, sessions: [], ...more };
}

function settings(more: Partial<ConfigurationStatus> = {}): ConfigurationStatus {
  return { name: "settings", version: "7", problems: [], members: [], ...more };
}

const bad = settings({
  problems: [
    {
      key: "db.port",
      message: "no number",
      uri: "file:///p/app.toml",
      range: { start: { line: 1, character: 0 }, end: { line: 1, character: 9 } },
    },
    { message: "no answer", source: "redis" },
  ],
});

function program(more: Partial<Target> = {}): Target {
  return { id: "1", name: "app.py", pid: 4711, state: "live", lastReport: undefined, ...more };
}

function texts(nodes: readonly Node[]): string[] {
  return nodes.map((node) => [node.label, node.description].filter((part) => part !== undefined).join(" | "));
}

function below(node: Node | undefined): readonly Node[] {
  return node?.children?.() ?? [];
}

describe("in words", () => {
  test.each<[Partial<PoolStatus>, string]>([
    [{}, "2 of 50 sessions"],
    [{ active: 1200, max: 2000, pinned: 1, failed: 2 }, "1,200 of 2,000 sessions · 1 pinned · 2 failed"],
    [{ state: "draining", reserved: 1, waiting: 3 }, "draining · 2 of 50 sessions · 1 reserved · 3 waiting"],
  ])("a pool with %o is %s", (more, text) => {
    expect(poolWords(pool(more))).toBe(text);
  });

  test.each<[Partial<PoolSession>, string]>([
    [{}, "3 min"],
    [{ state: "starting", startedAt: "2026-01-31T11:59:59.000Z" }, "starting · under 1 min"],
    [{ pinned: true, lastError: "KeyError: 'x'" }, "3 min · pinned · could not follow a reload"],
  ])("a session with %o is %s", (more, text) => {
    expect(sessionWords(session("ann", more), noon)).toBe(text);
  });

  test.each([
    ["2026-01-31T12:00:09.000Z", "under 1 min"],
    ["2026-01-31T10:58:00.000Z", "1 h 2 min"],
    ["2026-01-20T12:00:00.000Z", "11 days"],
    ["noon", "under 1 min"],
  ])("since %s is %s", (at, text) => {
    expect(age(at, noon)).toBe(text);
  });

  test.each<[ConfigurationStatus, string]>([
    [settings(), "version 7"],
    [bad, "a newer version is not used · version 7"],
    [
      settings({ group: "app", members: [{ id: "a:1", version: "7", state: "applied" }], more: 2 }),
      "version 7 · group app · 3 members",
    ],
  ])("a configuration %o is %s", (configuration, text) => {
    expect(configurationWords(configuration)).toBe(text);
  });

  test("a program's row says all that it hosts", () => {
    expect(hostedWords(program({ pools: [pool()], configurations: [settings()] }))).toBe(
      "rooms: 2 of 50 sessions · settings: version 7",
    );
    expect(hostedWords(program({ workerOf: { pid: 1, pool: "rooms" } }))).toBe("worker of rooms");
    expect(hostedWords(program())).toBe("");
  });
});

describe("in the tree", () => {
  test("a pool stands below its program, with its sessions, and can be drained", () => {
    const sessions = [session("ann"), session("bob", { pinned: true, rebinds: 2, lastError: "KeyError: `x`" })];
    const more = { sessions, more: 7, changeWaitsFor: ["bob"], lastError: "eve: ValueError: no" };
    const [row] = targetNodes([program({ pools: [pool(more)], lastReport: report("reloaded") })], place);
    expect(row?.expanded).toBe(true);
    const [shown] = below(row);
    expect(shown).toMatchObject({
      label: "rooms",
      description: "2 of 50 sessions",
      context: "pool",
      pool: { target: "1", pool: "rooms" },
      icon: { id: "warning" },
    });
    expect(shown?.tooltip).toContain("A change of code waits for: bob");
    expect(shown?.tooltip).toContain("Last failure: eve: ValueError: no");
    const rows = below(shown);
    expect(rows.map((each) => [each.label, each.icon?.id])).toEqual([
      ["ann", "person"],
      ["bob", "warning"],
      ["and 7 sessions more", "ellipsis"],
    ]);
    expect(rows[1]?.tooltip).toContain("It could not follow a reload: KeyError: \\`x\\`");
  });

  test("a pool that drains can't be drained again", () => {
    const [row] = targetNodes([program({ pools: [pool({ state: "draining", drainReason: "memory" })] })], place);
    expect(below(row)[0]).toMatchObject({ context: "drainingPool", icon: { id: "sign-out" } });
    expect(below(row)[0]?.tooltip).toContain("Drains because: memory");
  });

  test("a worker says whose it is", () => {
    const [row] = targetNodes([program({ workerOf: { pid: 7, pool: "rooms" } })], place);
    expect(texts([row as Node])).toEqual(["app.py | worker of rooms · live"]);
    expect(row?.tooltip).toContain("Worker of the session pool rooms of process 7");
  });

  test("a bad configuration unfolds, and opens at its line", () => {
    const [row] = targetNodes([program({ configurations: [bad] })], place);
    expect(row).toMatchObject({ expanded: true, icon: { id: "error" } });
    const [shown] = below(row);
    expect(shown).toMatchObject({ expanded: true, icon: { id: "error" } });
    expect(texts(below(shown))).toEqual(["db.port: no number | app.toml:2", "no answer | redis"]);
    expect(below(shown)[0]?.opens).toMatchObject({ kind: "file", uri: "file:///p/app.toml" });
    const [mended] = targetNodes([program({ configurations: [settings()] })], place);
    expect(below(mended)[0]?.id).not.toBe(shown?.id);
    expect(below(mended)[0]?.children).toBeUndefined();
  });

  test("members say which version they run, and who leads", () => {
    const members = [
      { id: "a:1", version: "7", state: "applied" as const },
      { id: "b:2", version: "6", state: "refused" as const, refused: "port in use" },
    ];
    const [row] = targetNodes([program({ configurations: [settings({ members, leader: "a:1", more: 3 })] })], place);
    expect(texts(below(below(row)[0]))).toEqual([
      "a:1 | applied · leader",
      "b:2 | version 6 · refused · port in use",
      "and 3 members more",
    ]);
  });

  test("rows keep their identities when sessions come and go", () => {
    const one = targetNodes([program({ pools: [pool({ sessions: [session("ann"), session("bob")] })] })], place);
    const two = targetNodes([program({ pools: [pool({ sessions: [session("bob")] })] })], place);
    expect(below(below(two[0])[0])[0]?.id).toBe(below(below(one[0])[0])[1]?.id);
  });
});

describe("elsewhere", () => {
  const targets = [{ id: "1", name: "app.py", pid: 7, state: "live" as const, pools: [pool()], configurations: [bad] }];

  function knowing(): HotReload {
    const known = new HotReload();
    known.takeServerState({ kind: "running" });
    known.takeStatus(status({ targets }));
    return known;
  }

  test("the status bar says that a configuration failed, and its hover which version runs", () => {
    expect(statusItem(knowing())).toMatchObject({ text: "$(error) Configuration failed", severity: "error" });
    expect(hover(knowing(), undefined, place)).toContain("settings: a newer version is not used · version 7");
  });

  test("the status document lists pools and configurations", () => {
    const text = statusDocument(knowing(), undefined, place);
    expect(text).toContain("## Session Pools");
    expect(text).toContain("| app\\.py | 7 | rooms | 2 of 50 sessions |");
    expect(text).toContain("db\\.port: no number · app\\.toml:2");
  });

  test("debug information names no sessions", () => {
    const secret = pool({
      sessions: [session("+49 30 1234")],
      lastError: "+49 30 1234: no",
      changeWaitsFor: ["+49 30 1234"],
    });
    const text = debugInformation({
      ...{ extension: "", editor: "", system: "", remote: "", command: [], python: "", reloadls: "", restarts: 0 },
      ...{ settings: {}, folders: 1, lastLines: [], home: "/home/me", server: { kind: "running" as const } },
      status: status({ targets: [{ id: "1", name: "app.py", pid: 7, state: "live", pools: [secret] }] }),
    });
    expect(text).toContain('"active": 2');
    expect(text).not.toContain("1234");
  });
});
