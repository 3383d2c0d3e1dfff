/** How a file is named to people: by its place in the workspace, else from the home folder, else in full. */

import { decodedPath } from "../model/uris.ts";
import type { Folder } from "../model/watchedPaths.ts";
import { visible } from "./visible.ts";

export interface Place {
  readonly folders: readonly Folder[];
  readonly home: string;
}

/** The path that a `file://` URI names; a byte that is no UTF-8 stays as it is written there. */
export function pathOf(uri: string): string {
  const decoded = decodedPath(uri);
  return /^\/[A-Za-z]:/.test(decoded) ? decoded.slice(1) : decoded;
}

export function baseName(uri: string): string {
  return visible(pathOf(uri).replace(/\/+$/, "").split("/").pop() || pathOf(uri));
}

/** `src/app.py`, or `folder/src/app.py` where there are several workspace folders; `~/lib` outside of them. */
export function displayPath(uri: string, place: Place): string {
  return visible(shortPath(pathOf(uri), place));
}

function shortPath(path: string, place: Place): string {
  for (const folder of byLength(place.folders)) {
    const below = relative(path, slashed(folder.path));
    if (below !== undefined) {
      const alone = place.folders.length === 1;
      return [alone && below !== "" ? "" : folder.name, below].filter((part) => part !== "").join("/");
    }
  }
  const belowHome = relative(path, slashed(place.home));
  return belowHome === undefined ? path : ["~", belowHome].filter((part) => part !== "").join("/");
}

/** The folder of a file, as `displayPath` has it; empty for a file right in the only workspace folder. */
export function displayFolder(uri: string, place: Place): string {
  const whole = displayPath(uri, place);
  const cut = whole.lastIndexOf("/");
  return cut <= 0 ? "" : whole.slice(0, cut);
}

function relative(path: string, folder: string): string | undefined {
  if (path === folder) {
    return "";
  }
  const start = folder.endsWith("/") ? folder : `${folder}/`;
  return path.startsWith(start) ? path.slice(start.length) : undefined;
}

function byLength(folders: readonly Folder[]): readonly Folder[] {
  return [...folders].sort((one, other) => other.path.length - one.path.length);
}

function slashed(path: string): string {
  return /^[A-Za-z]:\\/.test(path) ? path.replace(/\\/g, "/") : path;
}
