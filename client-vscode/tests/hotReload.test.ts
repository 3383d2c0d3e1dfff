import { expect, test } from "vitest";

import { HotReload } from "../src/model/hotReload.ts";
import { contextOf } from "../src/model/serverState.ts";
import { batch, changed, report, status, syntaxError, target } from "./said.ts";

function running(): HotReload {
  const known = new HotReload();
  known.takeServerState({ kind: "running" });
  return known;
}

test("a report is known before and after the status that repeats it", () => {
  const known = running();
  known.takeStatus(status({ targets: [target()] }));
  known.takeReport(syntaxError);
  expect(known.targets[0]?.lastReport).toBe(syntaxError);
  known.takeStatus(status({ targets: [target({ lastReport: syntaxError })] }));
  expect(known.targets[0]?.lastReport?.status).toBe("failed");
});

test("a status sent before a report does not take it back", () => {
  const known = running();
  const older = report("reloaded", { at: "2026-01-31T11:00:00.000Z" });
  known.takeStatus(status({ targets: [target({ lastReport: older })] }));
  known.takeReport(syntaxError);
  known.takeStatus(status({ targets: [target({ lastReport: older })] }));
  expect(known.targets[0]?.lastReport?.status).toBe("failed");
});

test("what was known of programs is forgotten when the server ends, what happened is not", () => {
  const known = running();
  known.takeStatus(status({ targets: [target()] }));
  known.takeBatch(batch("c:1", changed("/p/a.py")));
  known.takeServerState({ kind: "stopped", reason: "no Python" });
  expect(known.status).toBeUndefined();
  expect(known.targets).toEqual([]);
  expect(known.activity.entries).toHaveLength(1);
});

test("a report in Activity keeps the name of a program that has ended", () => {
  const known = running();
  known.takeStatus(status({ targets: [target()] }));
  known.takeReport(report("reloaded"));
  known.takeStatus(status());
  expect(known.activity.entries[0]).toMatchObject({ kind: "report", name: "app.py" });
});

test("it is reloading while a reload that was asked for is not done, also when it fails", async () => {
  const known = running();
  let refuse: (error: Error) => void = () => {};
  const work = known.whileReloading(
    new Promise((_resolve, reject) => {
      refuse = reject;
    }),
  );
  expect(known.reloading).toBe(true);
  refuse(new Error("gone"));
  await expect(work).rejects.toThrow("gone");
  expect(known.reloading).toBe(false);
});

test("a listener that fails keeps no other from hearing", () => {
  const faults: unknown[] = [];
  const known = new HotReload((fault) => faults.push(fault));
  let heard = 0;
  known.changed.listen(() => {
    throw new Error("mine");
  });
  const second = known.changed.listen(() => {
    heard += 1;
  });
  known.clearActivity();
  expect(heard).toBe(1);
  expect(faults).toHaveLength(1);
  second.dispose();
  known.clearActivity();
  expect(heard).toBe(1);
});

test.each([
  [{ kind: "running" }, "running"],
  [{ kind: "restarting", attempt: 1 }, "starting"],
  [{ kind: "stopped", reason: "" }, "stopped"],
  [{ kind: "restricted" }, "restricted"],
] as const)("of the server's state %o menus know %s", (state, context) => {
  expect(contextOf(state)).toBe(context);
});
