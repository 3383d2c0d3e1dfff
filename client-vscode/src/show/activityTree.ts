/** What the tree of activity shows: batches and reports, newest first. */

import { t } from "../l10n.ts";
import { type BatchEntry, type Counts, type Entry, filesIn, type ReportEntry } from "../model/activity.ts";
import type { Change, ChangeType } from "../protocol.ts";
import { baseName, displayFolder, displayPath, type Place, pathOf } from "./fileNames.ts";
import { plain } from "./markdown.ts";
import type { Icon, Node } from "./node.ts";
import { reportIcons, reportNodes } from "./reportNodes.ts";
import { visible } from "./visible.ts";
import { cause, changeType, counts, files, reportSummary, timeOfDay } from "./words.ts";

const changeIcons: Readonly<Record<ChangeType | "renamed", Icon>> = {
  created: { id: "diff-added", color: "gitDecoration.addedResourceForeground" },
  modified: { id: "diff-modified", color: "gitDecoration.modifiedResourceForeground" },
  deleted: { id: "diff-removed", color: "gitDecoration.deletedResourceForeground" },
  renamed: { id: "diff-renamed", color: "gitDecoration.renamedResourceForeground" },
};

export function activityNodes(entries: readonly Entry[], place: Place): readonly Node[] {
  return entries.map((entry) => (entry.kind === "batch" ? batchNode(entry, place) : reportNode(entry, place)));
}

/** How many files of a batch are named while it is folded. */
const namesShown = 5;

/** One file is a row by itself; several stand below a row that unfolds. */
function batchNode(entry: BatchEntry, place: Place): Node {
  const id = `b${entry.id}`;
  const [first] = entry.changes;
  const count = filesIn(entry.counts);
  if (count === 1 && first) {
    return changeNode(first, id, place, entry);
  }
  const names = entry.changes.slice(0, namesShown).map((change) => baseName(change.uri));
  return {
    id,
    label: batchLabel(entry.counts),
    description: `${timeOfDay(entry.at)} · ${names.join(", ")}${count > names.length ? ", …" : ""}`,
    tooltip: [`**${files(count)}** · ${counts(entry.counts)}`, `${timeOfDay(entry.at)} · ${cause(entry.cause)}`].join(
      "\n\n",
    ),
    icon: { id: "files" },
    context: "batch",
    children: () => [
      ...entry.changes.map((change, index) => changeNode(change, `${id}/${index}`, place)),
      ...moreNode(count - entry.changes.length, id),
    ],
  };
}

/** "3 files modified", or "3 files changed" where not all of it is of one kind. */
function batchLabel(of: Counts): string {
  const kinds = (["created", "modified", "deleted", "renamed"] as const).filter((kind) => of[kind] > 0);
  const count = files(filesIn(of));
  switch (kinds.length === 1 ? kinds[0] : undefined) {
    case "created":
      return t("{0} created", count);
    case "modified":
      return t("{0} modified", count);
    case "deleted":
      return t("{0} deleted", count);
    case "renamed":
      return t("{0} renamed", count);
    default:
      return t("{0} changed", count);
  }
}

/** A file; with its batch, if it is all of it. */
function changeNode(change: Change, id: string, place: Place, entry?: BatchEntry): Node {
  const type = change.renamedFrom ? "renamed" : change.type;
  const from = change.renamedFrom ? `← ${displayPath(change.renamedFrom, place)}` : "";
  const folder = displayFolder(change.uri, place);
  // Below its batch, what became of a file is known from above most often; where it is, is not.
  const parts = entry ? [`${changeType(type)} ${timeOfDay(entry.at)}`, from, folder] : [folder, from, changeType(type)];
  const reported = entry ? `${timeOfDay(entry.at)} · ${cause(entry.cause)}` : "";
  return {
    id,
    label: baseName(change.uri),
    description: parts.filter((part) => part !== "").join(" · "),
    tooltip: [
      `**${plain(baseName(change.uri))}** · ${changeType(type)}`,
      plain(visible(pathOf(change.uri))),
      plain(reported),
    ]
      .filter((part) => part !== "")
      .join("\n\n"),
    icon: changeIcons[type],
    context: change.type === "deleted" ? "deleted" : "change",
    uri: change.uri,
    opens: { kind: "change", change },
  };
}

function moreNode(count: number, id: string): readonly Node[] {
  return count > 0 ? [{ id: `${id}/more`, label: t("and {0} more", files(count)), icon: { id: "ellipsis" } }] : [];
}

function reportNode({ id, name, report }: ReportEntry, place: Place): Node {
  return {
    id: `r${id}`,
    label: name,
    description: `${reportSummary(report)} · ${timeOfDay(report.at)}`,
    tooltip: `**${plain(name)}** · ${plain(reportSummary(report))}\n\n${timeOfDay(report.at)}`,
    icon: reportIcons[report.status],
    context: "report",
    children: () => reportNodes(report, `r${id}`, place),
  };
}
