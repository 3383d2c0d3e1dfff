/** Whether a server that ended by itself is started again: some times within a while, each a bit later. */

export type Verdict =
  | { readonly restart: true; readonly afterMs: number; readonly attempt: number }
  | { readonly restart: false; readonly ends: number };

export interface RestartLimits {
  readonly most: number;
  readonly withinMs: number;
  readonly delaysMs: readonly number[];
}

export const restartLimits: RestartLimits = { most: 4, withinMs: 180_000, delaysMs: [0, 500, 1000, 2000] };

export class Restarts {
  private ends: number[] = [];

  constructor(private readonly limits: RestartLimits = restartLimits) {}

  /** How often it has ended lately. */
  get lately(): number {
    return this.ends.length;
  }

  /** The server has ended; `now` in milliseconds. */
  ended(now: number): Verdict {
    const { most, withinMs, delaysMs } = this.limits;
    this.ends = [...this.ends.filter((end) => now - end < withinMs), now];
    const attempt = this.ends.length;
    if (attempt > most) {
      return { restart: false, ends: attempt };
    }
    return { restart: true, afterMs: delaysMs[Math.min(attempt, delaysMs.length) - 1] ?? 0, attempt };
  }

  /** The user wants a new beginning. */
  forget(): void {
    this.ends = [];
  }
}
