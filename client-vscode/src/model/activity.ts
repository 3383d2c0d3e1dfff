/** What happened lately: the last batches and reports, newest first, with no more files than are ever shown. */

import type { Cause, Change, ChangeBatch, ReloadReport } from "../protocol.ts";

/** How many batches and reports are kept. */
export const entriesKept = 200;
/** How many files of one batch are kept; of the others only the count. */
export const filesKept = 100;

export interface Counts {
  readonly created: number;
  readonly modified: number;
  readonly deleted: number;
  readonly renamed: number;
}

export interface BatchEntry {
  readonly kind: "batch";
  readonly id: number;
  readonly clock: string;
  readonly at: string;
  readonly cause: Cause;
  readonly counts: Counts;
  /** The first files, in the order in which they were noticed; a renamed one stands once. */
  readonly changes: readonly Change[];
  /** More parts of it are on their way. */
  readonly partial: boolean;
}

export interface ReportEntry {
  readonly kind: "report";
  readonly id: number;
  /** The program's name, which outlives it here. */
  readonly name: string;
  readonly report: ReloadReport;
}

export type Entry = BatchEntry | ReportEntry;

/** How many files a batch reports; a renamed one counts once. */
export function filesIn(counts: Counts): number {
  return counts.created + counts.modified + counts.deleted + counts.renamed;
}

export class Activity {
  private ring: Entry[] = [];
  private nextId = 1;
  /** The names that files had before, of the batch whose parts are coming. */
  private oldNames = new Set<string>();

  get entries(): readonly Entry[] {
    return this.ring;
  }

  get lastBatch(): BatchEntry | undefined {
    return this.ring.find((entry) => entry.kind === "batch");
  }

  addBatch(batch: ChangeBatch): void {
    const index = this.ring.findIndex((entry) => isBegun(entry, batch));
    if (index < 0) {
      this.oldNames = new Set();
      this.add({ kind: "batch", id: this.nextId++, ...this.taken(batch) });
      return;
    }
    const begun = this.ring[index] as BatchEntry;
    this.ring[index] = { ...this.taken(batch, begun), kind: "batch", id: begun.id };
  }

  addReport(report: ReloadReport, name: string): void {
    this.add({ kind: "report", id: this.nextId++, name, report });
  }

  clear(): void {
    this.ring = [];
  }

  private add(entry: Entry): void {
    this.ring.unshift(entry);
    this.ring.length = Math.min(this.ring.length, entriesKept);
  }

  private taken(batch: ChangeBatch, begun?: BatchEntry): Omit<BatchEntry, "kind" | "id"> {
    for (const change of batch.changes) {
      if (change.renamedFrom) {
        this.oldNames.add(change.renamedFrom);
      }
    }
    const reported = batch.changes.filter((change) => change.type !== "deleted" || !this.oldNames.has(change.uri));
    return {
      clock: batch.clock,
      at: batch.at,
      cause: batch.cause,
      counts: counted(reported, begun?.counts),
      changes: [...(begun?.changes ?? []), ...reported].slice(0, filesKept),
      partial: batch.partial ?? false,
    };
  }
}

function isBegun(entry: Entry, batch: ChangeBatch): boolean {
  return entry.kind === "batch" && entry.partial && entry.clock === batch.clock;
}

function counted(changes: readonly Change[], before?: Counts): Counts {
  const counts = { created: 0, modified: 0, deleted: 0, renamed: 0, ...before };
  for (const change of changes) {
    counts[change.renamedFrom ? "renamed" : change.type] += 1;
  }
  return counts;
}
