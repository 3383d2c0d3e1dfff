/** What a report looks like in a tree: its error, and a row for each module. */

import { t } from "../l10n.ts";
import type { ModuleReport, Note, ReloadReport, ReportError, ReportStatus } from "../protocol.ts";
import { displayPath, type Place } from "./fileNames.ts";
import { code, fenced, plain } from "./markdown.ts";
import type { Icon, Node } from "./node.ts";
import { moduleStatus, modules, noteCode, number } from "./words.ts";

/** A report can tell of thousands of modules; more rows than this help nobody. */
export const rowsShown = 100;

export const reportIcons: Readonly<Record<ReportStatus, Icon>> = {
  reloaded: { id: "zap", color: "testing.iconPassed" },
  unchanged: { id: "pass", color: "disabledForeground" },
  restartRequired: { id: "debug-restart", color: "problemsWarningIcon.foreground" },
  restarted: { id: "debug-restart", color: "testing.iconPassed" },
  failed: { id: "error", color: "problemsErrorIcon.foreground" },
};

const moduleIcons: Readonly<Record<ModuleReport["status"], Icon>> = {
  reloaded: { id: "pass", color: "testing.iconPassed" },
  unchanged: { id: "dash", color: "disabledForeground" },
  rolledBack: { id: "discard", color: "problemsErrorIcon.foreground" },
  restartRequired: { id: "debug-restart", color: "problemsWarningIcon.foreground" },
  skipped: { id: "debug-step-over", color: "disabledForeground" },
};

const worstFirst: readonly ModuleReport["status"][] = [
  "rolledBack",
  "restartRequired",
  "skipped",
  "reloaded",
  "unchanged",
];

/** What stands below a report; `id` begins the identity of each row. */
export function reportNodes(report: ReloadReport, id: string, place: Place): readonly Node[] {
  const error = report.error ? [errorNode(report.error, id, place)] : [];
  const ordered = [...(report.modules ?? [])].sort(
    (one, other) => worstFirst.indexOf(one.status) - worstFirst.indexOf(other.status),
  );
  const rows = ordered.slice(0, rowsShown).map((module, index) => moduleNode(module, `${id}/m${index}`, report, place));
  const notes = (report.notes ?? []).slice(0, rowsShown).map((note, index) => noteNode(note, `${id}/n${index}`, place));
  return [...error, ...notes, ...rows, ...moreNode(ordered.length, id), ...sessionsNode(report, id)];
}

function errorNode(error: ReportError, id: string, place: Place): Node {
  const line = error.range ? `:${error.range.start.line + 1}` : "";
  const where = error.uri ? `${displayPath(error.uri, place)}${line}` : "";
  const parts = [
    `**${plain(error.type)}**: ${plain(error.message)}`,
    plain(where),
    error.traceback ? fenced(error.traceback) : "",
  ];
  return {
    id: `${id}/error`,
    label: `${error.type}: ${error.message}`,
    description: where,
    tooltip: parts.filter((part) => part !== "").join("\n\n"),
    icon: { id: "error", color: "problemsErrorIcon.foreground" },
    ...(error.uri
      ? { uri: error.uri, opens: { kind: "file", uri: error.uri, ...(error.range ? { range: error.range } : {}) } }
      : {}),
  };
}

function noteNode(note: Note, id: string, place: Place): Node {
  const line = note.range ? `:${note.range.start.line + 1}` : "";
  const where = note.uri ? `${displayPath(note.uri, place)}${line}` : "";
  return {
    id,
    label: noteCode(note),
    description: [note.message, where].filter((part) => part !== "").join(" · "),
    tooltip: [`**${plain(noteCode(note))}**: ${plain(note.message)}`, plain(where)]
      .filter((part) => part !== "")
      .join("\n\n"),
    icon: { id: "warning", color: "problemsWarningIcon.foreground" },
    ...(note.uri
      ? { uri: note.uri, opens: { kind: "file", uri: note.uri, ...(note.range ? { range: note.range } : {}) } }
      : {}),
  };
}

function moduleNode(module: ModuleReport, id: string, report: ReloadReport, place: Place): Node {
  const changed = module.changed ?? [];
  const range = report.error?.uri === module.uri ? report.error.range : undefined;
  // What the row of the error says already is not said again.
  const reason = module.reason === report.error?.message ? undefined : module.reason;
  const detail = reason ?? (changed.length > 0 ? changed.join(", ") : undefined);
  return {
    id,
    label: module.name,
    description: detail ? `${moduleStatus(module)} · ${detail}` : moduleStatus(module),
    tooltip: [
      `**${plain(module.name)}** · ${moduleStatus(module)}`,
      plain(displayPath(module.uri, place)),
      module.reason ? plain(module.reason) : "",
      changed.map((name) => `- ${code(name)}`).join("\n"),
    ]
      .filter((part) => part !== "")
      .join("\n\n"),
    icon: moduleIcons[module.status],
    uri: module.uri,
    opens: { kind: "file", uri: module.uri, ...(range ? { range } : {}) },
  };
}

function moreNode(count: number, id: string): readonly Node[] {
  return count > rowsShown
    ? [{ id: `${id}/more`, label: t("and {0} more", modules(count - rowsShown)), icon: { id: "ellipsis" } }]
    : [];
}

function sessionsNode({ sessions }: ReloadReport, id: string): readonly Node[] {
  const parts: [number, string][] = [
    [sessions?.rebound ?? 0, t("{0} on the new code", number(sessions?.rebound ?? 0))],
    [sessions?.pinned ?? 0, t("{0} still on the old code", number(sessions?.pinned ?? 0))],
    [sessions?.failed ?? 0, t("{0} failed", number(sessions?.failed ?? 0))],
  ];
  const reported = parts.flatMap(([count, text]) => (count > 0 ? [text] : []));
  return reported.length > 0
    ? [{ id: `${id}/sessions`, label: t("Sessions"), description: reported.join(", "), icon: { id: "person" } }]
    : [];
}
