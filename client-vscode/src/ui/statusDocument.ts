/** The page that "Show Status" opens, which follows what happens while it is open. */

import { commands, type Disposable, EventEmitter, Uri, window, workspace } from "vscode";

import { Coalesced } from "../coalesce.ts";
import type { HotReload } from "../model/hotReload.ts";
import type { Metrics } from "../protocol.ts";
import type { Server } from "../server/server.ts";
import { statusDocument } from "../show/statusDocument.ts";
import { place } from "./workspace.ts";

const page = Uri.parse("reloadls-status:/Hot Reload Status.md");
const paceMs = 1000;

export function offerStatusDocument(known: HotReload, server: Server): Disposable[] {
  const redrawn = new EventEmitter<Uri>();
  const isOpen = () => workspace.textDocuments.some((document) => document.uri.toString() === page.toString());
  const draw = new Coalesced(() => redrawn.fire(page), paceMs);
  const provider = workspace.registerTextDocumentContentProvider(page.scheme, {
    onDidChange: redrawn.event,
    provideTextDocumentContent: async () => statusDocument(known, await figures(server), place()),
  });
  const listening = known.changed.listen(() => {
    if (isOpen()) {
      draw.ask();
    }
  });
  return [redrawn, draw, provider, listening];
}

export async function showStatusDocument(): Promise<void> {
  try {
    await commands.executeCommand("markdown.showPreview", page);
  } catch {
    await window.showTextDocument(page, { preview: true }); // the built-in extension for Markdown is switched off
  }
}

async function figures(server: Server): Promise<Metrics | undefined> {
  try {
    return (await server.request("reload/status", { metrics: true })).metrics ?? undefined;
  } catch {
    return undefined; // it does not run: then there are none
  }
}
