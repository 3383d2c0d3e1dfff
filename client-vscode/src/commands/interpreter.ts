/** "Select Interpreter": by the Python extension where the server is its environment's, else from the workspace and the PATH. */

import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import * as path from "node:path";

import { commands, type QuickPickItem, Uri, window } from "vscode";

import { t } from "../l10n.ts";
import type { ImportStrategy } from "../server/launch.ts";
import { hasPythonExtension } from "../server/pythonExtension.ts";
import { configuration, folders } from "../ui/workspace.ts";

interface Choice extends QuickPickItem {
  readonly path?: string;
}

export async function selectInterpreter(strategy: ImportStrategy | undefined): Promise<void> {
  if (strategy === "fromEnvironment" && hasPythonExtension()) {
    await commands.executeCommand("python.setInterpreter");
    return;
  }
  const browse: Choice = { label: `$(folder-opened) ${t("Browse…")}` };
  const found = interpretersHere().then((choices) => [...choices, browse]);
  const placeHolder = t("Python 3.11 or newer, to run the Hot Reload server");
  const chosen = await window.showQuickPick(found, { title: t("Select Interpreter"), placeHolder });
  const picked = chosen?.path ?? (chosen ? await pickFile() : undefined);
  if (picked !== undefined) {
    await configuration().update(
      "interpreter",
      picked,
      configuration().inspect("interpreter")?.workspaceValue === undefined,
    );
  }
}

async function pickFile(): Promise<string | undefined> {
  const start = configuration().get("interpreter", "");
  const [file] =
    (await window.showOpenDialog({
      title: t("Select Interpreter"),
      openLabel: t("Use"),
      canSelectMany: false,
      ...(path.isAbsolute(start) ? { defaultUri: Uri.file(start) } : {}),
    })) ?? [];
  return file?.fsPath;
}

/** Those that run, with their versions, each once; the workspace's own first. */
async function interpretersHere(): Promise<Choice[]> {
  const there = await Promise.all(candidates().map(async (file) => ((await isRunnable(file)) ? [file] : [])));
  const answers = await Promise.all(there.flat().map(ask));
  const unique = new Map<string, Answer>();
  for (const answer of answers) {
    if (answer && !unique.has(answer.prefix)) {
      unique.set(answer.prefix, answer);
    }
  }
  return [...unique.values()].map(({ found, version }) => ({
    label: `Python ${version}`,
    description: found,
    path: found,
  }));
}

function candidates(): readonly string[] {
  const isWindows = process.platform === "win32";
  const inVenv = isWindows ? ["Scripts", "python.exe"] : ["bin", "python"];
  const venvs = folders().flatMap((folder) => [".venv", "venv"].map((name) => path.join(folder.path, name, ...inVenv)));
  const names = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"];
  const places = (process.env.PATH ?? "").split(path.delimiter).filter((place) => path.isAbsolute(place));
  const onPath = places.flatMap((place) => names.map((name) => path.join(place, isWindows ? `${name}.exe` : name)));
  return [...venvs, ...onPath];
}

async function isRunnable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

interface Answer {
  readonly found: string;
  readonly version: string;
  /** The same for the same installation, whatever its programs are called. */
  readonly prefix: string;
}

function ask(found: string): Promise<Answer | undefined> {
  const script = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.prefix, sys.version_info)";
  return new Promise((resolve) => {
    execFile(found, ["-I", "-c", script], { timeout: 5000, windowsHide: true }, (_error, stdout) => {
      const [version, prefix] = stdout.trim().split(/\r?\n/);
      resolve(version && prefix && isNewEnough(version) ? { found, version, prefix } : undefined);
    });
  });
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 3 || (major === 3 && minor >= 11);
}
