/** Why the server can't be started with an interpreter, said in one message, and what can be done about it. */

import { t } from "../l10n.ts";
import type { Launch } from "./launch.ts";
import type { Probe, Python } from "./probe.ts";

export type Remedy = "selectInterpreter" | "openSettings" | "useBundled" | "restart" | "showLog";

export interface Trouble {
  readonly message: string;
  readonly remedies: readonly Remedy[];
}

export const oldestPython: readonly [number, number] = [3, 11];

/** Nothing if the interpreter will do. */
export function troubleWith(probe: Probe, launch: Launch): Trouble | undefined {
  if (probe.kind === "answered") {
    return troubleWithAnswer(probe.python, launch);
  }
  return { message: reason(probe, launch.python), remedies: ["selectInterpreter", "openSettings", "showLog"] };
}

export function remedyLabel(remedy: Remedy): string {
  return {
    selectInterpreter: t("Select Interpreter"),
    openSettings: t("Open Settings"),
    useBundled: t("Use Bundled"),
    restart: t("Restart Server"),
    showLog: t("Show Log"),
  }[remedy];
}

export function versionOf(python: Python): string {
  return python.version.join(".");
}

function reason(probe: Exclude<Probe, { kind: "answered" }>, python: string): string {
  switch (probe.kind) {
    case "notFound":
      return t("Hot Reload can't start: no Python at '{0}'. It needs Python 3.11 or newer.", python);
    case "notRunnable":
      return t("Hot Reload can't start: '{0}' can't be run ({1}).", python, probe.error);
    case "silent":
      return t("Hot Reload can't start: '{0}' did not answer within {1} seconds.", python, probe.seconds);
    case "crashed":
      return t("Hot Reload can't start: '{0}' is not a working Python ({1}).", python, probe.error);
  }
}

function troubleWithAnswer(found: Python, launch: Launch): Trouble | undefined {
  const { python } = launch;
  const [major, minor] = found.version;
  if (major < oldestPython[0] || (major === oldestPython[0] && minor < oldestPython[1])) {
    const message = t(
      "Hot Reload can't start: it needs Python 3.11 or newer, and '{0}' is Python {1}.",
      python,
      versionOf(found),
    );
    return { message, remedies: ["selectInterpreter", "openSettings", "showLog"] };
  }
  return found.reloadls === null ? troubleWithPackage(found, launch) : undefined;
}

function troubleWithPackage(found: Python, { python, strategy, hasBundled }: Launch): Trouble {
  if (strategy === "useBundled") {
    const message = t(
      "Hot Reload can't start: the bundled server does not load with '{0}', Python {1} ({2}).",
      python,
      versionOf(found),
      found.error ?? "",
    );
    return { message, remedies: ["selectInterpreter", "openSettings", "showLog"] };
  }
  const useBundled: readonly Remedy[] = hasBundled ? ["useBundled"] : [];
  return {
    message: missingOrBroken(found, python, hasBundled),
    remedies: [...useBundled, "selectInterpreter", "openSettings", "showLog"],
  };
}

function missingOrBroken(found: Python, python: string, hasBundled: boolean): string {
  if (found.missing !== "reloadls") {
    return t("Hot Reload can't start: reloadls does not load with '{0}' ({1}).", python, found.error ?? "");
  }
  const version = versionOf(found);
  return hasBundled
    ? t(
        "Hot Reload can't start: the package reloadls is not installed for '{0}', Python {1}. Install it there (pip install reloadls), or use the bundled one.",
        python,
        version,
      )
    : t(
        "Hot Reload can't start: the package reloadls is not installed for '{0}', Python {1}. Install it there: pip install reloadls.",
        python,
        version,
      );
}
