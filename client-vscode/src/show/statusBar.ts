/** What the status bar item says, and how urgently. */

import { plural, t } from "../l10n.ts";
import { hasFailed, type Known, liveTargets, type Phase, phaseOf } from "./phase.ts";
import { number } from "./words.ts";

export interface StatusItem {
  readonly phase: Phase;
  /** With its icon. */
  readonly text: string;
  readonly severity: "normal" | "warning" | "error";
  /** For screen readers. */
  readonly spoken: string;
}

const icons: Readonly<Record<Phase, string>> = {
  restricted: "shield",
  starting: "loading~spin",
  restarting: "loading~spin",
  stopped: "circle-slash",
  paused: "debug-pause",
  reloading: "sync~spin",
  failed: "error",
  badConfiguration: "error",
  restartRequired: "debug-restart",
  degraded: "warning",
  live: "zap",
  idle: "eye-closed",
  watching: "eye",
};

const severities: Readonly<Partial<Record<Phase, "warning" | "error">>> = {
  stopped: "error",
  failed: "error",
  badConfiguration: "error",
  restartRequired: "warning",
  degraded: "warning",
};

export function statusItem(known: Known): StatusItem {
  const phase = phaseOf(known);
  const words = phaseWords(phase, known);
  return {
    phase,
    text: `$(${icons[phase]}) ${words}`,
    severity: severities[phase] ?? "normal",
    spoken: t("Hot Reload: {0}", words),
  };
}

export function phaseWords(phase: Phase, { targets }: Pick<Known, "targets">): string {
  const failed = targets.filter(hasFailed).length;
  const words: Readonly<Record<Phase, string>> = {
    restricted: t("Restricted"),
    starting: t("Starting"),
    restarting: t("Restarting"),
    stopped: t("Stopped"),
    paused: t("Paused"),
    reloading: t("Reloading"),
    failed: plural(failed, t("Reload failed"), t("{0} reloads failed", number(failed))),
    badConfiguration: t("Configuration failed"),
    restartRequired: t("Restart needed"),
    degraded: t("Degraded"),
    live: t("{0} live", number(liveTargets(targets))),
    idle: t("Nothing watched"),
    watching: t("Watching"),
  };
  return words[phase];
}
