/** What running programs report: programs, activity, squiggles and badges, as a scripted server tells of them. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";

import { closeBrowser } from "../harness/browser.ts";
import { PROGRAM, Sayings } from "../harness/sayings.ts";
import { inScene, type Scene } from "../harness/scene.ts";
import { Script } from "../harness/script.ts";
import { until } from "../harness/until.ts";

after(closeBrowser);

function scripted(body: (scene: Scene, script: Script, say: Sayings) => Promise<void>): ReturnType<typeof inScene> {
  let script: Script;
  return inScene(
    (place) => {
      script = new Script(join(place, "env"));
      return { files: PROGRAM, settings: script.settings };
    },
    (scene) => body(scene, script, new Sayings(scene.folder, script)),
  );
}

test(
  "a failed report puts a squiggle at its line, which success clears",
  scripted(async ({ window }, _script, say) => {
    await window.statusSays(/Watching/);
    await window.showHotReload();
    await say.target("live");
    await window.statusSays(/1 live/);

    await say.failed();
    await window.statusSays(/failed/i);
    await window.rows("Targets").filter({ hasText: "NameError: name" }).first().waitFor();
    await window.openFile("views.py");
    await window.errorSquiggles.first().waitFor();
    assert.equal(await window.lineOf(window.errorSquiggles.first()), 2);
    await window.badge("views.py").waitFor();

    await say.reloaded();
    await window.statusSays(/1 live/);
    await window.errorSquiggles.first().waitFor({ state: "detached" });
    await window
      .rows("Activity")
      .filter({ hasText: /reloaded 1 module/ })
      .first()
      .waitFor();
  }),
);

test(
  "a failed module opens at its line",
  scripted(async ({ window }, _script, say) => {
    await window.statusSays(/Watching/);
    await window.showHotReload();
    await say.target("live");
    await say.failed();
    await window.rows("Targets").filter({ hasText: "NameError: name" }).first().click();
    await window.tab("views.py").waitFor();
    await until("the cursor is at the line", async () => (await window.cursorLine()) === 2);
  }),
);

test(
  "Reload Now asks the programs, and says what they did",
  scripted(async ({ window }, script, say) => {
    await window.statusSays(/Watching/);
    await say.target("live");
    await window.statusSays(/1 live/);
    await script.answer("reload/trigger", [say.report("reloaded")]);
    await window.run("Hot Reload: Reload Now");
    await until("the server was asked", async () => (await script.received("reload/trigger")).length === 1);
    await window.statusSays(/1 live/);
  }),
);

test(
  "Activity keeps the last 200, and a batch of thousands stays small",
  scripted(async ({ window }, script, say) => {
    await window.statusSays(/Watching/);
    await window.showHotReload();
    for (let number = 0; number < 250; number += 1) {
      await script.send("reload/didChange", say.batch(number, [`file_${number}.py`]));
    }
    await window.rows("Activity").filter({ hasText: "file_249.py" }).first().waitFor();
    assert.equal(await window.rowCount("Activity"), 200);

    const names = Array.from({ length: 5000 }, (_, index) => `many_${index}.py`);
    await script.send("reload/didChange", say.batch(250, names));
    const row = window
      .rows("Activity")
      .filter({ hasText: /4,999 files more|5,000/ })
      .first();
    await row.waitFor();
    await row.click();
    await until("the batch is unfolded", async () => (await window.rowCount("Activity")) > 200);
    const shown = await window.rowCount("Activity");
    assert.ok(shown <= 200 + 101, `${shown} rows`);
  }),
);
