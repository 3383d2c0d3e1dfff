/** The item in the status bar. */

import { type Disposable, MarkdownString, StatusBarAlignment, ThemeColor, window } from "vscode";

import { Coalesced } from "../coalesce.ts";
import { t } from "../l10n.ts";
import type { HotReload } from "../model/hotReload.ts";
import { hover, hoverCommands } from "../show/hover.ts";
import { statusItem } from "../show/statusBar.ts";
import { place } from "./workspace.ts";

const paceMs = 100;

export function showStatusItem(known: HotReload): Disposable[] {
  const item = window.createStatusBarItem("reloadls.status", StatusBarAlignment.Left, 0);
  item.name = t("Hot Reload");
  item.command = "reloadls.showMenu";
  const draw = new Coalesced(() => {
    const { text, severity, spoken } = statusItem(known);
    item.text = text;
    item.accessibilityInformation = { label: spoken, role: "button" };
    item.backgroundColor = severity === "normal" ? undefined : new ThemeColor(`statusBarItem.${severity}Background`);
    item.tooltip = tooltip(known);
  }, paceMs);
  draw.ask();
  item.show();
  return [item, draw, known.changed.listen(() => draw.ask())];
}

function tooltip(known: HotReload): MarkdownString {
  const markdown = new MarkdownString(hover(known, known.activity.lastBatch, place()), true);
  markdown.isTrusted = { enabledCommands: hoverCommands };
  return markdown;
}
