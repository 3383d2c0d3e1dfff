/** What a server says, made short: messages with only what a test is about. */

import type { Change, ChangeBatch, ReloadReport, ReloadStatus, TargetStatus } from "../src/protocol.ts";

export const at = "2026-01-31T12:00:00.123Z";

export function changed(...uris: string[]): Change[] {
  return uris.map((uri) => ({ uri: `file://${uri}`, type: "modified" }));
}

export function batch(clock: string, changes: readonly Change[], more: Partial<ChangeBatch> = {}): ChangeBatch {
  return { clock, since: "c:0", at, cause: "watch", changes, ...more };
}

export function report(status: ReloadReport["status"], more: Partial<ReloadReport> = {}): ReloadReport {
  return { target: "4711", clock: "c:1", at, durationMs: 3.14, status, ...more };
}

export function target(more: Partial<TargetStatus> = {}): TargetStatus {
  return { id: "4711", name: "app.py", pid: 4711, state: "live", ...more };
}

export function status(more: Partial<ReloadStatus> = {}): ReloadStatus {
  return {
    state: "watching",
    backend: "native",
    roots: [{ uri: "file:///p", kind: "directory", state: "watching", files: 1204 }],
    debounceMs: 200,
    maxWaitMs: 2000,
    clock: "c:7f3a:42",
    targets: [],
    problems: [],
    ...more,
  };
}

export const syntaxError = report("failed", {
  modules: [
    { name: "app.models", uri: "file:///p/models.py", status: "unchanged" },
    { name: "app.views", uri: "file:///p/views.py", status: "rolledBack", reason: "invalid syntax" },
  ],
  error: {
    type: "SyntaxError",
    message: "invalid syntax",
    uri: "file:///p/views.py",
    range: { start: { line: 11, character: 4 }, end: { line: 11, character: 9 } },
    traceback: "Traceback\n  in ```views```",
  },
});
