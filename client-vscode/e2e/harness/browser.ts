/** The browser: one for all tests of a file, a context of its own for each. */

import { type Browser, type BrowserContext, chromium } from "playwright-core";

import { required } from "./vscode.ts";

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
];

export interface Size {
  readonly width: number;
  readonly height: number;
  /** Dots of the screen for one of the window's. */
  readonly scale?: number;
}

let browser: Promise<Browser> | undefined;

export async function openContext({ scale = 1, ...viewport }: Size): Promise<BrowserContext> {
  browser ??= chromium.launch({ executablePath: required("RELOADLS_E2E_CHROMIUM"), args: ARGUMENTS });
  return (await browser).newContext({
    viewport,
    deviceScaleFactor: scale,
    permissions: ["clipboard-read", "clipboard-write"],
  });
}

export async function closeBrowser(): Promise<void> {
  await (await browser)?.close();
  browser = undefined;
}
