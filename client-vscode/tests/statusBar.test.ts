import { describe, expect, test } from "vitest";
import { Activity } from "../src/model/activity.ts";
import type { ServerState } from "../src/model/serverState.ts";
import type { Target } from "../src/model/targets.ts";
import type { ReloadReport, ReloadStatus } from "../src/protocol.ts";
import { hover, hoverCommands } from "../src/show/hover.ts";
import type { Known } from "../src/show/phase.ts";
import { statusItem } from "../src/show/statusBar.ts";
import { batch, changed, report, status, syntaxError } from "./said.ts";

const place = { folders: [{ name: "p", path: "/p" }], home: "/home/me" };

function program(state: Target["state"], lastReport?: ReloadReport): Target {
  return { id: "1", name: "app.py", pid: 1, state, lastReport };
}

function knowing(more: Partial<Known> = {}): Known {
  return { server: { kind: "running" }, status: status(), targets: [], reloading: false, ...more };
}

describe("the status bar item", () => {
  const servers: [ServerState, string, string][] = [
    [{ kind: "restricted" }, "$(shield) Restricted", "normal"],
    [{ kind: "starting" }, "$(loading~spin) Starting", "normal"],
    [{ kind: "restarting", attempt: 2 }, "$(loading~spin) Restarting", "normal"],
    [{ kind: "stopped", reason: "no Python" }, "$(circle-slash) Stopped", "error"],
  ];
  test.each(servers)("of %o is %s", (server, text, severity) => {
    expect(statusItem(knowing({ server, status: undefined }))).toMatchObject({ text, severity });
  });

  const states: [string, ReloadStatus | undefined, Target[], string, string][] = [
    ["that said nothing yet", undefined, [], "$(loading~spin) Starting", "normal"],
    ["that watches", status(), [], "$(eye) Watching", "normal"],
    ["that has nothing to watch", status({ roots: [] }), [], "$(eye-closed) Nothing watched", "normal"],
    ["that is paused", status({ state: "paused" }), [program("live")], "$(debug-pause) Paused", "normal"],
    ["that is degraded", status({ state: "degraded" }), [], "$(warning) Degraded", "warning"],
    ["that has stopped", status({ state: "stopped" }), [], "$(circle-slash) Stopped", "error"],
    ["with programs", status(), [program("live"), program("live")], "$(zap) 2 live", "normal"],
    ["with an ended program", status(), [program("gone", syntaxError)], "$(eye) Watching", "normal"],
    ["with one that starts anew", status(), [program("restarting")], "$(sync~spin) Reloading", "normal"],
    ["with a failed reload", status(), [program("live", syntaxError)], "$(error) Reload failed", "error"],
    [
      "with two failed reloads",
      status(),
      [program("failed"), program("live", syntaxError)],
      "$(error) 2 reloads failed",
      "error",
    ],
    [
      "with one that needs a restart",
      status(),
      [program("live", report("restartRequired"))],
      "$(debug-restart) Restart needed",
      "warning",
    ],
  ];
  test.each(states)("of a server %s", (_name, of, targets, text, severity) => {
    expect(statusItem(knowing({ status: of, targets }))).toMatchObject({ text, severity });
  });

  test("says that a reload that was asked for is under way, whatever went before", () => {
    const known = knowing({ reloading: true, targets: [program("live", syntaxError)] });
    expect(statusItem(known)).toMatchObject({ phase: "reloading", spoken: "Hot Reload: Reloading" });
  });
});

describe("its hover", () => {
  test("tells of roots, files, the last batch and programs", () => {
    const activity = new Activity();
    activity.addBatch(batch("c:1", changed("/p/a.py", "/p/b.py")));
    const roots = [
      { uri: "file:///p", kind: "directory" as const, state: "watching" as const, files: 1204 },
      { uri: "file:///home/me/lib", kind: "directory" as const, state: "missing" as const, files: 0 },
    ];
    const known = knowing({ status: status({ roots }), targets: [program("live", report("reloaded"))] });
    const text = hover(known, activity.lastBatch, place);
    expect(text).toContain("**Hot Reload** · 1 live");
    expect(text).toContain("1,204 files");
    expect(text).toContain("$(warning) \\~/lib · missing");
    expect(text).toContain("2 modified · seen on disk");
    expect(text).toContain("app\\.py · live · reloaded in 3\\.1 ms");
  });

  test("names the one file of a batch", () => {
    const activity = new Activity();
    activity.addBatch(batch("c:1", changed("/p/a.py")));
    expect(hover(knowing(), activity.lastBatch, place)).toContain("a\\.py modified");
  });

  test("shows no more than some roots", () => {
    const roots = Array.from({ length: 30 }, (_, index) => ({
      uri: `file:///p${index}`,
      kind: "directory" as const,
      state: "watching" as const,
      files: 1,
    }));
    const text = hover(knowing({ status: status({ roots }) }), undefined, place);
    expect(text).toContain("- and 25 more");
    expect(text.split("\n").length).toBeLessThan(30);
  });

  test("takes no name for markup", () => {
    const roots = [
      { uri: "file:///x/[a](command:evil)", kind: "directory" as const, state: "watching" as const, files: 1 },
    ];
    expect(hover(knowing({ status: status({ roots }) }), undefined, place)).not.toContain("](command:evil)");
  });

  test("has only links that may be followed", () => {
    const servers: ServerState[] = [
      { kind: "running" },
      { kind: "restricted" },
      { kind: "stopped", reason: "no *Python*" },
    ];
    for (const server of servers) {
      for (const state of ["watching", "paused"] as const) {
        const text = hover(knowing({ server, status: status({ state }) }), undefined, place);
        const links = [...text.matchAll(/\]\(command:([^)]*)\)/g)].map((match) => match[1]);
        expect(links.length).toBeGreaterThan(1);
        expect(links.filter((command) => !hoverCommands.includes(command ?? ""))).toEqual([]);
      }
    }
  });
});
