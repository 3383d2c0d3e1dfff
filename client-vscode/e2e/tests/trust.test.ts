/** Restricted Mode: nothing of the workspace runs before the user trusts it. */

import assert from "node:assert/strict";
import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";

import { closeBrowser } from "../harness/browser.ts";
import { inScene } from "../harness/scene.ts";
import { required } from "../harness/vscode.ts";

after(closeBrowser);

test(
  "a workspace that is not trusted starts nothing, and trusting it starts the server",
  inScene(
    (place) => ({
      asksForTrust: true,
      files: {
        "app.py": "x = 1\n",
        ".vscode/settings.json": JSON.stringify({ "reloadls.interpreter": join(place, "evil") }),
      },
    }),
    async ({ window, code, place }) => {
      const ran = join(place, "ran");
      writeFileSync(join(place, "evil"), `#!/bin/sh\ntouch '${ran}'\nexec '${required("RELOADLS_E2E_PYTHON")}' "$@"\n`);
      chmodSync(join(place, "evil"), 0o755);
      await window.statusSays(/Restricted/);
      await window.showHotReload();
      await window.welcome("Targets").filter({ hasText: /trust/i }).waitFor();
      assert.deepEqual(code.servers(), []);
      assert.equal(existsSync(ran), false);

      await window.trust();
      await window.statusSays(/Watching/);
      assert.equal(code.servers().length, 1);
      assert.equal(existsSync(ran), true, "the workspace's interpreter counts once it is trusted");
    },
  ),
);
