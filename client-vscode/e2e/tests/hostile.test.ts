/** Files whose names look like markup: each is shown as its name, wherever it is shown. */

import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import { closeBrowser } from "../harness/browser.ts";
import { PROGRAM, Sayings } from "../harness/sayings.ts";
import { inScene } from "../harness/scene.ts";
import { Script } from "../harness/script.ts";
import type { Workbench } from "../harness/workbench.ts";

after(closeBrowser);

/** Name, and a part of it that is shown as it is. */
const NAMES: readonly (readonly [string, string])[] = [
  ["[Show details](command:workbench.action.quit).py", "command:workbench.action.quit"],
  ["`tick`.py", "`tick`"],
  ["<b>bold.py", "<b>bold"],
  ["<img src=x onerror=alert(1)>.py", "<img src=x onerror=alert(1)>"],
  ["$(zap)$(loading~spin).py", "$(zap)$(loading~spin)"],
  ["\\$(zap).py", "\\$(zap)"],
  ["![i](command:x)**b**_u_~~s~~.py", "**b**_u_~~s~~"],
  ["&lt;&#36;(zap).py", "&lt;&#36;(zap)"],
  ["new\nline.py", "new\\u000aline"],
  ["cod\u202eyp.exe", "cod\\u202eyp.exe"],
  ["www.evil.example.py", "www.evil.example"],
  ["# head.py", "# head"],
];
const MARKUP =
  "b, i, em, strong, del, img, code, h1, .codicon-zap, .codicon-loading, a[data-href*='command:workbench']";

/** What is there of markup that a name could have made, and of links. */
async function madeOf(window: Workbench, where: string, allowed: string): Promise<string[]> {
  return window.page.locator(where).evaluateAll(
    (elements, { markup, fine }) =>
      elements.flatMap((element) =>
        Array.from(element.querySelectorAll(`${markup}, a[href], a[data-href]`))
          .filter((found) => !found.matches(fine))
          .map((found) => found.outerHTML.slice(0, 200)),
      ),
    { markup: MARKUP, fine: allowed },
  );
}

test(
  "names that look like links, icons or markup are shown as they are, wherever files are named",
  inScene(
    { files: Object.fromEntries([["app.py", "x = 1\n"], ...NAMES.map(([name]) => [name, ""] as const)]) },
    async ({ window, folder }) => {
      await window.statusSays(/Watching/);
      await window.showHotReload();
      await window.welcome("Activity").waitFor();
      await window.widenSideBar(300);
      for (const [index, [name, shown]] of NAMES.entries()) {
        rmSync(join(folder, name));
        const row = window.rows("Activity").filter({ hasText: shown }).first();
        await row.waitFor();
        assert.deepEqual(await madeOf(window, ".pane .monaco-list-row", "nothing"), [], `row of ${name}`);

        await row.hover();
        const hover = window.page.locator(".monaco-hover:visible").filter({ hasText: shown }).first();
        await hover.waitFor();
        // The name itself is bold there, once.
        const bold = "strong:first-of-type";
        assert.deepEqual(await madeOf(window, ".monaco-hover", bold), [], `tooltip of ${name}`);
        await picture(window, `tooltip-${index}`);

        await row.click();
        const said = await window.message(/was deleted/);
        assert.ok((await said.innerText()).replaceAll("\u2060", "").includes(shown), await said.innerText());
        assert.deepEqual(await madeOf(window, ".notification-list-item-message", "nothing"), [], `message of ${name}`);
        await picture(window, `message-${index}`);
        await window.run("Notifications: Clear All Notifications");

        await window.status.hover();
        const status = window.page.locator(".monaco-hover:visible").filter({ hasText: "Hot Reload" }).first();
        await status.filter({ hasText: shown }).waitFor();
        const ours = "strong:first-of-type, a[data-href^='command:reloadls.']";
        assert.deepEqual(await madeOf(window, ".monaco-hover", ours), [], `status of ${name}`);
        await picture(window, `status-${index}`);
        await window.page.mouse.move(700, 300);
        await hover.waitFor({ state: "hidden" });
      }
    },
  ),
);

test("a program whose name looks like markup is shown by its name", (t) => {
  let script: Script;
  const name = "$(bug)[x](command:workbench.action.quit)<b>`";
  return inScene(
    (place) => {
      script = new Script(join(place, "env"));
      return { files: PROGRAM, settings: script.settings };
    },
    async ({ window, folder }) => {
      const say = new Sayings(folder, script);
      await window.statusSays(/Watching/);
      await window.showHotReload();
      await say.target("live", null, name);
      const row = window.rows("Targets").filter({ hasText: name }).first();
      await row.waitFor();
      await row.hover();
      await window.page.locator(".monaco-hover:visible").filter({ hasText: name }).first().waitFor();
      assert.deepEqual(await madeOf(window, ".monaco-hover", "strong:first-of-type"), []);
      await window.status.hover();
      const hover = window.page.locator(".monaco-hover:visible").filter({ hasText: "Hot Reload" });
      await hover.filter({ hasText: name }).first().waitFor();
      assert.equal(await window.page.locator(".monaco-hover .codicon-bug, .statusbar .codicon-bug").count(), 0);
      assert.equal(await window.page.locator(".monaco-hover a[data-href*='workbench']").count(), 0);
      await picture(window, "program");
    },
  )(t);
});

/** For a person to look at, where RELOADLS_E2E_PICTURES is set. */
async function picture(window: Workbench, name: string): Promise<void> {
  if (process.env["RELOADLS_E2E_PICTURES"]) {
    const place = fileURLToPath(new URL("../screenshots", import.meta.url));
    mkdirSync(place, { recursive: true });
    await window.page.screenshot({ path: join(place, `hostile-${name}.png`) });
  }
}
