/** The badges in the Explorer. */

import {
  type Disposable,
  EventEmitter,
  FileDecoration,
  type FileDecorationProvider,
  ThemeColor,
  type Uri,
  window,
  workspace,
} from "vscode";

import { Coalesced } from "../coalesce.ts";
import { t } from "../l10n.ts";
import type { Badge } from "../model/badges.ts";
import type { HotReload } from "../model/hotReload.ts";
import { configuration } from "./workspace.ts";

const paceMs = 100;

export function showBadges(known: HotReload): Disposable[] {
  const provider = new BadgeProvider(known);
  const draw = new Coalesced(() => provider.draw(), paceMs);
  return [
    window.registerFileDecorationProvider(provider),
    draw,
    known.badges.redrawn.listen(() => draw.ask()),
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("reloadls.explorerBadges")) {
        draw.ask();
      }
    }),
  ];
}

class BadgeProvider implements FileDecorationProvider {
  private readonly redrawn = new EventEmitter<undefined>();
  readonly onDidChangeFileDecorations = this.redrawn.event;

  constructor(private readonly known: HotReload) {}

  draw(): void {
    this.redrawn.fire(undefined); // all of them
  }

  provideFileDecoration(uri: Uri): FileDecoration | undefined {
    if (uri.scheme !== "file" || !configuration().get("explorerBadges", true)) {
      return undefined;
    }
    const badge = this.known.badges.of(uri.path);
    return badge && decoration(badge);
  }
}

function decoration(badge: Badge): FileDecoration {
  if (badge.kind === "changed") {
    return new FileDecoration("●", t("Changed on disk since the last reload"));
  }
  const failed = badge.kind === "failed";
  const text = failed ? t("Reload failed: {0}", badge.reason) : t("Needs a restart: {0}", badge.reason);
  const color = new ThemeColor(failed ? "list.errorForeground" : "list.warningForeground");
  const found = new FileDecoration(failed ? "!" : "↻", text, color);
  found.propagate = failed;
  return found;
}
