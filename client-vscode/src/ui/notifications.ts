/** Notifications: the only place that shows them, so that no text in them becomes a link. */

import { type MessageItem, window } from "vscode";

import { unlinked } from "../show/markdown.ts";

export function showInformation(message: string): void {
  void window.showInformationMessage(unlinked(message));
}

export function showWarning(message: string): void {
  void window.showWarningMessage(unlinked(message));
}

export function showError<T extends MessageItem>(message: string, ...items: T[]): Thenable<T | undefined> {
  return window.showErrorMessage(unlinked(message), ...items);
}
