/** How numbers, times, and the protocol's words are said to people. */

import { plural, t } from "../l10n.ts";
import type { Counts } from "../model/activity.ts";
import type { Target } from "../model/targets.ts";
import type { Cause, ChangeType, ModuleReport, Note, ReloadReport, RootState, TargetStatus } from "../protocol.ts";

export function number(value: number): string {
  return value.toLocaleString("en-US");
}

export function milliseconds(value: number): string {
  return value < 10
    ? `${value.toFixed(1)} ms`
    : value < 1000
      ? `${Math.round(value)} ms`
      : `${(value / 1000).toFixed(1)} s`;
}

export function bytes(value: number): string {
  return `${(value / 1024 / 1024).toFixed(1)} MB`;
}

/** The time of day of an ISO 8601 time, where the user is. */
export function timeOfDay(at: string): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? at : time.toTimeString().slice(0, 8);
}

export function files(count: number): string {
  return plural(count, t("1 file"), t("{0} files", number(count)));
}

export function paths(count: number): string {
  return plural(count, t("1 path"), t("{0} paths", number(count)));
}

export function modules(count: number): string {
  return plural(count, t("1 module"), t("{0} modules", number(count)));
}

/** "3 modified, 1 created". */
export function counts(of: Counts): string {
  const parts: [number, string][] = [
    [of.modified, t("{0} modified", number(of.modified))],
    [of.created, t("{0} created", number(of.created))],
    [of.renamed, t("{0} renamed", number(of.renamed))],
    [of.deleted, t("{0} deleted", number(of.deleted))],
  ];
  return parts.flatMap(([count, text]) => (count > 0 ? [text] : [])).join(", ");
}

export function changeType(type: ChangeType | "renamed"): string {
  return {
    created: t("created"),
    modified: t("modified"),
    deleted: t("deleted"),
    renamed: t("renamed"),
  }[type];
}

export function cause(of: Cause): string {
  return {
    watch: t("seen on disk"),
    refresh: t("found by a refresh"),
    rescan: t("found by a full comparison"),
    save: t("saved in the editor"),
    startup: t("found at the start"),
  }[of];
}

export function rootState(state: RootState): string {
  return {
    watching: t("watching"),
    missing: t("missing"),
    denied: t("can't be read"),
    timedOut: t("not responding"),
    polling: t("polled"),
  }[state];
}

export function targetState(state: TargetStatus["state"]): string {
  return {
    starting: t("starting"),
    live: t("live"),
    paused: t("paused"),
    restarting: t("restarting"),
    failed: t("failed"),
    gone: t("ended"),
  }[state];
}

export function reportStatus(report: ReloadReport): string {
  return {
    reloaded: t("reloaded"),
    unchanged: t("unchanged"),
    restartRequired: t("needs a restart"),
    restarted: t("restarted"),
    failed: t("failed"),
  }[report.status];
}

export function moduleStatus(module: ModuleReport): string {
  return {
    reloaded: t("reloaded"),
    unchanged: t("unchanged"),
    rolledBack: t("rolled back"),
    restartRequired: t("needs a restart"),
    skipped: t("skipped"),
  }[module.status];
}

export function noteCode(note: Note): string {
  return {
    stillRunning: t("still running the old code"),
    stillHeld: t("an old object is still held"),
    notUndone: t("not undone"),
    later: t("takes effect later"),
    notFollowed: t("not followed"),
  }[note.code];
}

function notes(count: number): string {
  return plural(count, t("1 note"), t("{0} notes", number(count)));
}

function withNotes(words: string, report: ReloadReport): string {
  const count = (report.notes ?? []).length;
  return count > 0 ? `${words}, ${notes(count)}` : words;
}

/** "reloaded 2 modules in 3.1 ms": a whole report in a few words. */
export function reportSummary(report: ReloadReport): string {
  const took = milliseconds(report.durationMs);
  switch (report.status) {
    case "reloaded": {
      const live = (report.modules ?? []).filter((module) => module.status === "reloaded").length;
      return withNotes(live > 0 ? t("reloaded {0} in {1}", modules(live), took) : t("reloaded in {0}", took), report);
    }
    case "failed":
      return report.error ? t("failed: {0}", report.error.type) : t("failed");
    case "restarted":
      return t("restarted in {0}", took);
    default:
      return withNotes(reportStatus(report), report);
  }
}

/** "live · 2 modules in 3.1 ms": how a program is, in a few words. */
export function targetWords({ state, lastReport }: Target): string {
  const reported = lastReport ? reportWords(lastReport) : undefined;
  if (reported === undefined || (state === "failed" && lastReport?.status === "failed")) {
    return reported ?? targetState(state);
  }
  return `${targetState(state)} · ${reported}`;
}

function reportWords(report: ReloadReport): string {
  const live = (report.modules ?? []).filter((module) => module.status === "reloaded").length;
  return report.status === "reloaded" && live > 0
    ? withNotes(t("{0} in {1}", modules(live), milliseconds(report.durationMs)), report)
    : reportSummary(report);
}
