/** A real program under `reloadls run`: it shows up by itself, and what becomes of each save is seen in the editor. */

import { after, test } from "node:test";

import { closeBrowser } from "../harness/browser.ts";
import { Program } from "../harness/program.ts";
import { inScene } from "../harness/scene.ts";

const FILES = {
  "app.py": "import time\n\nimport views\n\nwhile True:\n    views.index()\n    time.sleep(0.01)\n",
  "views.py": "def index():\n    return 1\n",
};

after(closeBrowser);

test(
  "a program's failed reload puts a squiggle at its line, and the mended one clears it",
  inScene({ files: FILES }, async (scene) => {
    const { window } = scene;
    await window.statusSays(/Watching/);
    await window.showHotReload();
    const program = new Program(scene, "app.py");
    try {
      await window.statusSays(/1 live/);
      await window.rows("Targets").filter({ hasText: "app.py" }).first().waitFor();

      await window.openFile("views.py");
      await window.replaceAndSave("def index():\n    return (2\n");
      await window.statusSays(/failed/i);
      await window.errorSquiggles.first().waitFor();
      await window.rows("Activity").filter({ hasText: "SyntaxError" }).first().waitFor();

      await window.replaceAndSave("def index():\n    return 2\n");
      await window.errorSquiggles.first().waitFor({ state: "detached" });
      await window.rows("Activity").filter({ hasText: "reloaded 1 module" }).first().waitFor();
      await window.statusSays(/1 live/);
      // The watching tells of both saves, after the program did; what the program has taken up bears no badge.
      await window
        .rows("Activity")
        .filter({ hasText: /views\.py\s*modified/ })
        .nth(1)
        .waitFor();
      await window.badge("views.py").waitFor({ state: "detached" });

      program.interrupt();
      await window.statusSays(/Watching/);
    } finally {
      program.end();
    }
  }),
);
