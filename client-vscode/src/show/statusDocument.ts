/** What "Show Status" shows: everything that is known of how watching and reloading go, as Markdown. */

import { t } from "../l10n.ts";
import type { Metrics, ReloadStatus } from "../protocol.ts";
import { displayPath, type Place } from "./fileNames.ts";
import { configurationWords, poolWords, problemPlace, problemWords } from "./hosted.ts";
import { code, plain } from "./markdown.ts";
import { type Known, phaseOf } from "./phase.ts";
import { phaseWords } from "./statusBar.ts";
import { bytes, files, milliseconds, number, reportSummary, rootState, targetState, timeOfDay } from "./words.ts";

export function statusDocument(known: Known, metrics: Metrics | undefined, place: Place): string {
  const phase = phaseOf(known);
  const parts = [`# ${t("Hot Reload")}: ${phaseWords(phase, known)}`];
  if (known.server.kind === "stopped") {
    parts.push(plain(known.server.reason));
  }
  if (known.server.kind === "restricted") {
    parts.push(t("Nothing is started or watched until this workspace is trusted."));
  }
  if (known.status) {
    parts.push(...sections(known, known.status, place));
  }
  if (metrics) {
    parts.push(`## ${t("Figures")}`, figures(metrics));
  }
  return `${parts.join("\n\n")}\n`;
}

function sections(known: Known, status: ReloadStatus, place: Place): readonly string[] {
  const programs = known.targets.map((target) => [
    plain(target.name),
    String(target.pid),
    targetState(target.state),
    target.lastReport ? plain(`${reportSummary(target.lastReport)} · ${timeOfDay(target.lastReport.at)}`) : "",
  ]);
  const roots = status.roots.map((root) => [
    plain(displayPath(root.uri, place)),
    rootState(root.state),
    files(root.files),
  ]);
  const pools = known.targets.flatMap((target) =>
    (target.pools ?? []).map((pool) => [
      plain(target.name),
      String(target.pid),
      plain(pool.name),
      plain(poolWords(pool)),
    ]),
  );
  const configurations = known.targets.flatMap((target) =>
    (target.configurations ?? []).flatMap((each) => [
      [plain(target.name), String(target.pid), plain(each.name), plain(configurationWords(each))],
      ...(each.problems ?? []).map((problem) => {
        const what = [problemWords(problem), problemPlace(problem, place)].filter((part) => part !== "");
        return ["", "", "", what.map(plain).join(" · ")];
      }),
    ]),
  );
  const problems = (status.problems ?? []).map((problem) => `- ${plain(problem.message)}`);
  return [
    `## ${t("Programs")}`,
    table([t("Program"), t("Process"), t("State"), t("Last report")], programs, t("No running program is connected.")),
    ...(pools.length > 0
      ? [`## ${t("Session Pools")}`, table([t("Program"), t("Process"), t("Pool"), t("State")], pools, "")]
      : []),
    ...(configurations.length > 0
      ? [
          `## ${t("Configurations")}`,
          table([t("Program"), t("Process"), t("Configuration"), t("State")], configurations, ""),
        ]
      : []),
    `## ${t("Watched Paths")}`,
    table([t("Path"), t("State"), t("Files")], roots, t("No path is watched.")),
    `## ${t("Watching")}`,
    table([t("Setting"), t("Value")], settingRows(status), ""),
    ...(problems.length > 0 ? [`## ${t("Problems")}`, problems.join("\n")] : []),
  ];
}

function settingRows(status: ReloadStatus): string[][] {
  return [
    [t("Backend"), status.backend === "native" ? t("the system's notifications") : t("polling")],
    [t("Quiet time before a batch is sent"), milliseconds(status.debounceMs)],
    [t("Longest wait"), milliseconds(status.maxWaitMs)],
    [t("Clock"), code(status.clock)],
  ];
}

function figures(metrics: Metrics): string {
  const rows: string[][] = [
    [t("Batches sent"), number(metrics.batches)],
    [t("Latency from change to report, median"), milliseconds(metrics.lagMs.p50)],
    [t("Latency from change to report, 99th percentile"), milliseconds(metrics.lagMs.p99)],
    [t("Hints received"), number(metrics.hints)],
    [t("Overflows of the kernel's queue"), number(metrics.overflows)],
  ];
  for (const [why, count] of Object.entries(metrics.reconciles)) {
    rows.push([t("Comparisons with the disk: {0}", plain(why)), number(count)]);
  }
  if (metrics.watches !== null) {
    const limit = metrics.watchLimit === null ? "" : ` / ${number(metrics.watchLimit)}`;
    rows.push([t("Folders watched / limit"), `${number(metrics.watches)}${limit}`]);
  }
  if (metrics.memoryBytes !== null) {
    rows.push([t("Memory of the server"), bytes(metrics.memoryBytes)]);
  }
  return table([t("What"), t("Figure")], rows, "");
}

function table(heads: readonly string[], rows: readonly (readonly string[])[], empty: string): string {
  if (rows.length === 0) {
    return empty;
  }
  const lines = [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return lines.join("\n");
}
