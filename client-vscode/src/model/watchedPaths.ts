/** What the setting `reloadls.paths` means, and what it becomes when a path is added or taken away. */

import * as path from "node:path";

export interface Folder {
  readonly name: string;
  readonly path: string;
}

export interface Variables {
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** An entry that stands for all workspace folders, also for those to come. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: VS Code writes its variables like this
export const allFolders = "${workspaceFolders}";

/** The entries with their variables replaced; relative ones stay, as the server knows what they are relative to. */
export function expandPaths(
  entries: readonly string[],
  folders: readonly Folder[],
  variables: Variables,
): readonly string[] {
  const expanded = entries.flatMap((entry) => expandPath(entry, folders, variables));
  return [...new Set(expanded)].filter((entry) => entry !== "");
}

function expandPath(entry: string, folders: readonly Folder[], variables: Variables): readonly string[] {
  if (entry === allFolders) {
    return folders.map((folder) => folder.path);
  }
  const withHome = entry.replace(/^~(?=$|[\\/])/, () => variables.home);
  return [
    withHome.replace(/\$\{([^}]*)\}/g, (whole, name: string) => valueOfVariable(name, folders, variables) ?? whole),
  ];
}

function valueOfVariable(name: string, folders: readonly Folder[], variables: Variables): string | undefined {
  if (name === "userHome") {
    return variables.home;
  }
  if (name === "workspaceFolder") {
    return folders[0]?.path;
  }
  if (name.startsWith("workspaceFolder:")) {
    return folders.find((folder) => folder.name === name.slice("workspaceFolder:".length))?.path;
  }
  return name.startsWith("env:") ? (variables.env[name.slice("env:".length)] ?? "") : undefined;
}

/** The entries with `added`; undefined if it is there already. */
export function withPath(
  entries: readonly string[],
  added: string,
  folders: readonly Folder[],
  variables: Variables,
): readonly string[] | undefined {
  const before = entries.length > 0 ? entries : [allFolders];
  const there = before.flatMap((entry) => absolute(entry, folders, variables));
  return there.some((known) => isSame(known, added)) ? undefined : [...before, added];
}

/** The entries without the path `removed`; undefined if none of them stands for it. */
export function withoutPath(
  entries: readonly string[],
  removed: string,
  folders: readonly Folder[],
  variables: Variables,
): readonly string[] | undefined {
  const before = entries.length > 0 ? entries : [allFolders];
  const spelled = before.flatMap((entry) =>
    entry === allFolders && folders.some((folder) => isSame(folder.path, removed))
      ? folders.map((folder) => folder.path)
      : [entry],
  );
  const after = spelled.filter((entry) => !absolute(entry, folders, variables).some((known) => isSame(known, removed)));
  return after.length < spelled.length ? after : undefined;
}

function absolute(entry: string, folders: readonly Folder[], variables: Variables): readonly string[] {
  const base = folders[0]?.path ?? variables.home;
  return expandPath(entry, folders, variables).map((one) => path.resolve(base, one));
}

function isSame(one: string, other: string): boolean {
  return path.relative(one, other) === "";
}
