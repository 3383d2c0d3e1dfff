/** What the settings come to: the options that the server is sent. */

import type { Options } from "../protocol.ts";
import { expandPaths, type Folder, type Variables } from "./watchedPaths.ts";

export interface Settings {
  readonly paths: readonly string[];
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly useGitignore: boolean;
  readonly debounceMs: number;
  readonly maxWaitMs: number;
  readonly forcePolling: boolean | null;
  readonly pollDelayMs: number;
  readonly watchedFiles: boolean;
}

/** Every option is named, so that one that was set before and is not any more goes back to its default. */
export function toOptions(settings: Settings, folders: readonly Folder[], variables: Variables): Required<Options> {
  return { ...settings, paths: toPaths(settings.paths, folders, variables) };
}

function toPaths(paths: readonly string[], folders: readonly Folder[], variables: Variables): readonly string[] | null {
  if (paths.length > 0) {
    return expandPaths(paths, folders, variables);
  }
  // Left to itself, a server without folders would watch the folder that VS Code was started in.
  return folders.length > 0 ? null : [];
}
