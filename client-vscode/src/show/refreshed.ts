/** What a refresh of the paths came to, in one sentence. */

import { t } from "../l10n.ts";
import type { RefreshPathsResult } from "../protocol.ts";
import { baseName, displayPath, type Place } from "./fileNames.ts";
import { files, paths, rootState } from "./words.ts";

const namesShown = 3;

export function refreshed(result: RefreshPathsResult, place: Place): string {
  const { added, removed, roots } = result;
  const total = roots.reduce((sum, root) => sum + root.files, 0);
  const parts = [
    added.length > 0 ? t("Added {0}.", names(added, place)) : "",
    removed.length > 0 ? t("Removed {0}.", names(removed, place)) : "",
    added.length + removed.length === 0 ? t("Nothing added or removed.") : "",
    t("Watching {0} with {1}.", paths(roots.length), files(total)),
  ];
  return parts.filter((part) => part !== "").join(" ");
}

/** The same for one of the roots. */
export function refreshedRoot(result: RefreshPathsResult, uri: string): string {
  const root = result.roots.find((known) => known.uri === uri);
  const name = baseName(uri);
  if (!root) {
    return t("{0} is no longer watched.", name);
  }
  return root.state === "watching"
    ? t("{0}: {1}.", name, files(root.files))
    : t("{0}: {1}.", name, rootState(root.state));
}

function names(uris: readonly string[], place: Place): string {
  const shown = uris.slice(0, namesShown).map((uri) => displayPath(uri, place));
  const more = uris.length - shown.length;
  return more > 0 ? t("{0} and {1} more", shown.join(", "), more) : shown.join(", ");
}
