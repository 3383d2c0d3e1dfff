/** What the scripted server is made to say: a program `app.py`, whose module `views.py` fails and is mended. */

import { join } from "node:path";
import { pathToFileURL } from "node:url";

import type { Script } from "./script.ts";

export const PROGRAM = {
  "app.py": "import views\n\nviews.index()\n",
  "views.py": "def index():\n    return helo\n\n\nx = 1\n",
};

export class Sayings {
  readonly #folder: string;
  readonly #script: Script;
  #clock = 0;

  constructor(folder: string, script: Script) {
    this.#folder = folder;
    this.#script = script;
  }

  async target(state: string, lastReport: unknown = null, name = "app.py"): Promise<void> {
    await this.#script.send("reload/didChangeStatus", {
      state: "watching",
      backend: "native",
      roots: [{ uri: this.#uri(""), kind: "directory", state: "watching", files: 2 }],
      debounceMs: 200,
      maxWaitMs: 2000,
      clock: `c:script:${this.#clock}`,
      targets: [{ id: "4711", name, pid: 4711, state, lastReport }],
      problems: [],
    });
  }

  async change(name: string): Promise<void> {
    this.#clock += 1;
    await this.#script.send("reload/didChange", this.batch(this.#clock, [name]));
  }

  async failed(): Promise<void> {
    const range = { start: { line: 1, character: 11 }, end: { line: 1, character: 15 } };
    const message = "name 'helo' is not defined";
    const report = this.report("failed", {
      modules: [{ name: "views", uri: this.#uri("views.py"), status: "rolledBack", changed: [], reason: message }],
      error: { type: "NameError", message, uri: this.#uri("views.py"), range, traceback: "Traceback …\nNameError" },
    });
    await this.#script.send("reload/didReload", report);
    await this.#script.send("textDocument/publishDiagnostics", {
      uri: this.#uri("views.py"),
      diagnostics: [{ range, severity: 1, source: "reloadls", message: `NameError: ${message}` }],
    });
    await this.target("failed", report);
  }

  async reloaded(): Promise<void> {
    const report = this.report("reloaded");
    await this.#script.send("reload/didReload", report);
    await this.#script.send("textDocument/publishDiagnostics", { uri: this.#uri("views.py"), diagnostics: [] });
    await this.target("live", report);
  }

  report(status: string, more: object = {}): object {
    this.#clock += 1;
    return {
      target: "4711",
      clock: `c:script:${this.#clock}`,
      at: new Date().toISOString(),
      durationMs: 3.1,
      status,
      modules: [{ name: "views", uri: this.#uri("views.py"), status: "reloaded", changed: ["index"], reason: null }],
      ...more,
    };
  }

  batch(number: number, names: readonly string[]): object {
    return {
      clock: `c:script:b${number}`,
      since: `c:script:b${number - 1}`,
      at: new Date().toISOString(),
      cause: "watch",
      changes: names.map((name) => ({ uri: this.#uri(name), type: "modified" })),
      partial: false,
    };
  }

  #uri(name: string): string {
    return pathToFileURL(join(this.#folder, name)).href.replace(/\/$/, "");
  }
}
