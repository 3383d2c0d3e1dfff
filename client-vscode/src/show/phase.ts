/** In which of its phases hot reloading is: the one word that the status bar says. */

import type { ServerState } from "../model/serverState.ts";
import type { Target } from "../model/targets.ts";
import type { ReloadStatus } from "../protocol.ts";

export type Phase =
  | "restricted"
  | "starting"
  | "restarting"
  | "stopped"
  | "paused"
  | "reloading"
  | "failed"
  | "badConfiguration"
  | "restartRequired"
  | "degraded"
  | "live"
  | "idle"
  | "watching";

export interface Known {
  readonly server: ServerState;
  readonly status: ReloadStatus | undefined;
  readonly targets: readonly Target[];
  readonly reloading: boolean;
}

export function phaseOf({ server, status, targets, reloading }: Known): Phase {
  if (server.kind !== "running") {
    return server.kind;
  }
  if (!status || status.state === "starting") {
    return "starting";
  }
  if (status.state === "stopped" || status.state === "paused") {
    return status.state;
  }
  if (reloading || targets.some((target) => target.state === "starting" || target.state === "restarting")) {
    return "reloading";
  }
  if (targets.some(hasFailed)) {
    return "failed";
  }
  if (targets.some(hasBadConfiguration)) {
    return "badConfiguration";
  }
  if (targets.some(needsRestart)) {
    return "restartRequired";
  }
  if (status.state === "degraded") {
    return "degraded";
  }
  if (liveTargets(targets) > 0) {
    return "live";
  }
  return status.roots.length > 0 ? "watching" : "idle";
}

export function hasFailed(target: Target): boolean {
  return target.state === "failed" || (target.state !== "gone" && target.lastReport?.status === "failed");
}

/** It runs with its last good configuration, since a newer one can't be used. */
export function hasBadConfiguration(target: Target): boolean {
  return (target.configurations ?? []).some((configuration) => (configuration.problems ?? []).length > 0);
}

export function needsRestart(target: Target): boolean {
  return target.state !== "gone" && target.lastReport?.status === "restartRequired";
}

export function liveTargets(targets: readonly Target[]): number {
  return targets.filter((target) => target.state === "live" || target.state === "paused").length;
}

/** Its last reload has left something that differs from a fresh start. */
export function hasNotes(target: Target): boolean {
  return target.state !== "gone" && (target.lastReport?.notes ?? []).length > 0;
}
