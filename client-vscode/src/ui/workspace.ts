/** What VS Code says of the workspace and the settings, as plain data. */

import { homedir } from "node:os";

import { type WorkspaceConfiguration, workspace } from "vscode";

import type { Settings } from "../model/settings.ts";
import type { Folder, Variables } from "../model/watchedPaths.ts";
import { optionDefaults } from "../protocol.ts";
import type { Place } from "../show/fileNames.ts";

export const section = "reloadls";

export function configuration(): WorkspaceConfiguration {
  return workspace.getConfiguration(section);
}

export function folders(): readonly Folder[] {
  return (workspace.workspaceFolders ?? [])
    .filter((folder) => folder.uri.scheme === "file")
    .map((folder) => ({ name: folder.name, path: folder.uri.fsPath }));
}

export function place(): Place {
  return { folders: folders(), home: homedir() };
}

export function variables(): Variables {
  return { home: homedir(), env: process.env };
}

export function settings(): Settings {
  const set = configuration();
  const get = <T>(name: string, otherwise: T): T => set.get<T>(name) ?? otherwise;
  return {
    paths: get("paths", []),
    include: get("include", optionDefaults.include),
    exclude: get("exclude", optionDefaults.exclude),
    useGitignore: get("useGitignore", optionDefaults.useGitignore),
    debounceMs: get("debounceMs", optionDefaults.debounceMs),
    maxWaitMs: get("maxWaitMs", optionDefaults.maxWaitMs),
    forcePolling: get("forcePolling", optionDefaults.forcePolling),
    pollDelayMs: get("pollDelayMs", optionDefaults.pollDelayMs),
    watchedFiles: get("watchedFiles", false),
  };
}
