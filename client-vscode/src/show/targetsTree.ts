/** What the tree of running programs shows. */

import { t } from "../l10n.ts";
import type { Target } from "../model/targets.ts";
import type { DivergedFile } from "../protocol.ts";
import { displayPath, type Place } from "./fileNames.ts";
import { hostedNodes } from "./hostedNodes.ts";
import { plain } from "./markdown.ts";
import type { Icon, Node } from "./node.ts";
import { hasBadConfiguration, hasFailed, hasNotes, needsRestart } from "./phase.ts";
import { reportIcons, reportNodes } from "./reportNodes.ts";
import { reportSummary, targetState, targetWords, timeOfDay } from "./words.ts";

const stateIcons: Readonly<Record<Target["state"], Icon>> = {
  starting: { id: "loading~spin" },
  live: { id: "zap", color: "testing.iconPassed" },
  paused: { id: "debug-pause" },
  restarting: { id: "sync~spin" },
  failed: { id: "error", color: "problemsErrorIcon.foreground" },
  gone: { id: "circle-slash", color: "disabledForeground" },
};

export function targetNodes(targets: readonly Target[], place: Place): readonly Node[] {
  return targets.map((target) => targetNode(target, place));
}

function targetNode(target: Target, place: Place): Node {
  const { name, pid, state, lastReport } = target;
  const diverged = target.diverged ?? [];
  const isBad =
    hasFailed(target) || hasBadConfiguration(target) || needsRestart(target) || hasNotes(target) || diverged.length > 0;
  const isHost = (target.pools ?? []).length + (target.configurations ?? []).length > 0;
  const owner = target.workerOf ? t("worker of {0}", target.workerOf.pool) : "";
  // Another identity, so that what went wrong unfolds even where the user had folded what went well.
  const id = isBad ? `${target.id}/bad` : target.id;
  const time = lastReport ? timeOfDay(lastReport.at) : "";
  const { uri, range } = (hasFailed(target) && lastReport?.error) || {};
  return {
    id,
    label: name,
    description: [owner, targetWords(target), time].filter((part) => part !== "").join(" · "),
    tooltip: [
      `**${plain(name)}** · ${targetState(state)}`,
      t("Process {0}", String(pid)),
      target.workerOf
        ? t("Worker of the session pool {0} of process {1}", plain(target.workerOf.pool), String(target.workerOf.pid))
        : "",
      lastReport ? plain(`${reportSummary(lastReport)} · ${time}`) : "",
    ]
      .filter((part) => part !== "")
      .join("\n\n"),
    icon: icon(target),
    context: "target",
    expanded: isBad || isHost,
    ...(uri ? { uri, opens: { kind: "file", uri, ...(range ? { range } : {}) } } : {}),
    ...(lastReport || isHost || diverged.length > 0
      ? {
          children: () => [
            ...diverged.map((file, index) => divergedNode(file, `${id}/d${index}`, place)),
            ...hostedNodes(target, place),
            ...(lastReport ? reportNodes(lastReport, id, place) : []),
          ],
        }
      : {}),
  };
}

/** A file that some processes of the program run as it is on disk, and others don't. */
function divergedNode({ uri, applied, failed }: DivergedFile, id: string, place: Place): Node {
  const [first] = failed;
  const range = first?.range;
  const where = `${displayPath(uri, place)}${range ? `:${range.start.line + 1}` : ""}`;
  const messages = failed.map(({ pid, message }) => plain(`${t("Process {0}", String(pid))}: ${message}`));
  const names = applied.map(String).join(", ");
  return {
    id,
    label: t("diverged"),
    description: [where, first?.message ?? ""].filter((part) => part !== "").join(" · "),
    tooltip: [`**${plain(where)}**`, t("Applied in the processes {0}, not in:", names), ...messages].join("\n\n"),
    icon: { id: "warning", color: "problemsWarningIcon.foreground" },
    uri,
    opens: { kind: "file", uri, ...(range ? { range } : {}) },
  };
}

function icon(target: Target): Icon {
  if (target.lastReport && (hasFailed(target) || needsRestart(target))) {
    return target.state === "failed" ? stateIcons.failed : reportIcons[target.lastReport.status];
  }
  if (hasBadConfiguration(target)) {
    return stateIcons.failed;
  }
  const isWarned = hasNotes(target) || (target.diverged ?? []).length > 0;
  return isWarned ? { id: "warning", color: "problemsWarningIcon.foreground" } : stateIcons[target.state];
}
