/** The hover of the status bar item: roots, files, the last batch, programs, and what to do. */

import { t } from "../l10n.ts";
import { type BatchEntry, filesIn } from "../model/activity.ts";
import type { ReloadStatus } from "../protocol.ts";
import { baseName, displayPath, type Place } from "./fileNames.ts";
import { hostedWords } from "./hosted.ts";
import { link, plain } from "./markdown.ts";
import { type Known, phaseOf } from "./phase.ts";
import { phaseWords } from "./statusBar.ts";
import { cause, changeType, counts, files, number, rootState, targetWords, timeOfDay } from "./words.ts";

const rowsShown = 5;

/** Markdown, with icons, whose links run commands. */
export function hover(known: Known, lastBatch: BatchEntry | undefined, place: Place): string {
  const phase = phaseOf(known);
  const parts = [`**${t("Hot Reload")}** · ${phaseWords(phase, known)}`];
  if (known.server.kind === "restricted") {
    parts.push(t("Nothing is started or watched until this workspace is trusted."));
  } else if (known.server.kind === "stopped") {
    parts.push(plain(known.server.reason));
  }
  if (known.status) {
    parts.push(
      rootRows(known.status, place),
      phase === "idle" ? "" : batchRow(lastBatch),
      targetRows(known),
      problemRows(known.status),
    );
  }
  parts.push("---", links(phase).join(" &nbsp;·&nbsp; "));
  return parts.filter((part) => part !== "").join("\n\n");
}

function rootRows(status: ReloadStatus, place: Place): string {
  const total = status.roots.reduce((sum, root) => sum + root.files, 0);
  const polling = status.backend === "polling" ? ` · ${t("polling")}` : "";
  const head = `$(folder) ${files(total)}${polling}`;
  const rows = status.roots.map((root) => {
    const name = plain(displayPath(root.uri, place));
    return root.state === "watching"
      ? `${name} · ${files(root.files)}`
      : `$(warning) ${name} · ${rootState(root.state)}`;
  });
  if (rows.length < 2) {
    return `$(folder) ${rows[0] ?? t("No path is watched.")}${polling}`;
  }
  return list(head, rows);
}

function batchRow(batch: BatchEntry | undefined): string {
  if (!batch) {
    return `$(history) ${t("Nothing has changed yet.")}`;
  }
  const [first] = batch.changes;
  const alone = filesIn(batch.counts) === 1 && first;
  const what = alone
    ? `${plain(baseName(first.uri))} ${changeType(first.renamedFrom ? "renamed" : first.type)}`
    : counts(batch.counts);
  return `$(history) ${timeOfDay(batch.at)} · ${what} · ${cause(batch.cause)}`;
}

function targetRows({ targets }: Known): string {
  const rows = targets.map((target) =>
    [target.name, targetWords(target), hostedWords(target)]
      .filter((part) => part !== "")
      .map(plain)
      .join(" · "),
  );
  if (rows.length < 2) {
    return rows.map((row) => `$(zap) ${row}`).join("");
  }
  return list(`$(zap) ${t("Programs")}`, rows);
}

function problemRows({ problems = [] }: ReloadStatus): string {
  const rows = problems.map((problem) => plain(problem.message));
  return rows.length === 0 ? "" : list(`$(warning) ${t("Problems")}`, rows);
}

function list(head: string, rows: readonly string[]): string {
  const more = rows.length > rowsShown ? [t("and {0} more", number(rows.length - rowsShown))] : [];
  return [head, "", ...[...rows.slice(0, rowsShown), ...more].map((row) => `- ${row}`)].join("\n");
}

function links(phase: string): string[] {
  const log = link(t("Show Log"), "reloadls.showLog");
  if (phase === "restricted") {
    return [link(t("Manage Workspace Trust"), "workbench.trust.manage"), log];
  }
  if (phase === "stopped") {
    return [link(t("Restart Server"), "reloadls.restartServer"), log];
  }
  const pause = phase === "paused" ? link(t("Resume"), "reloadls.resume") : link(t("Pause"), "reloadls.pause");
  if (phase === "idle") {
    return [link(t("Add Path…"), "reloadls.addPath"), log];
  }
  return [pause, link(t("Refresh Paths"), "reloadls.refreshPaths"), link(t("Show Status"), "reloadls.showStatus"), log];
}

/** The commands that the hover's links may run. */
export const hoverCommands: readonly string[] = [
  "reloadls.showLog",
  "reloadls.restartServer",
  "reloadls.resume",
  "reloadls.pause",
  "reloadls.addPath",
  "reloadls.refreshPaths",
  "reloadls.showStatus",
  "workbench.trust.manage",
];
