/** Text from outside, with the characters that are not seen or that turn others around as escapes. */

// Controls, line and paragraph separators, what changes the direction of writing, and half a character.
const unseen = /[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/** All of it on one line. */
export function visible(text: string): string {
  return text.replace(unseen, escaped);
}

/** The same, with its lines and tabs left as they are. */
export function visibleLines(text: string): string {
  return text.replace(unseen, (sign) => (/[\t\r\n]/.test(sign) ? sign : escaped(sign)));
}

function escaped(sign: string): string {
  return `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
