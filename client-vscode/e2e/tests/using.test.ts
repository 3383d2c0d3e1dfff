/** What a user does with what is shown: the commands, the status bar item, and a click on a change. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, test } from "node:test";

import { closeBrowser } from "../harness/browser.ts";
import { inScene } from "../harness/scene.ts";
import { until } from "../harness/until.ts";

const COMMANDS = [
  "Refresh Paths",
  "Add Path…",
  "Pause",
  "Reload Now",
  "Show Status",
  "Show Log",
  "Copy Debug Information",
  "Restart Server",
];

after(closeBrowser);

test(
  "all commands are in the palette, and those that show something do",
  inScene({}, async ({ window, code }) => {
    await window.statusSays(/Watching/);
    for (const command of COMMANDS) {
      await window.showsCommand(`Hot Reload: ${command}`);
    }
    await window.run("Hot Reload: Copy Debug Information");
    await until("the clipboard has it", async () => /reloadls/.test(await window.clipboard()));
    assert.match(await window.clipboard(), /Python/);

    await window.run("Hot Reload: Show Log");
    await window.page.locator(".panel .view-line").filter({ hasText: "running" }).first().waitFor();

    const server = code.servers()[0]?.pid;
    await window.run("Hot Reload: Restart Server");
    await until("another server runs", () => code.servers().some(({ pid }) => pid !== server));
    await window.statusSays(/Watching/);
    assert.equal(code.servers().length, 1);
  }),
);

test(
  "the status bar item tells more on hover, and opens the menu of commands on a click",
  inScene({ files: { "a.py": "", "b.py": "" } }, async ({ window }) => {
    await window.statusSays(/Watching/);
    await window.status.hover();
    const hover = window.page.locator(".monaco-hover:visible").filter({ hasText: "Hot Reload" });
    await hover.filter({ hasText: "2 files" }).waitFor();
    await window.status.click();
    await window.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: "Pause" }).click();
    await window.statusSays(/Paused/);
  }),
);

test(
  "a click on a change opens what has changed since the last commit",
  inScene(
    (place) => ({ files: { "app.py": "x = 1\n" }, look: { "git.enabled": true }, before: () => commit(place) }),
    async ({ window, write }) => {
      await window.statusSays(/Watching/);
      await window.showHotReload();
      write("app.py", "x = 2\n");
      await window.rows("Activity").filter({ hasText: "app.py" }).first().click();
      await window.page.locator(".monaco-diff-editor").waitFor();
      await window.tab("app.py").filter({ hasText: "HEAD" }).waitFor();
    },
  ),
);

/** Put the workspace under version control, as it is. */
function commit(place: string): void {
  const git = (...words: string[]): void => {
    execFileSync("git", [
      "-C",
      `${place}/project`,
      "-c",
      "user.name=Test",
      "-c",
      "user.email=test@localhost",
      ...words,
    ]);
  };
  git("init", "--quiet");
  git("add", ".");
  git("commit", "--quiet", "--message", "as it was");
}
