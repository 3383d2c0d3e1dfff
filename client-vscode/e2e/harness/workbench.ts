/** The window as a user sees it: what it shows, and what one does with it. */

import type { Locator, Page } from "playwright-core";

import { PATIENCE, until } from "./until.ts";

export type View = "Targets" | "Watched Paths" | "Activity";

export class Workbench {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
    page.setDefaultTimeout(PATIENCE);
  }

  async open(url: string): Promise<void> {
    await this.page.goto(url);
    await this.page.locator(".monaco-workbench .statusbar").waitFor({ timeout: 3 * PATIENCE });
  }

  /** The extension's item in the status bar. */
  get status(): Locator {
    return this.page.locator('.statusbar-item[id="reloadls.reloadls.reloadls.status"]');
  }

  /** Wait until the status bar says so. */
  async statusSays(pattern: RegExp, within: number = PATIENCE): Promise<void> {
    await until(`the status bar says ${pattern}`, async () => pattern.test(await this.statusText()) || null, within);
  }

  async statusText(): Promise<string> {
    const text = await this.status.locator(".statusbar-item-label").first().innerText({ timeout: 500 });
    return text.trim();
  }

  /** Run a command from the palette, by its whole title. */
  async run(title: string): Promise<void> {
    await this.#palette(`>${title}`);
    await this.#choose(title);
  }

  /** Type into the input box or dialog that a command has opened, and accept it. */
  async answer(text: string): Promise<void> {
    await until("an input box is open", async () => {
      if ((await this.#input.inputValue({ timeout: 300 })).startsWith(">")) {
        return false; // the palette that the command was run from
      }
      await this.#input.fill(text, { timeout: 300 });
      return (await this.#input.inputValue({ timeout: 300 })) === text;
    });
    await this.#input.press("Enter");
  }

  /** Make the side bar wider, as a user does with the mouse. */
  async widenSideBar(by: number): Promise<void> {
    const box = await this.page.locator(".part.sidebar").boundingBox();
    if (!box) {
      throw new Error("there is no side bar");
    }
    const [x, y] = [box.x + box.width + 1, box.y + box.height / 3];
    await this.page.mouse.move(x, y);
    await this.page.mouse.down();
    await this.page.mouse.move(x + by, y, { steps: 5 });
    await this.page.mouse.up();
    await this.page.mouse.move(x + 2 * by, y);
  }

  /** Choose a folder in the dialog that a command has opened; `inside` is a folder in it, by which it is recognised. */
  async pickFolder(path: string, inside: string): Promise<void> {
    // What is typed before the dialog has listed its first folder counts for nothing.
    await this.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: ".." }).first().waitFor();
    await this.#input.fill(`${path}/`);
    await this.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: inside }).first().waitFor();
    await this.#input.press("Enter");
  }

  /** Show the container "Hot Reload" in the side bar. */
  async showHotReload(): Promise<void> {
    const tab = this.page.locator('.activitybar [role="tab"]').filter({ has: this.page.getByLabel(/^Hot Reload/) });
    await tab.waitFor();
    if ((await tab.getAttribute("aria-selected")) !== "true") {
      await tab.click();
    }
    await this.pane("Activity").waitFor();
  }

  /** One of the three views. */
  pane(view: View): Locator {
    return this.page.locator(".pane").filter({ has: this.page.locator(`.pane-header[aria-label^="${view}"]`) });
  }

  rows(view: View): Locator {
    return this.pane(view).locator(".monaco-list-row");
  }

  /** What is written in the rows that a view shows, from above; those of one level of its tree, if one is given. */
  async rowTexts(view: View, level?: number): Promise<string[]> {
    const rows =
      level === undefined ? this.rows(view) : this.pane(view).locator(`.monaco-list-row[aria-level="${level}"]`);
    return rows.evaluateAll((elements) =>
      elements
        .map((row) => ({ top: row.getBoundingClientRect().top, text: (row as HTMLElement).innerText }))
        .sort((a, b) => a.top - b.top)
        .map(({ text }) => text.replaceAll(/\s+/g, " ").trim()),
    );
  }

  /** The batches and reports in Activity, the newest first. */
  batches(): Promise<string[]> {
    return this.rowTexts("Activity", 1);
  }

  /** What is written where a view has no rows. */
  welcome(view: View): Locator {
    return this.pane(view).locator(".welcome-view-content");
  }

  /** The messages at the lower right. */
  get messages(): Locator {
    return this.page.locator(".notification-list-item");
  }

  /** Wait for a message that contains `text`. */
  async message(text: string | RegExp, within: number = PATIENCE): Promise<Locator> {
    const found = this.messages.filter({ hasText: text }).first();
    await found.waitFor({ timeout: within });
    return found;
  }

  /** Open a file of the workspace in an editor. */
  async openFile(name: string): Promise<void> {
    await this.#palette(name);
    await this.#choose(name);
    await this.page.locator(".editor-instance .monaco-editor .view-line").first().waitFor();
  }

  /** Type at the end of the open file, and save it. */
  async typeAndSave(text: string): Promise<void> {
    await this.#editor.click();
    await this.page.keyboard.press("Control+End");
    await this.page.keyboard.insertText(text);
    await this.#save();
  }

  /** Put `text` in the place of all that is in the open file, and save it. */
  async replaceAndSave(text: string): Promise<void> {
    await this.#editor.click();
    await this.page.keyboard.press("Control+a");
    await this.page.keyboard.insertText(text);
    await this.#save();
  }

  /** Put the cursor at the begin of a line, from 1. */
  async goToLine(line: number): Promise<void> {
    await this.#palette(`:${line}`);
    await this.page.keyboard.press("Enter");
    await until("the cursor is there", async () => (await this.cursorLine()) === line);
  }

  get #editor(): Locator {
    return this.page.locator(".editor-instance .monaco-editor .view-lines").first();
  }

  async #save(): Promise<void> {
    await this.page.locator(".tab.active.dirty").waitFor();
    await this.page.keyboard.press("Control+s");
    await this.page.locator(".tab.active.dirty").waitFor({ state: "detached" });
  }

  get errorSquiggles(): Locator {
    return this.page.locator(".editor-instance .monaco-editor .cdr.squiggly-error");
  }

  /** The line, from 1, that something in the open editor stands at. */
  async lineOf(mark: Locator): Promise<number | undefined> {
    const middle = await mark.evaluate((element) => {
      const box = element.getBoundingClientRect();
      return box.top + box.height / 2;
    });
    const numbers = await this.page.locator(".editor-instance .monaco-editor .line-numbers").evaluateAll((elements) =>
      elements.map((element) => {
        const { top, bottom } = element.getBoundingClientRect();
        return { top, bottom, line: Number((element as HTMLElement).innerText) };
      }),
    );
    return numbers.find(({ top, bottom }) => top <= middle && middle <= bottom)?.line;
  }

  /** The line, from 1, of the cursor, as the status bar says. */
  async cursorLine(): Promise<number | undefined> {
    const text = await this.page.locator('.statusbar-item[id="status.editor.selection"]').innerText();
    return Number(/Ln (\d+)/.exec(text)?.[1]);
  }

  tab(name: string): Locator {
    return this.page.locator(".tabs-container .tab").filter({ hasText: name });
  }

  /** The badge that a file's open editor bears, as in the Explorer. */
  badge(name: string): Locator {
    return this.tab(name).locator(".monaco-icon-label[class*='monaco-decoration']");
  }

  /** How many rows a view has, shown or scrolled out of sight. */
  async rowCount(view: View): Promise<number> {
    const row = this.pane(view).locator(".monaco-list-row").first();
    const heights = await row.evaluate((element) => ({
      row: element.getBoundingClientRect().height,
      all: element.parentElement?.getBoundingClientRect().height ?? 0,
    }));
    return Math.round(heights.all / heights.row);
  }

  clipboard(): Promise<string> {
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  /** Wait until nothing moves any more. */
  async settle(): Promise<void> {
    await this.page.evaluate(() => document.fonts.ready);
    let last: Buffer | undefined;
    await until("the window stands still", async () => {
      const now = await this.page.screenshot();
      const same = last?.equals(now) ?? false;
      last = now;
      return same;
    });
  }

  /** Begin to measure how long the window shows no new frame. */
  async watchFrames(): Promise<void> {
    await this.page.evaluate(() => {
      const state = { last: performance.now(), longest: 0 };
      Object.assign(globalThis, { frames: state });
      const step = (): void => {
        const now = performance.now();
        state.longest = Math.max(state.longest, now - state.last);
        state.last = now;
        requestAnimationFrame(step);
      };
      requestAnimationFrame(step);
    });
  }

  /** The longest time without a new frame since then, in milliseconds. */
  async longestFrame(): Promise<number> {
    return this.page.evaluate(() => (globalThis as unknown as { frames: { longest: number } }).frames.longest);
  }

  /** Make sure that the palette offers a command. */
  async showsCommand(title: string): Promise<void> {
    await this.#palette(`>${title}`);
    await this.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: title }).first().waitFor();
    await this.page.keyboard.press("Escape");
  }

  /** Trust the workspace, as a user does in the editor for that. */
  async trust(): Promise<void> {
    await this.run("Workspaces: Manage Workspace Trust");
    await this.page
      .locator(".workspace-trust-editor .monaco-button")
      .filter({ hasText: /^Trust$/ })
      .first()
      .click();
  }

  /** Open the palette, or what is left of it, with `text` in its input. */
  async #palette(text: string): Promise<void> {
    const key = text.startsWith(">") ? "F1" : "Control+p";
    await until("the palette takes a text", async () => {
      if (!(await this.#input.isVisible())) {
        await this.page.keyboard.press(key);
      }
      // It closes with a fading picture of itself, which takes nothing.
      await this.#input.fill(text, { timeout: 300 });
      return (await this.#input.inputValue({ timeout: 300 })) === text;
    });
  }

  /** Choose a row of the palette. */
  async #choose(text: string): Promise<void> {
    const row = this.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: text }).first();
    await row.waitFor();
    await row.click();
  }

  get #input(): Locator {
    return this.page.locator(".quick-input-widget:visible input[type=text]").first();
  }
}
