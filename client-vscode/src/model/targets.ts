/** What is known of the running programs: their states, and the newest report of each. */

import type { ReloadReport, ReloadStatus, TargetStatus } from "../protocol.ts";

export interface Target extends Omit<TargetStatus, "lastReport"> {
  readonly lastReport: ReloadReport | undefined;
}

export class Targets {
  private statuses: readonly TargetStatus[] = [];
  private readonly reports = new Map<string, ReloadReport>();

  get all(): readonly Target[] {
    return this.statuses.map((status) => ({ ...status, lastReport: this.reports.get(status.id) }));
  }

  get hasLive(): boolean {
    return this.statuses.some((status) => status.state !== "gone");
  }

  /** The name of a program; its identity if it is not known. */
  nameOf(id: string): string {
    return this.statuses.find((status) => status.id === id)?.name ?? id;
  }

  takeStatus(status: Pick<ReloadStatus, "targets"> | undefined): void {
    this.statuses = status?.targets ?? [];
    for (const { lastReport } of this.statuses) {
      if (lastReport) {
        this.takeReport(lastReport);
      }
    }
    const there = new Set(this.statuses.map((target) => target.id));
    for (const id of [...this.reports.keys()].filter((known) => !there.has(known))) {
      this.reports.delete(id);
    }
  }

  takeReport(report: ReloadReport): void {
    const known = this.reports.get(report.target);
    // Times are ISO 8601 UTC, so their order is that of their letters.
    if (!known || known.at <= report.at) {
      this.reports.set(report.target, report);
    }
  }
}
