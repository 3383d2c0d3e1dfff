/** What a click opens: a file at a place, or what changed in it since git's HEAD. */

import { commands, type Extension, extensions, Range, Uri, workspace } from "vscode";

import { t } from "../l10n.ts";
import type { Change, Range as WireRange } from "../protocol.ts";
import { baseName } from "../show/fileNames.ts";
import { showInformation, showWarning } from "./notifications.ts";

/** The part of the API of the built-in git extension that is used here. */
interface GitRepository {
  show(ref: string, path: string): Promise<string>;
  diffWithHEAD(path: string): Promise<string>;
}
interface GitApi {
  getRepository(uri: Uri): GitRepository | null;
  toGitUri(uri: Uri, ref: string): Uri;
}
interface GitExtension {
  getAPI(version: 1): GitApi;
}

export async function openFile(uri: Uri, range?: WireRange | null): Promise<void> {
  const selection = range
    ? new Range(range.start.line, range.start.character, range.end.line, range.end.character)
    : undefined;
  try {
    await commands.executeCommand("vscode.open", uri, { preview: true, ...(selection ? { selection } : {}) });
  } catch {
    showWarning(t("{0} can't be opened: it may no longer exist.", baseName(uri.toString())));
  }
}

/** Opens the difference to git's HEAD, where git knows the file and there is one; else the file. */
export async function openChange(change: Change): Promise<void> {
  const uri = Uri.parse(change.uri);
  const git = await gitApi();
  const repository = git?.getRepository(uri) ?? undefined;
  const inHead = repository && (await isInHead(repository, uri));
  if (change.type === "deleted" && !(await isThere(uri))) {
    await openDeleted(uri, git && inHead ? git.toGitUri(uri, "HEAD") : undefined);
  } else if (git && repository && inHead && (await repository.diffWithHEAD(uri.fsPath)) !== "") {
    const title = t("{0} (HEAD ↔ now)", baseName(change.uri));
    await commands.executeCommand("vscode.diff", git.toGitUri(uri, "HEAD"), uri, title, { preview: true });
  } else {
    await openFile(uri);
  }
}

async function openDeleted(uri: Uri, before: Uri | undefined): Promise<void> {
  if (before) {
    const title = t("{0} (deleted)", baseName(uri.toString()));
    await commands.executeCommand("vscode.open", before, { preview: true }, title);
  } else {
    showInformation(t("{0} was deleted.", baseName(uri.toString())));
  }
}

async function isThere(uri: Uri): Promise<boolean> {
  return workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
}

async function isInHead(repository: GitRepository, uri: Uri): Promise<boolean> {
  return repository.show("HEAD", uri.fsPath).then(
    () => true,
    () => false,
  );
}

async function gitApi(): Promise<GitApi | undefined> {
  const git: Extension<GitExtension> | undefined = extensions.getExtension("vscode.git");
  try {
    return (await git?.activate())?.getAPI(1);
  } catch {
    return undefined; // git is switched off
  }
}
