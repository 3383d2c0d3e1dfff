/** The server's life: which one is started, what happens when it ends or can't start. */

import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";

import type { Locator } from "playwright-core";

import { closeBrowser } from "../harness/browser.ts";
import { inScene } from "../harness/scene.ts";
import { emptyEnvironment } from "../harness/script.ts";
import { until } from "../harness/until.ts";
import { required, type VsCode } from "../harness/vscode.ts";

const MANY = 20;

after(closeBrowser);

test(
  "a server that was killed comes back, and after too many times it says so",
  inScene({}, async ({ window, code, write }, t) => {
    await window.statusSays(/Watching/);
    await window.showHotReload();
    const first = code.servers()[0]?.pid;
    assert.ok(first !== undefined);
    process.kill(first, "SIGKILL");
    await another(code, first);
    // What is written before the new server watches is no change to it.
    let change = 0;
    await until("a change shows again", async () => {
      change += 1;
      write("app.py", `x = ${change}\n`);
      return (await window.batches()).some((batch) => batch.startsWith("app.py"));
    });
    await window.statusSays(/Watching/);

    let kills = 1;
    while (!/Stopped/.test(await window.statusText())) {
      assert.ok(kills < MANY, `it was started again after ${kills} times`);
      const server = code.servers()[0];
      if (server) {
        process.kill(server.pid, "SIGKILL");
        kills += 1;
        await until("it is gone, and another there or none", async () => {
          const now = code.servers()[0];
          return now ? now.pid !== server.pid : /Stopped/.test(await window.statusText());
        });
      }
    }
    t.diagnostic(`stopped after ${kills} times`);
    const said = await window.message(/crashed 5 times recently and is not restarted/);
    assert.deepEqual(code.servers(), []);
    await said.getByRole("button", { name: "Restart Server" }).click();
    await window.statusSays(/Watching/);
    assert.equal(code.servers().length, 1);
  }),
);

const OLD = `import sys; sys.version_info = (3, 9, 18, "final", 0); exec(sys.argv[2])`;

const UNUSABLE: readonly [name: string, script: string | undefined, says: RegExp][] = [
  ["that does not exist", undefined, /no Python at '.*no-such-python'/],
  ["that fails", "#!/bin/sh\necho 'out of order' >&2\nexit 1\n", /not a working Python \(out of order\)/],
  ["that is no Python", "#!/bin/sh\necho nonsense\n", /not a working Python \(nonsense\)/],
  ["that is too old", `#!/bin/sh\nexec '${required("RELOADLS_E2E_PYTHON")}' -c '${OLD}' "$@"\n`, /is Python 3\.9\.18/],
];

for (const [name, script, says] of UNUSABLE) {
  test(
    `an interpreter ${name} gives one message with buttons`,
    inScene(
      (place) => ({ settings: { "reloadls.interpreter": interpreter(place, script) } }),
      async ({ window, code }) => {
        const said = await window.message(says);
        await window.statusSays(/Stopped/);
        assert.deepEqual(code.servers(), []);
        assert.equal(await window.messages.count(), 1);
        assert.deepEqual(await buttons(said), ["Select Interpreter", "Open Settings", "Show Log"]);
        // Setting it right is enough.
        code.set({ "reloadls.interpreter": required("RELOADLS_E2E_PYTHON") });
        await window.statusSays(/Watching/);
      },
    ),
  );
}

test(
  "an interpreter without reloadls gives a message when it is to use its own",
  inScene(
    (place) => ({
      settings: {
        "reloadls.importStrategy": "fromEnvironment",
        "reloadls.interpreter": emptyEnvironment(join(place, "env")),
      },
    }),
    async ({ window }) => {
      const said = await window.message(/package reloadls is not installed/);
      await window.statusSays(/Stopped/);
      assert.deepEqual(await buttons(said), ["Use Bundled", "Select Interpreter", "Open Settings", "Show Log"]);
      await said.getByRole("button", { name: "Use Bundled" }).click();
      await window.statusSays(/Watching/);
    },
  ),
);

test(
  "the extension without a server uses the interpreter's own",
  inScene({ packed: "universal" }, async ({ window, code }) => {
    await window.statusSays(/Watching/);
    assert.equal(code.servers().length, 1);
    assert.doesNotMatch(code.servers()[0]?.command ?? "", /bundled/);
  }),
);

function buttons(message: Locator): Promise<string[]> {
  return message.locator(".monaco-button").allInnerTexts();
}

/** The pid of a server that is not `last`. */
function another(code: VsCode, last: number): Promise<number> {
  return until("another server is there", () => code.servers().find(({ pid }) => pid !== last)?.pid);
}

function interpreter(place: string, script: string | undefined): string {
  if (script === undefined) {
    return join(place, "no-such-python");
  }
  const path = join(place, "python-of-the-test");
  writeFileSync(path, script);
  chmodSync(path, 0o755);
  return path;
}
