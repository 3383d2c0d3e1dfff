import { expect, test } from "vitest";

import { debugInformation } from "../src/show/debugInformation.ts";
import { statusDocument } from "../src/show/statusDocument.ts";
import { report, status } from "./said.ts";

const place = { folders: [{ name: "p", path: "/p" }], home: "/home/me" };

test("the status page tells all of it", () => {
  const target = { id: "1", name: "a|b.py", pid: 4711, state: "live" as const, lastReport: report("reloaded") };
  const known = {
    server: { kind: "running" as const },
    status: status({ problems: [{ code: "watchLimit", message: "too many folders" }] }),
    targets: [target],
    reloading: false,
  };
  const metrics = {
    hints: 10,
    batches: 2000,
    reconciles: { startup: 1 },
    overflows: 0,
    watches: 7,
    watchLimit: 65536,
    lagMs: { p50: 201.4, p99: 1234 },
    sessions: 1,
    memoryBytes: 50 * 1024 * 1024,
  };
  const text = statusDocument(known, metrics, place);
  expect(text).toMatch(/^# Hot Reload: 1 live\n/);
  expect(text).toContain("| a\\|b\\.py | 4711 | live |");
  expect(text).toContain("| p | watching | 1,204 files |");
  expect(text).toContain("- too many folders");
  expect(text).toContain("| Batches sent | 2,000 |");
  expect(text).toContain("| Folders watched / limit | 7 / 65,536 |");
  expect(text).toContain("| Memory of the server | 50.0 MB |");
});

test("the status page says why nothing runs", () => {
  const known = {
    server: { kind: "stopped" as const, reason: "no Python" },
    status: undefined,
    targets: [],
    reloading: false,
  };
  expect(statusDocument(known, undefined, place)).toBe("# Hot Reload: Stopped\n\nno Python\n");
});

test("debug information names what matters, and not the user's home", () => {
  const text = debugInformation({
    extension: "0.2.0",
    editor: "Code 1.139",
    system: "linux",
    remote: "",
    server: { kind: "stopped", reason: "no Python at '/home/me/x'" },
    command: ["/home/me/.venv/bin/python", "-m", "reloadls", "serve"],
    python: "3.13.0",
    reloadls: "0.2.0",
    restarts: 2,
    settings: { paths: ["/home/me/lib"] },
    folders: 2,
    status: undefined,
    lastLines: ["Traceback in /home/me/lib"],
    home: "/home/me",
  });
  expect(text).not.toContain("/home/me");
  for (const told of ["0.2.0", "~/.venv/bin/python -m reloadls serve", '"~/lib"', "restarts lately: 2", "~/lib"]) {
    expect(text).toContain(told);
  }
});
