/** How the extension speaks with one server process: VS Code's language client, made to fit. */

import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

import { type LogOutputChannel, workspace } from "vscode";
import {
  CloseAction,
  type DynamicFeature,
  ErrorAction,
  ExecuteCommandRequest,
  LanguageClient,
  type LanguageClientOptions,
  RevealOutputChannelOn,
  type ServerOptions,
  State,
  type StaticFeature,
} from "vscode-languageclient/node";

import type { Notifications, Options, Requests } from "../protocol.ts";
import type { Launch } from "./launch.ts";
import type { LogLines } from "./logLines.ts";
import type { Connection } from "./server.ts";

export interface ClientParts {
  readonly launch: Launch;
  readonly log: LogOutputChannel;
  /** Where the messages themselves are shown. */
  readonly trace: LogOutputChannel;
  readonly lines: LogLines;
  readonly options: () => Options;
  /** The connection is gone, wanted or not. */
  readonly onClosed: () => void;
}

/** The language client, without VS Code commands for the server's: those the extension has itself, by the same names. */
export class ReloadClient extends LanguageClient implements Connection {
  constructor(parts: ClientParts) {
    super("reloadls", "Hot Reload Server", serverOptions(parts.launch), clientOptions(parts));
  }

  override registerFeature(feature: StaticFeature | DynamicFeature<unknown>): void {
    if (!("registrationType" in feature) || feature.registrationType.method !== ExecuteCommandRequest.method) {
      super.registerFeature(feature);
    }
  }

  /** Stops the server; one that has not come up yet is ended. */
  override async stop(timeout = 2000): Promise<void> {
    if (this.state === State.Running) {
      await super.stop(timeout);
    } else {
      this.serverProcess?.kill();
    }
  }

  request<M extends keyof Requests>(method: M, params: Requests[M]["params"]): Promise<Requests[M]["result"]> {
    return this.sendRequest<Requests[M]["result"]>(method, params);
  }

  listen<M extends keyof Notifications>(method: M, listener: (params: Notifications[M]) => void): void {
    this.onNotification(method, listener);
  }

  /** The settings have changed. */
  configure(options: Options): Promise<void> {
    return this.sendNotification("workspace/didChangeConfiguration", { settings: { reloadls: options } });
  }
}

function serverOptions(launch: Launch): ServerOptions {
  const env = { ...process.env, ...launch.env }; // the language client adds nothing to it for a command
  return { command: launch.python, args: [...launch.args], options: { cwd: launch.cwd, env } };
}

function clientOptions(parts: ClientParts): LanguageClientOptions {
  return {
    // The server asks for saves only, so no document is ever sent.
    documentSelector: [{ scheme: "file" }],
    diagnosticCollectionName: "reloadls",
    outputChannel: parts.log,
    traceOutputChannel: parts.trace,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    initializationOptions: parts.options,
    initializationFailedHandler: () => false,
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: () => {
        parts.onClosed();
        return { action: CloseAction.DoNotRestart, handled: true };
      },
    },
    middleware: {
      workspace: {
        // The server takes its options only: what else is set here is no business of its.
        configuration: (params) =>
          params.items.map((item) =>
            item.section === "reloadls" ? parts.options() : workspace.getConfiguration(item.section),
          ),
      },
    },
    stdioOptions: {
      stdout: () => {},
      stderr: (input, log) => logLines(input, log, parts.lines),
    },
  };
}

function logLines(input: Readable, log: LogOutputChannel, lines: LogLines): void {
  createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (raw) => {
    const { level, text } = lines.read(raw);
    log[level](text);
  });
}
