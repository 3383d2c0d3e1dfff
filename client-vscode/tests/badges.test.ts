import { expect, test } from "vitest";

import { Badges, badgesKept } from "../src/model/badges.ts";
import { batch, changed, report, syntaxError, target } from "./said.ts";

test("a file that changed on disk is marked until programs took it up", () => {
  const badges = new Badges();
  badges.addBatch(batch("c:1", changed("/p/a.py", "/p/with%20blank.py")), true);
  expect(badges.of("/p/a.py")).toEqual({ kind: "changed" });
  expect(badges.of("/p/with blank.py")).toEqual({ kind: "changed" });
  expect(badges.of("/p/b.py")).toBeUndefined();
  badges.addReport(report("reloaded"));
  expect(badges.of("/p/a.py")).toBeUndefined();
});

test("a batch that comes after the report of the same change marks nothing, a later one does", () => {
  const badges = new Badges();
  const modules = [{ name: "a", uri: "file:///p/a.py", status: "reloaded" as const }];
  badges.addReport(report("reloaded", { modules, at: "2026-01-31T12:00:00.000Z" }));
  badges.addBatch(batch("c:1", changed("/p/a.py", "/p/b.py"), { at: "2026-01-31T12:00:00.175Z" }), true);
  expect(badges.of("/p/a.py")).toBeUndefined();
  expect(badges.of("/p/b.py")).toEqual({ kind: "changed" });
  badges.addBatch(batch("c:2", changed("/p/a.py"), { at: "2026-01-31T12:01:00.000Z" }), true);
  expect(badges.of("/p/a.py")).toEqual({ kind: "changed" });
});

test("the user's own saves are marked only where a program is to take them up", () => {
  const badges = new Badges();
  badges.addBatch(batch("c:1", changed("/p/a.py"), { cause: "save" }), false);
  expect(badges.of("/p/a.py")).toBeUndefined();
  badges.addBatch(batch("c:1", changed("/p/a.py"), { cause: "save" }), true);
  expect(badges.of("/p/a.py")).toEqual({ kind: "changed" });
});

test("a deleted file is not marked", () => {
  const badges = new Badges();
  badges.addBatch(batch("c:1", changed("/p/a.py")), true);
  badges.addBatch(batch("c:2", [{ uri: "file:///p/a.py", type: "deleted" }]), true);
  expect(badges.of("/p/a.py")).toBeUndefined();
});

test("a failed file is marked, the others stay changed, and success clears both", () => {
  const badges = new Badges();
  badges.addBatch(batch("c:1", changed("/p/views.py", "/p/models.py")), true);
  badges.addReport(syntaxError);
  expect(badges.of("/p/views.py")).toEqual({ kind: "failed", reason: "SyntaxError: invalid syntax" });
  expect(badges.of("/p/models.py")).toEqual({ kind: "changed" });
  badges.addReport(report("reloaded"));
  expect(badges.of("/p/views.py")).toBeUndefined();
  expect(badges.of("/p/models.py")).toBeUndefined();
});

test("a file that needs a restart says why", () => {
  const badges = new Badges();
  const modules = [
    { name: "m", uri: "file:///p/m.py", status: "restartRequired" as const, reason: "a slot was added" },
  ];
  badges.addReport(report("restartRequired", { modules }));
  expect(badges.of("/p/m.py")).toEqual({ kind: "restart", reason: "a slot was added" });
});

test("failing in one program counts more than needing a restart in another", () => {
  const badges = new Badges();
  const modules = [{ name: "m", uri: "file:///p/views.py", status: "restartRequired" as const, reason: "x" }];
  badges.addReport(syntaxError);
  badges.addReport(report("restartRequired", { target: "2", modules }));
  expect(badges.of("/p/views.py")?.kind).toBe("failed");
});

test("what a program complained of goes with it", () => {
  const badges = new Badges();
  badges.addReport(syntaxError);
  badges.keepTargets([target()]);
  expect(badges.of("/p/views.py")?.kind).toBe("failed");
  badges.keepTargets([target({ state: "gone" })]);
  expect(badges.of("/p/views.py")).toBeUndefined();
});

test("no more files are marked than it says", () => {
  const badges = new Badges();
  const names = Array.from({ length: badgesKept + 10 }, (_, index) => `/p/${index}.py`);
  badges.addBatch(batch("c:1", changed(...names)), false);
  expect(names.filter((name) => badges.of(name)).length).toBe(badgesKept);
});

test("whoever draws them is told", () => {
  const badges = new Badges();
  let told = 0;
  badges.redrawn.listen(() => {
    told += 1;
  });
  badges.addBatch(batch("c:1", changed("/p/a.py")), false);
  badges.addReport(syntaxError);
  badges.keepTargets([]);
  badges.keepTargets([]); // nothing to forget
  badges.clear();
  expect(told).toBe(4);
});

test("a change that is told after a program took it up is no news, a later one is", () => {
  const modules = [{ name: "views", uri: "file:///p/views.py", status: "reloaded" as const }];
  const badges = new Badges();
  badges.addReport(report("reloaded", { at: "2026-01-31T12:00:00.000Z", modules }));
  badges.addBatch(batch("c:1", changed("/p/views.py", "/p/data.txt"), { at: "2026-01-31T12:00:00.200Z" }), true);
  expect(badges.of("/p/views.py")).toBeUndefined();
  expect(badges.of("/p/data.txt")).toEqual({ kind: "changed" });
  badges.addBatch(batch("c:2", changed("/p/views.py"), { at: "2026-01-31T12:00:10.000Z" }), true);
  expect(badges.of("/p/views.py")).toEqual({ kind: "changed" });
});
