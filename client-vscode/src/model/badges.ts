/** Which files bear a badge: those that changed on disk, or failed, since running programs last took changes up. */

import { Event } from "../event.ts";
import type { ChangeBatch, ReloadReport, TargetStatus } from "../protocol.ts";
import { decodedPath } from "./uris.ts";

export type Badge =
  | { readonly kind: "changed" }
  | { readonly kind: "restart"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };

/** More files than this are not marked: the first ones stay. */
export const badgesKept = 1000;

/** A batch comes at most so long after a report of the same change: a program has a shorter quiet time than the watching. */
const reportsAheadMs = 3000;

/** Files go by the path in their URI, decoded: editors and servers encode it differently. */
export class Badges {
  readonly redrawn = new Event<void>();
  private readonly changed = new Set<string>();
  /** Of each program, what its last report complains of. */
  private readonly complaints = new Map<string, Map<string, Badge>>();
  /** When a program last reported on a file. */
  private readonly reported = new Map<string, number>();

  /** The badge of a file. */
  of(path: string): Badge | undefined {
    let found: Badge | undefined = this.changed.has(path) ? { kind: "changed" } : undefined;
    for (const complaints of this.complaints.values()) {
      const badge = complaints.get(path);
      if (badge && found?.kind !== "failed") {
        found = badge;
      }
    }
    return found;
  }

  /** Takes a batch; without a running program the user's own saves are no news. */
  addBatch(batch: ChangeBatch, hasLiveTarget: boolean): void {
    const isNews = batch.cause !== "save" || hasLiveTarget;
    for (const change of batch.changes) {
      if (change.type === "deleted") {
        this.changed.delete(decodedPath(change.uri));
      } else if (isNews && this.changed.size < badgesKept) {
        this.mark(decodedPath(change.uri), batch.at);
      }
    }
    this.redrawn.fire();
  }

  /** Takes a report: what it took up is no longer new, what it could not is marked. */
  addReport(report: ReloadReport): void {
    const complaints = complaintsOf(report);
    this.complaints.set(report.target, complaints);
    this.remember(report);
    if (report.status === "failed") {
      for (const path of complaints.keys()) {
        this.changed.delete(path);
      }
    } else {
      this.changed.clear();
    }
    this.redrawn.fire();
  }

  private mark(path: string, at: string): void {
    if (!this.isReported(path, at)) {
      this.changed.add(path);
    }
  }

  /** Whether a program has already reported on a change of a batch. */
  private isReported(path: string, at: string): boolean {
    const reported = this.reported.get(path);
    return reported !== undefined && Date.parse(at) - reported < reportsAheadMs;
  }

  private remember(report: ReloadReport): void {
    const now = Date.parse(report.at);
    for (const [path, reported] of this.reported) {
      if (now - reported >= reportsAheadMs) {
        this.reported.delete(path);
      }
    }
    for (const { uri } of report.modules ?? []) {
      this.reported.set(decodedPath(uri), now);
    }
  }

  /** Forgets what programs that have ended complained of. */
  keepTargets(targets: readonly TargetStatus[]): void {
    const there = new Set(targets.filter((target) => target.state !== "gone").map((target) => target.id));
    const ended = [...this.complaints.keys()].filter((known) => !there.has(known));
    for (const id of ended) {
      this.complaints.delete(id);
    }
    if (ended.length > 0) {
      this.redrawn.fire();
    }
  }

  clear(): void {
    this.changed.clear();
    this.complaints.clear();
    this.reported.clear();
    this.redrawn.fire();
  }
}

function complaintsOf(report: ReloadReport): Map<string, Badge> {
  const found = new Map<string, Badge>();
  for (const module of report.modules ?? []) {
    if (module.status === "rolledBack") {
      found.set(decodedPath(module.uri), { kind: "failed", reason: module.reason ?? report.error?.message ?? "" });
    } else if (module.status === "restartRequired") {
      found.set(decodedPath(module.uri), { kind: "restart", reason: module.reason ?? "" });
    }
  }
  if (report.error?.uri) {
    found.set(decodedPath(report.error.uri), {
      kind: "failed",
      reason: `${report.error.type}: ${report.error.message}`,
    });
  }
  return found;
}
