/** The menu that opens from the status bar item: what can be done now. */

import { commands, type QuickPickItem, QuickPickItemKind, window } from "vscode";

import { t } from "../l10n.ts";
import type { HotReload } from "../model/hotReload.ts";
import { phaseOf } from "../show/phase.ts";
import { phaseWords } from "../show/statusBar.ts";

interface Choice extends QuickPickItem {
  readonly command?: string;
}

export async function showMenu(known: HotReload): Promise<void> {
  const phase = phaseOf(known);
  const title = t("Hot Reload: {0}", phaseWords(phase, known));
  const chosen = await window.showQuickPick(choices(known), { title, placeHolder: t("What do you want to do?") });
  if (chosen?.command) {
    await commands.executeCommand(chosen.command);
  }
}

function choices(known: HotReload): Choice[] {
  const phase = phaseOf(known);
  const show: Choice[] = [
    { label: `$(info) ${t("Show Status")}`, command: "reloadls.showStatus" },
    { label: `$(list-tree) ${t("Show Activity")}`, command: "reloadls.activity.focus" },
    { label: `$(output) ${t("Show Log")}`, command: "reloadls.showLog" },
    { label: `$(clippy) ${t("Copy Debug Information")}`, command: "reloadls.copyDebugInformation" },
  ];
  if (phase === "restricted") {
    return [
      { label: `$(shield) ${t("Manage Workspace Trust")}`, command: "workbench.trust.manage" },
      separator(),
      ...show,
    ];
  }
  const restart: Choice = { label: `$(sync) ${t("Restart Server")}`, command: "reloadls.restartServer" };
  const select: Choice = { label: `$(tools) ${t("Select Interpreter")}`, command: "reloadls.selectInterpreter" };
  const settings: Choice = { label: `$(settings-gear) ${t("Open Settings")}`, command: "reloadls.openSettings" };
  if (known.server.kind !== "running") {
    return [restart, select, settings, separator(), ...show];
  }
  return [
    { label: `$(zap) ${t("Reload Now")}`, command: "reloadls.reloadNow" },
    phase === "paused"
      ? { label: `$(play) ${t("Resume")}`, command: "reloadls.resume" }
      : { label: `$(debug-pause) ${t("Pause")}`, command: "reloadls.pause" },
    { label: `$(refresh) ${t("Refresh Paths")}`, command: "reloadls.refreshPaths" },
    { label: `$(add) ${t("Add Path…")}`, command: "reloadls.addPath" },
    separator(),
    ...show,
    separator(),
    restart,
    select,
    settings,
  ];
}

function separator(): Choice {
  return { label: "", kind: QuickPickItemKind.Separator };
}
