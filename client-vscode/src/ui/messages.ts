/** Messages to the user, and what their buttons do. */

import { commands } from "vscode";

import { type Remedy, remedyLabel, type Trouble } from "../server/trouble.ts";
import { showError } from "./notifications.ts";
import { configuration } from "./workspace.ts";

/** Shows why the server can't run, with what can be done about it. */
export async function showTrouble({ message, remedies }: Trouble): Promise<void> {
  const items = remedies.map((remedy) => ({ title: remedyLabel(remedy), remedy }));
  const chosen = await showError(message, ...items);
  if (chosen) {
    await apply(chosen.remedy);
  }
}

async function apply(remedy: Remedy): Promise<void> {
  switch (remedy) {
    case "selectInterpreter":
      await commands.executeCommand("reloadls.selectInterpreter");
      return;
    case "openSettings":
      await commands.executeCommand("workbench.action.openSettings", "reloadls.interpreter");
      return;
    case "useBundled":
      await configuration().update("importStrategy", "useBundled", targetOf("importStrategy"));
      return;
    case "restart":
      await commands.executeCommand("reloadls.restartServer");
      return;
    case "showLog":
      await commands.executeCommand("reloadls.showLog");
  }
}

/** Where a setting has to be written so that it counts: where it is set now, else for the user. */
function targetOf(name: string): boolean {
  const set = configuration().inspect(name);
  return set?.workspaceValue === undefined;
}
