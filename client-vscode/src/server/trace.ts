/** Where the messages between client and server are shown: in the server's channel, as `reloadls.trace.server` says. */

import { EventEmitter, LogLevel, type LogOutputChannel, workspace } from "vscode";

/**
 * The language client traces only while its channel's level is "trace". This channel has that level whenever the
 * setting asks for tracing, and writes into `log` whatever its level is.
 */
export function traceChannel(log: LogOutputChannel): LogOutputChannel & { dispose(): void } {
  const changed = new EventEmitter<LogLevel>();
  const level = () =>
    workspace.getConfiguration("reloadls").get("trace.server", "off") === "off" ? log.logLevel : LogLevel.Trace;
  const write = (text: string) => log.appendLine(`[trace] ${text}`);
  const listeners = [
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("reloadls.trace.server")) {
        changed.fire(level());
      }
    }),
    log.onDidChangeLogLevel(() => changed.fire(level())),
  ];
  return {
    name: log.name,
    get logLevel() {
      return level();
    },
    onDidChangeLogLevel: changed.event,
    trace: write,
    debug: (text, ...args) => log.debug(text, ...args),
    info: (text, ...args) => log.info(text, ...args),
    warn: (text, ...args) => log.warn(text, ...args),
    error: (text, ...args) => log.error(text, ...args),
    append: (text) => log.append(text),
    appendLine: (text) => log.appendLine(text),
    replace: (text) => log.replace(text),
    clear: () => log.clear(),
    show: (...args: unknown[]) => log.show(args.find((arg) => typeof arg === "boolean") as boolean | undefined),
    hide: () => log.hide(),
    dispose: () => {
      changed.dispose();
      for (const listener of listeners) {
        listener.dispose();
      }
    },
  };
}
