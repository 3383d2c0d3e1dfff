// Collects the texts of the extension into bundle.l10n.json: `node l10n/extract.mjs`, or `--check` to compare only.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const bundle = join(here, "bundle.l10n.json");

/** Every text that is said by `t("…")`, in order. */
export function texts() {
  const found = new Set();
  for (const file of sources(join(here, "..", "src"))) {
    for (const [, literal] of readFileSync(file, "utf8").matchAll(/\bt\(\s*("(?:[^"\\]|\\.)*")/g)) {
      found.add(JSON.parse(literal));
    }
  }
  return [...found].sort();
}

/** What the bundle should hold. */
export function bundleText() {
  return `${JSON.stringify(Object.fromEntries(texts().map((text) => [text, text])), undefined, 2)}\n`;
}

export function writtenText() {
  return readFileSync(bundle, "utf8");
}

function sources(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(".ts"))
    .sort()
    .map((name) => join(folder, name));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!process.argv.includes("--check")) {
    writeFileSync(bundle, bundleText());
  } else if (writtenText() !== bundleText()) {
    console.error("l10n/bundle.l10n.json lacks texts; run: npm run l10n");
    process.exitCode = 1;
  }
}
