/** The commands about watched paths. */

import { homedir } from "node:os";

import { Uri, window, workspace } from "vscode";

import { t } from "../l10n.ts";
import { withoutPath, withPath } from "../model/watchedPaths.ts";
import type { Server } from "../server/server.ts";
import { baseName, pathOf } from "../show/fileNames.ts";
import { refreshed, refreshedRoot } from "../show/refreshed.ts";
import { showInformation, showWarning } from "../ui/notifications.ts";
import { configuration, folders, place, settings, variables } from "../ui/workspace.ts";

export async function refreshPaths(server: Server): Promise<void> {
  const result = await server.request("reload/refreshPaths", {});
  showInformation(refreshed(result, place()));
}

export async function refreshPath(server: Server, uri: string | undefined): Promise<void> {
  const result = await server.request("reload/refreshPaths", {});
  showInformation(uri === undefined ? refreshed(result, place()) : refreshedRoot(result, uri));
}

/** Adds what was given (a URI, a path), or what the user picks. */
export async function addPath(given: unknown): Promise<void> {
  const picked = given instanceof Uri ? [given] : typeof given === "string" ? [Uri.file(given)] : await pick();
  for (const uri of picked ?? []) {
    const changed = withPath(settings().paths, uri.fsPath, folders(), variables());
    if (changed) {
      await write(changed);
    } else {
      showInformation(t("{0} is watched already.", baseName(uri.toString())));
    }
  }
}

export async function removePath(uri: string | undefined): Promise<void> {
  if (uri === undefined) {
    return;
  }
  const changed = withoutPath(settings().paths, Uri.parse(uri).fsPath || pathOf(uri), folders(), variables());
  if (changed?.length === 0) {
    const hint = t("{0} is the only watched path. To stop watching for a while, use Pause.", baseName(uri));
    showInformation(hint);
  } else if (changed) {
    await write(changed);
  } else {
    showWarning(t("{0} is not in the setting reloadls.paths.", baseName(uri)));
  }
}

async function pick(): Promise<Uri[] | undefined> {
  return window.showOpenDialog({
    title: t("Add a Path to Watch"),
    openLabel: t("Watch"),
    // Where one dialog can't offer both, folders are what is most often wanted.
    canSelectFiles: process.platform === "darwin",
    canSelectFolders: true,
    canSelectMany: true,
    defaultUri: workspace.workspaceFolders?.[0]?.uri ?? Uri.file(homedir()),
  });
}

/** Into the workspace's settings where there is a workspace, else into the user's. */
async function write(paths: readonly string[]): Promise<void> {
  const isWorkspace = folders().length > 0 || workspace.workspaceFile !== undefined;
  await configuration().update("paths", paths, !isWorkspace);
}
