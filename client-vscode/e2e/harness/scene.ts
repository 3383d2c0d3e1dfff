/** One test's world: a workspace, a VS Code, a window on it; gone afterwards, with a picture and logs if the test failed. */

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

import { openContext, type Size } from "./browser.ts";
import { required, VsCode } from "./vscode.ts";
import { Workbench } from "./workbench.ts";

const FAILURES = fileURLToPath(new URL("../failures", import.meta.url));

export type Files = Readonly<Record<string, string>>;

export interface Setting {
  /** The files of the workspace, by their path in it. */
  readonly files?: Files;
  /** What to open, if it is not the workspace's folder; relative to it. */
  readonly open?: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly look?: Readonly<Record<string, unknown>>;
  readonly asksForTrust?: boolean;
  /** The extension with its server, or without. */
  readonly packed?: "platform" | "universal";
  readonly size?: Size;
  /** Done when the workspace is there, before it is opened. */
  readonly before?: () => void;
}

export interface Scene {
  /** The test's own folder, outside of the workspace. */
  readonly place: string;
  /** The workspace's folder. */
  readonly folder: string;
  readonly code: VsCode;
  readonly window: Workbench;
  /** Write a file below the workspace, or at an absolute path, from outside of VS Code. */
  write(path: string, text: string): void;
}

export interface Performance {
  readonly setting: Setting;
  readonly body: (scene: Scene) => Promise<void>;
}

/** A test in a fresh workspace, shown in a window of its own. What it needs may depend on the folder given for it. */
export function inScene(
  setting: Setting | ((place: string) => Setting),
  body: (scene: Scene, t: TestContext) => Promise<void>,
): (t: TestContext) => Promise<void> {
  return (t) =>
    perform(t.name, (place) => ({
      setting: typeof setting === "function" ? setting(place) : setting,
      body: (scene) => body(scene, t),
    }));
}

/** Do something in a scene of its own. What was shown and logged is kept if that fails. */
export async function perform(name: string, prepare: (place: string) => Performance): Promise<void> {
  // The path is short: a Unix socket in it must be nameable.
  const place = mkdtempSync(join(tmpdir(), "rls-"));
  try {
    const { setting, body } = prepare(place);
    const folder = join(place, "project");
    const write = (path: string, text: string): void => {
      const whole = resolve(folder, path);
      mkdirSync(dirname(whole), { recursive: true });
      writeFileSync(whole, text);
    };
    for (const [path, text] of Object.entries(setting.files ?? { "app.py": "x = 1\n" })) {
      write(path, text);
    }
    setting.before?.();
    const code = await startCode(join(place, "home"), setting);
    try {
      await inWindow(setting, async (window) => {
        try {
          await window.open(code.url(join(folder, setting.open ?? "")));
          await body({ place, folder, code, window, write });
        } catch (error) {
          await keep(name, code, window);
          throw error;
        }
      });
    } finally {
      code.stop();
    }
  } finally {
    rmSync(place, { recursive: true, force: true, maxRetries: 5 });
  }
}

function startCode(home: string, setting: Setting): Promise<VsCode> {
  return VsCode.start({
    home,
    extensions: join(required("RELOADLS_E2E_EXTENSIONS"), setting.packed ?? "platform"),
    settings: { "reloadls.interpreter": required("RELOADLS_E2E_PYTHON"), ...setting.settings },
    look: setting.look ?? {},
    asksForTrust: setting.asksForTrust ?? false,
  });
}

async function inWindow(setting: Setting, use: (window: Workbench) => Promise<void>): Promise<void> {
  const context = await openContext(setting.size ?? { width: 1280, height: 800 });
  try {
    await use(new Workbench(await context.newPage()));
  } finally {
    await context.close();
  }
}

/** Files as many as asked, in folders of a hundred. */
export function manyFiles(count: number): Record<string, string> {
  const name = (index: number): string => `package_${Math.floor(index / 100)}/module_${index}.py`;
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [name(index), `x = ${index}\n`]));
}

async function keep(name: string, code: VsCode, window: Workbench): Promise<void> {
  const place = join(FAILURES, name.replaceAll(/[^\w]+/g, "-").slice(0, 80));
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  await window.page.screenshot({ path: join(place, "window.png") });
  writeFileSync(join(place, "code-server.log"), code.log());
  cpSync(code.logs, join(place, "logs"), { recursive: true });
}
