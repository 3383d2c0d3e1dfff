/** What is known now: the one place that all views are drawn from. */

import { Event } from "../event.ts";
import type { ChangeBatch, ReloadReport, ReloadStatus } from "../protocol.ts";
import { Activity } from "./activity.ts";
import { Badges } from "./badges.ts";
import type { ServerState } from "./serverState.ts";
import { type Target, Targets } from "./targets.ts";

/** What there is news of. */
export type News = "server" | "status" | "batch" | "report" | "reloading" | "cleared";

export class HotReload {
  readonly changed: Event<News>;
  readonly activity = new Activity();
  readonly badges = new Badges();
  private readonly programs = new Targets();
  private serverState: ServerState = { kind: "starting" };
  private lastStatus: ReloadStatus | undefined;
  private triggers = 0;

  constructor(onFault?: (fault: unknown) => void) {
    this.changed = new Event(onFault);
  }

  get server(): ServerState {
    return this.serverState;
  }

  /** What the server last said of itself; nothing unless it runs. */
  get status(): ReloadStatus | undefined {
    return this.lastStatus;
  }

  get targets(): readonly Target[] {
    return this.programs.all;
  }

  /** The user has asked for a reload that is not done yet. */
  get reloading(): boolean {
    return this.triggers > 0;
  }

  takeServerState(state: ServerState): void {
    this.serverState = state;
    if (state.kind !== "running") {
      this.lastStatus = undefined;
      this.programs.takeStatus(undefined);
      this.badges.keepTargets([]);
    }
    this.changed.fire("server");
  }

  takeStatus(status: ReloadStatus): void {
    this.lastStatus = status;
    this.programs.takeStatus(status);
    this.badges.keepTargets(status.targets ?? []);
    this.changed.fire("status");
  }

  takeBatch(batch: ChangeBatch): void {
    this.activity.addBatch(batch);
    this.badges.addBatch(batch, this.programs.hasLive);
    this.changed.fire("batch");
  }

  takeReport(report: ReloadReport): void {
    this.activity.addReport(report, this.programs.nameOf(report.target));
    this.badges.addReport(report);
    this.programs.takeReport(report);
    this.changed.fire("report");
  }

  /** Counts as reloading until `work` is done. */
  async whileReloading<T>(work: Promise<T>): Promise<T> {
    this.triggers += 1;
    this.changed.fire("reloading");
    try {
      return await work;
    } finally {
      this.triggers -= 1;
      this.changed.fire("reloading");
    }
  }

  clearActivity(): void {
    this.activity.clear();
    this.badges.clear();
    this.changed.fire("cleared");
  }
}
