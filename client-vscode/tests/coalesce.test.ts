import { expect, test } from "vitest";

import { Coalesced, type Timers } from "../src/coalesce.ts";

class Clock implements Timers {
  private timers: { readonly due: number; readonly run: () => void }[] = [];
  private now = 0;

  set(run: () => void, ms: number): unknown {
    const timer = { due: this.now + ms, run };
    this.timers.push(timer);
    return timer;
  }

  clear(timer: unknown): void {
    this.timers = this.timers.filter((known) => known !== timer);
  }

  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = this.timers.filter((timer) => timer.due <= end).sort((one, other) => one.due - other.due)[0];
      if (!next) {
        break;
      }
      this.now = next.due;
      this.clear(next);
      next.run();
    }
    this.now = end;
  }
}

function counting() {
  const clock = new Clock();
  const seen = { runs: 0 };
  const coalesced = new Coalesced(
    () => {
      seen.runs += 1;
    },
    100,
    clock,
  );
  return { clock, seen, coalesced };
}

test("the first asking is done at once, and many after it once, a little later", () => {
  const { clock, seen, coalesced } = counting();
  coalesced.ask();
  expect(seen.runs).toBe(1);
  for (let index = 0; index < 1000; index += 1) {
    coalesced.ask();
  }
  expect(seen.runs).toBe(1);
  clock.pass(99);
  expect(seen.runs).toBe(1);
  clock.pass(1);
  expect(seen.runs).toBe(2);
  clock.pass(1000);
  expect(seen.runs).toBe(2);
});

test("asking all the time keeps the pace", () => {
  const { clock, seen, coalesced } = counting();
  for (let ms = 0; ms < 1000; ms += 1) {
    coalesced.ask();
    clock.pass(1);
  }
  expect(seen.runs).toBe(11);
});

test("after a rest it is done at once again", () => {
  const { clock, seen, coalesced } = counting();
  coalesced.ask();
  clock.pass(500);
  coalesced.ask();
  expect(seen.runs).toBe(2);
});

test("nothing is done once it was disposed of", () => {
  const { clock, seen, coalesced } = counting();
  coalesced.ask();
  coalesced.ask();
  coalesced.dispose();
  clock.pass(500);
  coalesced.ask();
  expect(seen.runs).toBe(1);
});
