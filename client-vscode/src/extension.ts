/** What the extension is made of, and how its parts hang together: data flows from the server to what is known to the views. */

import { existsSync } from "node:fs";
import { homedir } from "node:os";

import { commands, type ExtensionContext, l10n, window, workspace } from "vscode";

import { registerCommands } from "./commands/commands.ts";
import type { Subscription } from "./event.ts";
import { useTranslations } from "./l10n.ts";
import { HotReload } from "./model/hotReload.ts";
import { contextOf } from "./model/serverState.ts";
import { toOptions } from "./model/settings.ts";
import { type ClientParts, ReloadClient } from "./server/client.ts";
import { interpreterFrom, type Launch, launchOf, pythonFrom, strategyFrom } from "./server/launch.ts";
import { LogLines } from "./server/logLines.ts";
import { probe } from "./server/probe.ts";
import { ChosenPython } from "./server/pythonExtension.ts";
import { Restarts } from "./server/restarts.ts";
import { Server } from "./server/server.ts";
import { traceChannel } from "./server/trace.ts";
import { showBadges } from "./ui/decorations.ts";
import { showTrouble } from "./ui/messages.ts";
import { offerStatusDocument } from "./ui/statusDocument.ts";
import { showStatusItem } from "./ui/statusItem.ts";
import { showTrees } from "./ui/trees.ts";
import { configuration, folders, settings, variables } from "./ui/workspace.ts";

let running: Server | undefined;

export function activate(context: ExtensionContext): void {
  useTranslations((message, ...args) => l10n.t(message, ...args));
  const log = window.createOutputChannel("Hot Reload", { log: true });
  const serverLog = window.createOutputChannel("Hot Reload Server", { log: true });
  const trace = traceChannel(serverLog);
  const known = new HotReload((fault) => log.error(String(fault)));
  const lines = new LogLines();
  const options = () => toOptions(settings(), folders(), variables());

  const connect = (launch: Launch, onClosed: () => void) =>
    listeningClient({ launch, onClosed, log: serverLog, trace, lines, options }, known);
  const chosen: ChosenPython = new ChosenPython(() => void server.reconsider());
  const server: Server = new Server({
    isTrusted: () => workspace.isTrusted,
    launch: () => currentLaunch(context, chosen),
    probe,
    connect,
    options,
    tell: (trouble) => void showTrouble(trouble),
    log: (level, text) => log[level](text),
    now: () => Date.now(),
    lines,
    restarts: new Restarts(),
  });
  running = server;

  context.subscriptions.push(
    log,
    serverLog,
    trace,
    chosen,
    server,
    server.changed.listen((state) => known.takeServerState(state)),
    followContext(known),
    ...showStatusItem(known),
    ...showTrees(known),
    ...showBadges(known),
    ...offerStatusDocument(known, server),
    ...registerCommands({ known, server, log, serverLog, extensionVersion: versionOf(context) }),
    ...followSettings(server),
    workspace.onDidGrantWorkspaceTrust(() => void server.restart()),
  );
  log.info(`Hot Reload ${versionOf(context)}`);
  void server.restart();
}

export async function deactivate(): Promise<void> {
  await running?.stop();
}

/** A client whose server's news become known. */
function listeningClient(parts: ClientParts, known: HotReload): ReloadClient {
  const client = new ReloadClient(parts);
  client.listen("reload/didChangeStatus", (status) => known.takeStatus(status));
  client.listen("reload/didChange", (batch) => known.takeBatch(batch));
  client.listen("reload/didReload", (report) => known.takeReport(report));
  return client;
}

/** What would be started now. In a workspace that is not trusted nothing is, whatever its settings say. */
async function currentLaunch(context: ExtensionContext, chosen: ChosenPython): Promise<Launch> {
  const path = folders()[0]?.path;
  const bundledLibs = context.asAbsolutePath("bundled/libs");
  const hasBundled = existsSync(bundledLibs);
  const strategy = strategyFrom(configuration().get("importStrategy", "useBundled"), hasBundled);
  const set = interpreterFrom(configuration().get("interpreter", ""), folders(), variables());
  return launchOf({
    python: await pythonFrom(strategy, {
      chosen: () => chosen.path(workspace.workspaceFolders?.[0]?.uri),
      set,
      otherwise: defaultPython(),
    }),
    strategy,
    bundledLibs,
    hasBundled,
    inheritedPythonPath: process.env.PYTHONPATH,
    cwd: path !== undefined && existsSync(path) ? path : homedir(),
  });
}

function defaultPython(): string {
  return process.platform === "win32" ? "python" : "python3";
}

function followSettings(server: Server) {
  return [
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("reloadls.interpreter") || event.affectsConfiguration("reloadls.importStrategy")) {
        void server.reconsider();
      }
      if (event.affectsConfiguration("reloadls")) {
        void server.configure();
      }
    }),
    // Paths may be said by workspace folders.
    workspace.onDidChangeWorkspaceFolders(() => void server.configure()),
  ];
}

/** Keeps what `when` clauses in package.json ask for. */
function followContext(known: HotReload): Subscription {
  const shown = new Map<string, unknown>();
  const tell = (name: string, value: unknown) => {
    if (shown.get(name) !== value) {
      shown.set(name, value);
      void commands.executeCommand("setContext", name, value);
    }
  };
  const follow = () => {
    tell("reloadls.server", contextOf(known.server));
    tell("reloadls.paused", known.status?.state === "paused");
  };
  follow();
  return known.changed.listen(follow);
}

function versionOf(context: ExtensionContext): string {
  return String((context.extension.packageJSON as { version: unknown }).version);
}
