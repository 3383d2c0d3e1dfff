/** How a text becomes Markdown that shows just this text, and nothing of it as markup or a link. */

import { visible, visibleLines } from "./visible.ts";

/** With icons, `$(name)` becomes one after Markdown's escapes have been taken away: so the dollar is an entity. */
export function plain(text: string): string {
  return visibleLines(text)
    .replace(/[\\`*_{}[\]()#+\-.!|<>~&=]/g, (sign) => `\\${sign}`)
    .replaceAll("$", "&#36;")
    .replace(/\r\n?|\n/g, "  \n");
}

/** A text as code, however many backticks it holds. */
export function code(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map((run) => run[0].length));
  const fence = "`".repeat(longest + 1);
  const pad = longest > 0 ? " " : "";
  return `${fence}${pad}${text.replace(/\s+/g, " ")}${pad}${fence}`;
}

export function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((run) => run[0].length));
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${text.replace(/\n+$/, "")}\n${fence}`;
}

export function link(label: string, command: string): string {
  return `[${label}](command:${command})`;
}

/**
 * A message of a notification: VS Code makes links of `[label](target)` there, commands included, and knows no escape.
 * A word joiner, which shows nothing, keeps the two apart.
 */
export function unlinked(text: string): string {
  return visible(text).replace(/\](?=\()/g, "]\u2060");
}
