/**
 * How a text is said in the user's language: English, until the extension brings VS Code's translations.
 *
 * The parts that don't know VS Code say their texts through here; `l10n/bundle.l10n.json` lists them all.
 */

export type Translate = (message: string, ...args: (string | number)[]) => string;

let translate: Translate = fill;

/** Takes translations from here on; done once, when the extension starts. */
export function useTranslations(translations: Translate): void {
  translate = translations;
}

/** The text in the user's language; `{0}` stands for the first argument. */
export function t(message: string, ...args: (string | number)[]): string {
  return translate(message, ...args);
}

/** `one` for 1, else `many`, which are translated already. */
export function plural(count: number, one: string, many: string): string {
  return count === 1 ? one : many;
}

function fill(message: string, ...args: (string | number)[]): string {
  return message.replace(/\{(\d+)\}/g, (whole, index: string) => String(args[Number(index)] ?? whole));
}
