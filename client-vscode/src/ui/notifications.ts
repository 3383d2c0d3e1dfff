/** Notifications: the only place that shows them, so that no text in them becomes a link. */

import { type MessageItem, window } from "vscode";

import { unlinked } from "../show/markdown.ts";

export function showInformation(message: string): void {
  void window.showInformationMessage(unlinked(message));
}

export function showWarning(message: string): void {
  void window.showWarningMessage(unlinked(message));
}

/** Asks in a dialog that stops everything else; whether the user has chosen to do it. */
export async function confirms(question: string, paragraphs: readonly string[], action: string): Promise<boolean> {
  const item = { title: action };
  const options = { modal: true, detail: paragraphs.map(unlinked).join("\n\n") };
  return (await window.showWarningMessage(unlinked(question), options, item)) === item;
}

export function showError<T extends MessageItem>(message: string, ...items: T[]): Thenable<T | undefined> {
  return window.showErrorMessage(unlinked(message), ...items);
}
