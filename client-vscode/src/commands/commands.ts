/** The commands: each does one thing, and says what came of it. */

import { commands, type Disposable, type LogOutputChannel, Uri, window } from "vscode";

import { t } from "../l10n.ts";
import type { HotReload } from "../model/hotReload.ts";
import type { Change, DrainParams, Range } from "../protocol.ts";
import type { Server } from "../server/server.ts";
import { reloaded } from "../show/reloaded.ts";
import { showMenu } from "../ui/menu.ts";
import { showError, showInformation, showWarning } from "../ui/notifications.ts";
import { openChange, openFile } from "../ui/openings.ts";
import { showStatusDocument } from "../ui/statusDocument.ts";
import { copyDebugInformation } from "./debugInformation.ts";
import { drain } from "./drain.ts";
import { selectInterpreter } from "./interpreter.ts";
import { addPath, refreshPath, refreshPaths, removePath } from "./paths.ts";

export interface Parts {
  readonly known: HotReload;
  readonly server: Server;
  readonly log: LogOutputChannel;
  readonly serverLog: LogOutputChannel;
  readonly extensionVersion: string;
}

/** What a tree gives to a command of one of its nodes. */
interface NodeArgument {
  readonly uri?: string;
  readonly pool?: DrainParams;
  readonly opens?: { readonly kind: string; readonly change?: Change };
}

type Command = (argument?: unknown) => unknown;

export function registerCommands(parts: Parts): Disposable[] {
  const { known, server, log, serverLog } = parts;
  const table: Readonly<Record<string, Command>> = {
    refreshPaths: () => refreshPaths(server),
    refreshPath: (node) => refreshPath(server, (node as NodeArgument | undefined)?.uri),
    addPath: (given) => addPath(given),
    removePath: (node) => removePath((node as NodeArgument | undefined)?.uri),
    pause: async () => known.takeStatus(await server.request("reload/pause", {})),
    resume: async () => known.takeStatus(await server.request("reload/resume", {})),
    reloadNow: () => reloadNow(known, server),
    drain: (node) => drain(known, server, (node as NodeArgument | undefined)?.pool),
    showStatus: () => showStatusDocument(),
    showLog: () => log.show(true),
    showServerLog: () => serverLog.show(true),
    copyDebugInformation: () => copyDebugInformation(parts),
    restartServer: () => server.restart(),
    selectInterpreter: () => selectInterpreter(server.launched?.strategy),
    openSettings: () => commands.executeCommand("workbench.action.openSettings", "@ext:reloadls.reloadls"),
    clearActivity: () => known.clearActivity(),
    showMenu: () => showMenu(known),
    openFile: (given) => openNode(given),
    openChange: (node) => openNodeChange(node as NodeArgument | undefined),
  };
  return Object.entries(table).map(([name, command]) =>
    commands.registerCommand(`reloadls.${name}`, (argument?: unknown) => run(name, () => command(argument), log)),
  );
}

/** A command that fails says so once, in a message that people understand. */
async function run(name: string, command: () => unknown, log: LogOutputChannel): Promise<void> {
  try {
    await command();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    log.error(`${name}: ${message}`);
    void showError(t("Hot Reload: {0}", message));
  }
}

/** Takes up the file in the active editor if it is Python, saved first; else all that programs have loaded. */
async function reloadNow(known: HotReload, server: Server): Promise<void> {
  const document = window.activeTextEditor?.document;
  const isFile = document?.uri.scheme === "file" && document.languageId === "python";
  if (isFile && document.isDirty) {
    await document.save();
  }
  const params = isFile ? { uris: [document.uri.toString()] } : {};
  const reports = await known.whileReloading(server.request("reload/trigger", params));
  const { failed, message } = reloaded(reports, known.targets);
  if (failed) {
    showWarning(message);
  } else {
    showInformation(message);
  }
}

async function openNode(given: unknown): Promise<void> {
  const { uri, range } = (given ?? {}) as { uri?: string; range?: Range };
  if (uri !== undefined) {
    await openFile(Uri.parse(uri), range);
  }
}

async function openNodeChange(node: NodeArgument | undefined): Promise<void> {
  if (node?.opens?.change) {
    await openChange(node.opens.change);
  }
}
