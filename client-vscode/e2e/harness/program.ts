/** A program that runs under `reloadls run` beside the editor, as in a user's terminal. */

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";

import { endTree } from "./processes.ts";
import type { Scene } from "./scene.ts";
import { required } from "./vscode.ts";

export class Program {
  readonly #process: ChildProcess;

  /** Run a script of the workspace. Whoever starts it ends it. */
  constructor({ folder, code }: Scene, script: string) {
    const argv = ["-m", "reloadls", "run", script];
    const output = openSync(join(code.logs, "program.log"), "w");
    this.#process = spawn(required("RELOADLS_E2E_PYTHON"), argv, {
      cwd: folder,
      env: code.environment,
      stdio: ["ignore", output, output],
    });
    closeSync(output);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** End it as Ctrl-C in its terminal does. */
  interrupt(): void {
    this.#process.kill("SIGINT");
  }

  end(): void {
    if (this.#process.pid !== undefined) {
      endTree(this.#process.pid);
    }
  }
}
