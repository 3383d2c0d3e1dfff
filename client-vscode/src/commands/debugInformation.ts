/** "Copy Debug Information". */

import { homedir, release } from "node:os";

import { env, version } from "vscode";

import { t } from "../l10n.ts";
import { commandOf } from "../server/launch.ts";
import { versionOf } from "../server/trouble.ts";
import { debugInformation } from "../show/debugInformation.ts";
import { showInformation } from "../ui/notifications.ts";
import { configuration, folders } from "../ui/workspace.ts";
import type { Parts } from "./commands.ts";

const names = [
  "importStrategy",
  "interpreter",
  "paths",
  "include",
  "exclude",
  "useGitignore",
  "debounceMs",
  "maxWaitMs",
  "forcePolling",
  "pollDelayMs",
  "watchedFiles",
  "explorerBadges",
  "trace.server",
];

export async function copyDebugInformation({ known, server, extensionVersion }: Parts): Promise<void> {
  const text = debugInformation({
    extension: extensionVersion,
    editor: `${env.appName} ${version} (${env.appHost})`,
    system: `${process.platform} ${release()} ${process.arch}`,
    remote: env.remoteName ?? "",
    server: known.server,
    command: server.launched ? commandOf(server.launched) : [],
    python: server.python ? `${versionOf(server.python)} (${server.python.executable})` : "",
    reloadls: server.python?.reloadls ?? "",
    restarts: server.restartsLately,
    settings: changedSettings(),
    folders: folders().length,
    status: known.status,
    lastLines: server.lastLines,
    home: homedir(),
  });
  await env.clipboard.writeText(text);
  showInformation(t("Debug information was copied. Review it before you share it."));
}

function changedSettings(): Record<string, unknown> {
  const set = configuration();
  const changed = names.filter((name) => {
    const found = set.inspect(name);
    return [found?.globalValue, found?.workspaceValue, found?.workspaceFolderValue].some(
      (value) => value !== undefined,
    );
  });
  return Object.fromEntries(changed.map((name) => [name, set.get(name)]));
}
