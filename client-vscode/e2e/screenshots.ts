/**
 * Pictures of every view, light and dark, narrow and wide, into `screenshots/`, for a person to look at.
 *
 *     python client-vscode/scripts/run_e2e.py --screenshots [WORDS…]     # only those whose name has one of the words
 */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { closeBrowser, type Size } from "./harness/browser.ts";
import { Program } from "./harness/program.ts";
import { PROGRAM, Sayings } from "./harness/sayings.ts";
import { perform, type Scene, type Setting } from "./harness/scene.ts";
import { Script } from "./harness/script.ts";

const PLACE = fileURLToPath(new URL("screenshots", import.meta.url));

interface Look {
  /** How the pictures' names end. */
  readonly name: string;
  readonly theme: string;
  readonly size: Size;
}

const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 640, height: 700 };
const LOOKS: readonly Look[] = [
  { name: "dark-wide", theme: "Default Dark Modern", size: WIDE },
  { name: "dark-narrow", theme: "Default Dark Modern", size: NARROW },
  { name: "light-wide", theme: "Default Light Modern", size: WIDE },
  { name: "light-narrow", theme: "Default Light Modern", size: NARROW },
  { name: "contrast-wide", theme: "Default High Contrast", size: WIDE },
];

const PRICES = `# What things cost.

DISCOUNT = 0.10


def price(net: float, rate: float) -> float:
    return net * (1 - DISCOUNT) * (1 + rate)
`;
const ORDERS = `# Orders, as they come in.

import prices
import tax

taken = 0
last = prices.price(20, tax.RATE)


def take() -> None:
    global taken, last
    taken += 1
    last = prices.price(20, tax.RATE)
`;

type Say = Sayings | undefined;
type Snap = (name: string) => Promise<void>;

interface Shoot {
  readonly setting?: Setting;
  readonly looks?: readonly Look[];
  readonly scripted?: boolean;
  readonly pictures: (scene: Scene, snap: Snap, say: Say) => Promise<void>;
}

