/** What is watched and what changed: from the start to a change on the screen. */

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { basename, join } from "node:path";
import { after, test } from "node:test";

import { closeBrowser } from "../harness/browser.ts";
import { inScene, type Scene } from "../harness/scene.ts";
import { SLACK, until } from "../harness/until.ts";

after(closeBrowser);

test(
  "the status reaches watching within 5 s of activation",
  inScene({}, async ({ window, code }, t) => {
    await window.statusSays(/Watching/);
    const watching = Date.now();
    const activated = await until("the extension host's log tells of the activation", () => activation(code.home));
    t.diagnostic(`watching ${watching - activated} ms after activation`);
    assert.ok(watching - activated < 5000 * SLACK, `${watching - activated} ms`);
    assert.equal(code.servers().length, 1);
  }),
);

test(
  "a file changed from outside shows in Activity within 1 s",
  inScene({ files: { "app.py": "x = 1\n", "pkg/views.py": "y = 1\n" } }, async (scene, t) => {
    const { window } = scene;
    await watchingActivity(scene);
    for (const [path, text] of [
      ["pkg/views.py", "y = 2\n"],
      ["pkg/new.py", "z = 1\n"],
      ["app.py", "x = 2\n"],
    ] as const) {
      scene.write(path, text);
      const written = performance.now();
      await window
        .rows("Activity")
        .filter({ hasText: basename(path) })
        .first()
        .waitFor({ timeout: 1000 * SLACK });
      t.diagnostic(`${path} showed after ${Math.round(performance.now() - written)} ms`);
    }
    assert.equal((await window.batches()).length, 3);
  }),
);

test(
  "a save shows once, an atomic one from outside, too",
  inScene({ files: { "app.py": "x = 1\n", "other.py": "y = 1\n", "last.py": "z = 1\n" } }, async (scene) => {
    const { window, folder } = scene;
    await watchingActivity(scene);
    await window.openFile("app.py");
    await window.typeAndSave("x = 2\n");
    await window.rows("Activity").filter({ hasText: "app.py" }).first().waitFor();
    scene.write(".other.py.tmp", "y = 2\n");
    renameSync(join(folder, ".other.py.tmp"), join(folder, "other.py"));
    await window.rows("Activity").filter({ hasText: "other.py" }).first().waitFor();
    scene.write("last.py", "z = 2\n");
    await window.rows("Activity").filter({ hasText: "last.py" }).first().waitFor();
    const shown = await window.batches();
    assert.equal(shown.length, 3, shown.join("\n"));
    for (const [index, name] of ["last.py", "other.py", "app.py"].entries()) {
      assert.match(shown[index] ?? "", new RegExp(`\\b${name}`));
    }
  }),
);

test(
  "Refresh Paths from the palette reports what was added",
  inScene(
    // A long quiet time, so that watching does not notice the folder before the refresh does.
    { settings: { "reloadls.paths": ["src", "later"], "reloadls.debounceMs": 60000, "reloadls.maxWaitMs": 60000 } },
    async ({ window, folder }) => {
      await window.statusSays(/Watching/);
      mkdirSync(join(folder, "later"));
      await window.run("Hot Reload: Refresh Paths");
      const said = await window.message(/later/);
      assert.match(await said.innerText(), /added|now watch/i);
    },
  ),
);

test(
  "Add Path watches a folder outside of the workspace",
  inScene({}, async (scene) => {
    const { window, place } = scene;
    const outside = join(place, "outside");
    mkdirSync(join(outside, "lib-inside"), { recursive: true });
    await watchingActivity(scene);
    await window.run("Hot Reload: Add Path");
    await window.pickFolder(outside, "lib-inside");
    await window.rows("Watched Paths").filter({ hasText: "outside" }).first().waitFor();
    scene.write(join(outside, "far.py"), "x = 1\n");
    await window.rows("Activity").filter({ hasText: "far.py" }).first().waitFor();
    scene.write("app.py", "x = 3\n");
    await window.rows("Activity").filter({ hasText: "app.py" }).first().waitFor();
    const paths = await window.rowTexts("Watched Paths");
    assert.equal(paths.length, 2, paths.join("\n"));
  }),
);

test(
  "Pause holds changes back, and Resume tells of them as one batch",
  inScene({ files: { "a.py": "", "b.py": "", "c.py": "" } }, async (scene) => {
    const { window } = scene;
    await watchingActivity(scene);
    await window.run("Hot Reload: Pause");
    await window.statusSays(/Paused/);
    scene.write("a.py", "x = 1\n");
    scene.write("b.py", "x = 1\n");
    await window.run("Hot Reload: Resume");
    await window.statusSays(/Watching/);
    await window
      .rows("Activity")
      .filter({ hasText: /a\.py, b\.py|b\.py, a\.py/ })
      .first()
      .waitFor();
    scene.write("c.py", "x = 1\n");
    await window.rows("Activity").filter({ hasText: "c.py" }).first().waitFor();
    assert.equal((await window.batches()).length, 2);
  }),
);

test(
  "a changed setting takes effect in the same window and server",
  inScene({ files: { "a.py": "", "b.txt": "" } }, async (scene) => {
    const { window, code } = scene;
    await watchingActivity(scene);
    const server = code.servers()[0]?.pid;
    code.set({ "reloadls.include": ["*.txt"] });
    await until("the server leaves a.py out", async () => {
      scene.write("a.py", "x = 1\n");
      scene.write("b.txt", String(performance.now()));
      const [newest] = await window.batches();
      return newest?.startsWith("b.txt");
    });
    assert.equal(code.servers()[0]?.pid, server);
  }),
);

async function watchingActivity({ window }: Scene): Promise<void> {
  await window.statusSays(/Watching/);
  await window.showHotReload();
  await window.welcome("Activity").waitFor();
}

/** When the extension was activated, as the extension host's log has it. */
function activation(home: string): number | undefined {
  const logs = join(home, "data", "logs");
  for (const path of readdirSync(logs, { recursive: true, encoding: "utf8" })) {
    if (path.endsWith("remoteexthost.log")) {
      const line = /^(\S+ \S+) .*_doActivateExtension reloadls\.reloadls\b/m.exec(
        readFileSync(join(logs, path), "utf8"),
      );
      return line?.[1] === undefined ? undefined : new Date(line[1]).getTime();
    }
  }
  return undefined;
}
