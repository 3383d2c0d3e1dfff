import { describe, expect, test } from "vitest";

import { Activity, type BatchEntry, entriesKept, filesIn, filesKept } from "../src/model/activity.ts";
import type { Change } from "../src/protocol.ts";
import { batch, changed, report } from "./said.ts";

const many = (count: number, from = 0): Change[] =>
  changed(...Array.from({ length: count }, (_, index) => `/p/${from + index}.py`));

describe("Activity", () => {
  test("holds what came last, newest first", () => {
    const activity = new Activity();
    activity.addBatch(batch("c:1", changed("/p/a.py")));
    activity.addReport(report("reloaded"), "app.py");
    expect(activity.entries.map((entry) => entry.kind)).toEqual(["report", "batch"]);
    expect(activity.lastBatch?.clock).toBe("c:1");
  });

  test("holds no more entries than it says", () => {
    const activity = new Activity();
    for (let index = 0; index < entriesKept + 50; index += 1) {
      activity.addBatch(batch(`c:${index}`, changed("/p/a.py")));
    }
    expect(activity.entries).toHaveLength(entriesKept);
    expect((activity.entries[0] as BatchEntry).clock).toBe(`c:${entriesKept + 49}`);
    expect(new Set(activity.entries.map((entry) => entry.id)).size).toBe(entriesKept);
  });

  test("counts 20 parts of 5,000 changes as one batch, and holds only the files it shows", () => {
    const activity = new Activity();
    for (let part = 0; part < 20; part += 1) {
      activity.addBatch(batch("c:9", many(5000, part * 5000), { partial: part < 19 }));
    }
    expect(activity.entries).toHaveLength(1);
    const [entry] = activity.entries as BatchEntry[];
    expect(entry && filesIn(entry.counts)).toBe(100_000);
    expect(entry?.changes).toHaveLength(filesKept);
    expect(entry?.partial).toBe(false);
    expect(JSON.stringify(activity.entries).length).toBeLessThan(filesKept * 100);
  });

  test("keeps the identity of a batch whose parts come, even when something comes between", () => {
    const activity = new Activity();
    activity.addBatch(batch("c:1", many(2), { partial: true }));
    activity.addReport(report("reloaded"), "app.py");
    const before = activity.entries[1]?.id;
    activity.addBatch(batch("c:1", many(1, 2)));
    expect(activity.entries[1]?.id).toBe(before);
    expect(activity.entries[1]).toMatchObject({ counts: { modified: 3 }, partial: false });
  });

  test("takes two batches with the same clock for two, once the first is whole", () => {
    const activity = new Activity();
    activity.addBatch(batch("c:1", many(1)));
    activity.addBatch(batch("c:1", many(1)));
    expect(activity.entries).toHaveLength(2);
  });

  test("shows a renamed file once, whichever half comes first", () => {
    const created: Change = { uri: "file:///p/new.py", type: "created", renamedFrom: "file:///p/old.py" };
    const deleted: Change = { uri: "file:///p/old.py", type: "deleted" };
    for (const changes of [
      [created, deleted],
      [deleted, created],
    ]) {
      const activity = new Activity();
      activity.addBatch(batch("c:1", changes));
      expect(activity.entries[0]).toMatchObject({
        counts: { created: 0, deleted: 0, renamed: 1 },
        changes: [created],
      });
    }
  });

  test("is empty after it was cleared", () => {
    const activity = new Activity();
    activity.addBatch(batch("c:1", many(1)));
    activity.clear();
    expect(activity.entries).toEqual([]);
    expect(activity.lastBatch).toBeUndefined();
  });
});