const SHOOTS: Readonly<Record<string, Shoot>> = {
  empty: {
    pictures: async ({ window }, snap) => {
      await window.statusSays(/Watching/);
      await window.showHotReload();
      await window.welcome("Activity").waitFor();
      await snap("views");
    },
  },
  real: {
    setting: {
      files: { ...PROGRAM, "pkg/models.py": "", "pkg/__init__.py": "", "static/style.css": "", "gone.py": "" },
    },
    pictures: async (scene, snap) => {
      const { window } = scene;
      await window.statusSays(/Watching/);
      await window.showHotReload();
      for (const [index, paths] of [
        ["views.py"],
        ["pkg/models.py", "static/style.css", "app.py"],
        ["new.py"],
      ].entries()) {
        for (const path of paths) {
          scene.write(path, `changed = ${index}\n`);
        }
        await window.rows("Activity").nth(index).waitFor();
      }
      await window.rows("Activity").nth(1).click();
      await window.rows("Activity").nth(3).waitFor();
      await snap("activity");
      await window.rows("Activity").first().hover();
      await snap("activity-hover");
      await window.status.hover();
      await window.page.locator(".monaco-hover:visible").first().waitFor();
      await snap("status-hover");
      await window.status.click();
      await window.page.locator(".quick-input-widget:visible").waitFor();
      await snap("menu");
      await window.page.keyboard.press("Escape");
      await window.run("Hot Reload: Refresh Paths");
      await window.messages.first().waitFor();
      await snap("refreshed");
      await window.run("Notifications: Clear All Notifications");
      await window.run("Hot Reload: Add Path");
      await window.page.locator(".quick-input-widget:visible").waitFor();
      await snap("add-path");
      await window.page.keyboard.press("Escape");
      await window.run("Hot Reload: Show Status");
      await window.page.locator(".tab.active").waitFor();
      await snap("status-document");
      await window.run("Hot Reload: Pause");
      await window.statusSays(/Paused/);
      await snap("paused");
      await window.run("Hot Reload: Show Log");
      await window.page.locator(".panel .view-line").first().waitFor();
      await snap("log");
    },
  },
  program: {
    scripted: true,
    setting: { files: PROGRAM },
    pictures: async (scene, snap, say) => {
      const { window } = scene;
      await window.statusSays(/Watching/);
      await window.showHotReload();
      await say?.target("live");
      await say?.reloaded();
      await window.openFile("views.py");
      await window.statusSays(/1 live/);
      await window.rows("Activity").first().waitFor();
      await snap("live");
      await say?.change("views.py");
      await say?.failed();
      await window.errorSquiggles.first().waitFor();
      await snap("failed");
      await window.run("View: Show Explorer");
      await window.badge("views.py").waitFor();
      await snap("explorer");
      await window.status.hover();
      await window.page.locator(".monaco-hover:visible").first().waitFor();
      await snap("failed-hover");
    },
  },
  /** What README.md shows: nothing in it is staged but the edits. */
  readme: {
    looks: [{ name: "dark", theme: "Default Dark Modern", size: { width: 1180, height: 600, scale: 1.5 } }],
    setting: {
      files: {
        "shop/app.py": "import time\n\nimport orders\n\nwhile True:\n    orders.take()\n    time.sleep(0.05)\n",
        "shop/orders.py": ORDERS,
        "shop/prices.py": PRICES,
        "shop/tax.py": "RATE = 0.19\n",
        "shop/static/shop.css": "",
      },
      open: "shop",
      look: { "editor.fontSize": 13, "window.menuBarVisibility": "hidden" },
    },
    pictures: async (scene, snap) => {
      const { window, write } = scene;
      await window.statusSays(/Watching/);
      await window.showHotReload();
      await window.widenSideBar(90);
      const program = new Program(scene, "shop/app.py");
      try {
        await window.statusSays(/1 live/);
        write("shop/tax.py", "RATE = 0.07\n");
        write("shop/static/shop.css", "body { margin: 0 }\n");
        await window.rows("Activity").filter({ hasText: "tax.py" }).first().waitFor();
        await window
          .rows("Activity")
          .filter({ hasText: /reloaded/ })
          .first()
          .waitFor();
        await window.openFile("prices.py");
        await window.replaceAndSave(PRICES.replace("0.10", "0.15"));
        await window.rows("Activity").filter({ hasText: "prices.py" }).first().waitFor();
        await window.openFile("orders.py");
        await window.replaceAndSave(ORDERS.replace("RATE)", "RATES)"));
        await window.errorSquiggles.first().waitFor();
        await window.rows("Activity").filter({ hasText: "orders.py" }).first().waitFor();
        await window.goToLine(2);
        await snap("program");
      } finally {
        program.end();
      }
    },
  },
  stopped: {
    setting: { settings: { "reloadls.interpreter": "/usr/bin/no-such-python" } },
    pictures: async ({ window }, snap) => {
      await window.statusSays(/Stopped/);
      await window.showHotReload();
      await window.messages.first().waitFor();
      await snap("message");
    },
  },
  restricted: {
    setting: { asksForTrust: true },
    pictures: async ({ window }, snap) => {
      await window.statusSays(/Restricted/);
      await window.showHotReload();
      await snap("views");
    },
  },
  help: {
    pictures: async ({ window }, snap) => {
      await window.statusSays(/Watching/);
      await window.run("Welcome: Open Walkthrough...");
      await window.answer("Hot Reload");
      await window.page.locator(".gettingStartedContainer .step-title").first().waitFor();
      await snap("walkthrough");
      await window.run("Preferences: Open Settings (UI)");
      await window.page.locator(".settings-editor .suggest-input-container").first().click();
      await window.page.keyboard.type("@ext:reloadls.reloadls");
      await window.page.locator(".setting-item-category").first().waitFor();
      await snap("settings");
    },
  },
};

async function shoot(name: string, { setting = {}, scripted = false, looks = LOOKS, pictures }: Shoot): Promise<void> {
  for (const look of looks) {
    await perform(`${name} ${look.name}`, (place) => {
      const script = scripted ? new Script(join(place, "env")) : undefined;
      return {
        setting: {
          ...setting,
          size: look.size,
          settings: { ...setting.settings, ...script?.settings },
          look: { ...setting.look, "workbench.colorTheme": look.theme },
        },
        body: async (scene) => {
          const say = script && new Sayings(scene.folder, script);
          const snap = async (what: string): Promise<void> => {
            await scene.window.settle();
            await scene.window.page.screenshot({ path: join(PLACE, `${name}-${what}-${look.name}.png`) });
          };
          await pictures(scene, snap, say);
        },
      };
    });
    process.stdout.write(`${name} ${look.name}\n`);
  }
}

mkdirSync(PLACE, { recursive: true });
const words = process.argv.slice(2);
let failed = 0;
for (const [name, one] of Object.entries(SHOOTS)) {
  if (words.length === 0 || words.some((word) => name.includes(word))) {
    try {
      await shoot(name, one);
    } catch (error) {
      failed += 1;
      process.stderr.write(`${name}: ${String(error)}\n`);
    }
  }
}
await closeBrowser();
process.exitCode = failed ? 1 : 0;
