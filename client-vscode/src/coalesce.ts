/** When to do something that is asked for often: at once, and then at most once in a while. */

import type { Subscription } from "./event.ts";

export interface Timers {
  set(run: () => void, ms: number): unknown;
  clear(timer: unknown): void;
}

export const systemTimers: Timers = {
  set: (run, ms) => setTimeout(run, ms),
  clear: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

/** Runs `run` when asked, but no two runs start within `paceMs`: the last asking is never lost. */
export class Coalesced implements Subscription {
  private timer: unknown;
  private asked = false;
  private disposed = false;

  constructor(
    private readonly run: () => void,
    private readonly paceMs: number,
    private readonly timers: Timers = systemTimers,
  ) {}

  ask(): void {
    if (this.disposed) {
      return;
    }
    if (this.timer !== undefined) {
      this.asked = true;
      return;
    }
    this.timer = this.timers.set(() => this.rest(), this.paceMs);
    this.run();
  }

  dispose(): void {
    this.disposed = true;
    this.timers.clear(this.timer);
  }

  private rest(): void {
    this.timer = undefined;
    if (this.asked) {
      this.asked = false;
      this.ask();
    }
  }
}
