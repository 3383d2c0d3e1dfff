/** A real program with a session pool: its sessions are seen, and the pool is drained from the editor, which asks first. */

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import { closeBrowser } from "../harness/browser.ts";
import { Program } from "../harness/program.ts";
import { inScene } from "../harness/scene.ts";
import { until } from "../harness/until.ts";
import type { Workbench } from "../harness/workbench.ts";

const POOL = `\
import asyncio
import pathlib

from reloadls.base.hosted import hosted
from reloadls.pool import Session, SessionPool

settings = pathlib.Path("app.toml").resolve()


def status(most):
    if "many" not in settings.read_text():
        return {"version": "7"}
    place = {"start": {"line": 1, "character": 7}, "end": {"line": 1, "character": 13}}
    problem = {"key": "db.port", "uri": settings.as_uri(), "range": place, "message": "must be an integer"}
    return {"version": "7", "problems": [problem]}


async def talk(session: Session) -> None:
    if session.id == "room-2":
        raise ValueError("nobody there")
    if session.id == "room-3":
        with session.pin():
            await asyncio.Event().wait()
    await asyncio.Event().wait()


async def main() -> None:
    configuration = hosted.add("configurations", "settings", status)
    async with SessionPool(talk, name="rooms", max_sessions=50) as pool:
        for number in range(1, 6):
            await pool.launch(f"room-{number}")
        while True:
            configuration.changed()
            await asyncio.sleep(0.1)


asyncio.run(main())
`;

after(closeBrowser);

test(
  "sessions of a pool are shown, a drain is asked for first, and a bad configuration is shown at its line",
  inScene({ files: { "app.py": POOL, "app.toml": "[db]\nport = 5432\n" } }, async (scene) => {
    const { window } = scene;
    const program = new Program(scene, "app.py");
    try {
      await window.statusSays(/1 live/);
      await window.showHotReload();
      await window.widenSideBar(160);
      const pool = window.rows("Targets").filter({ hasText: /^rooms/ });
      await pool.filter({ hasText: "4 of 50 sessions · 1 pinned · 1 failed" }).waitFor();
      await pool.locator(".monaco-tl-twistie").click();
      await window
        .rows("Targets")
        .filter({ hasText: /^room-3/ })
        .waitFor();
      assert.deepEqual(
        (await window.rowTexts("Targets", 3)).map((text) => text.replace("under 1 min", " now")),
        ["room-1 now", "room-3 now · pinned", "room-4 now", "room-5 now"],
      );
      await picture(window, "pool");

      // From its row, and then not at all.
      await pool.click({ button: "right" });
      await menuItem(window, "Drain Session Pool").click({ delay: 250 }); // a menu takes none in its first 100 ms
      const dialog = window.page.locator(".monaco-dialog-box");
      await dialog.filter({ hasText: "Drain the session pool rooms of app.py" }).waitFor();
      await picture(window, "pool-drain");
      await dialog.getByText("Cancel", { exact: true }).click();
      await dialog.waitFor({ state: "detached" });
      assert.match(await pool.innerText(), /4 of 50/);
      assert.doesNotMatch(await pool.innerText(), /draining/);

      // From the palette.
      await window.run("Hot Reload: Drain Session Pool…");
      await window.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: "rooms" }).first().click();
      await dialog.getByText("Drain", { exact: true }).click();
      await pool.filter({ hasText: "draining · 4 of 50 sessions" }).waitFor();
      await pool.click({ button: "right" });
      await window.page.keyboard.press("Escape");

      await window.openFile("app.toml");
      await window.replaceAndSave('[db]\nport = "many"\n');
      await window.statusSays(/Configuration failed/);
      await window.errorSquiggles.first().waitFor();
      assert.equal(await window.lineOf(window.errorSquiggles.first()), 2);
      await window.rows("Targets").filter({ hasText: "db.port: must be an integer" }).waitFor();
      await picture(window, "configuration");
      await window.replaceAndSave("[db]\nport = 5433\n");
      await window.errorSquiggles.first().waitFor({ state: "detached" });
      await window.statusSays(/1 live/);
    } finally {
      program.end();
    }
    await until("the program is no longer listed", async () => (await window.rows("Targets").count()) === 0 || null);
  }),
);

function menuItem(window: Workbench, text: string) {
  return window.page.locator(".context-view .monaco-menu .action-item").filter({ hasText: text }).first();
}

/** For a person to look at, where RELOADLS_E2E_PICTURES is set. */
async function picture(window: Workbench, name: string): Promise<void> {
  const { RELOADLS_E2E_PICTURES: wanted } = process.env;
  if (wanted) {
    const place = fileURLToPath(new URL("../screenshots", import.meta.url));
    mkdirSync(place, { recursive: true });
    await window.settle();
    await window.page.screenshot({ path: join(place, `${name}.png`) });
  }
}
