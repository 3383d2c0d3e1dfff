/** Workspaces that are more than one small folder. */

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { closeBrowser } from "../harness/browser.ts";
import { inScene, manyFiles } from "../harness/scene.ts";
import { SLACK, until } from "../harness/until.ts";

after(closeBrowser);

test(
  "two workspace folders are both watched",
  inScene(
    {
      files: {
        "one/app.py": "x = 1\n",
        "two/app.py": "y = 1\n",
        "both.code-workspace": JSON.stringify({ folders: [{ path: "one" }, { path: "two" }] }),
      },
      open: "both.code-workspace",
    },
    async ({ window, write }) => {
      await window.statusSays(/Watching/);
      await window.showHotReload();
      await until("both folders are shown", async () => (await window.rowTexts("Watched Paths")).length === 2);
      for (const folder of ["one", "two"]) {
        write(`${folder}/new_${folder}.py`, "z = 1\n");
        await window
          .rows("Activity")
          .filter({ hasText: `new_${folder}.py` })
          .first()
          .waitFor();
      }
      const shown = await window.batches();
      assert.match(shown[0] ?? "", /\btwo\b/);
      assert.match(shown[1] ?? "", /\bone\b/);
    },
  ),
);

test(
  "a workspace of 20,000 files stays responsive while half of them change",
  inScene({ files: manyFiles(20_000) }, async ({ window, write }, t) => {
    await window.statusSays(/Watching/);
    await window.showHotReload();
    await window.rows("Watched Paths").filter({ hasText: "20,000 files" }).first().waitFor();
    await window.watchFrames();
    for (const [path] of Object.entries(manyFiles(10_000))) {
      write(path, "changed = True\n");
    }
    await window.rows("Activity").first().waitFor();
    await window.showsCommand("Hot Reload: Pause");
    write("package_199/module_19999.py", "last = True\n");
    await window.rows("Activity").filter({ hasText: "module_19999.py" }).first().waitFor();
    const longest = await window.longestFrame();
    t.diagnostic(`the longest time without a frame was ${Math.round(longest)} ms`);
    assert.ok(longest < 1000 * SLACK, `${longest} ms`);
    assert.ok((await window.rowCount("Activity")) <= 200);
  }),
);
