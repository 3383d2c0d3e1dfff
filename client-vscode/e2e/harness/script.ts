/** The scripted server: a virtual environment whose `reloadls` says what a test has it say. */

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { until } from "./until.ts";
import { required } from "./vscode.ts";

const PACKAGE = fileURLToPath(new URL("../scripted", import.meta.url));

/** Make a virtual environment without any package; the answer is its Python. */
export function emptyEnvironment(folder: string): string {
  execFileSync(required("RELOADLS_E2E_PYTHON"), ["-m", "venv", "--without-pip", folder]);
  return join(folder, "bin", "python");
}

export class Script {
  readonly python: string;
  readonly #control: string;

  /** Make the environment in `folder`. */
  constructor(folder: string) {
    this.python = emptyEnvironment(folder);
    this.#control = join(folder, "control");
    const version = required("RELOADLS_E2E_VERSION");
    const packages = execFileSync(this.python, ["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]);
    const site = packages.toString().trim();
    const info = join(site, `reloadls-${version}.dist-info`);
    mkdirSync(info);
    writeFileSync(join(info, "METADATA"), `Metadata-Version: 2.1\nName: reloadls\nVersion: ${version}\n`);
    writeFileSync(join(site, "scripted.pth"), `${PACKAGE}\n`);
  }

  /** The settings that have the extension run it. */
  get settings(): Record<string, unknown> {
    return { "reloadls.importStrategy": "fromEnvironment", "reloadls.interpreter": this.python };
  }

  /** Send the client a notification. */
  async send(method: string, params: unknown): Promise<void> {
    await this.#order({ send: { method, params } });
  }

  /** Answer all requests of that method with `result` from now on. */
  async answer(method: string, result: unknown): Promise<void> {
    await this.#order({ answer: method, result });
  }

  /** The params of all messages of that method so far. */
  async received(method: string): Promise<unknown[]> {
    return (await this.#order({ received: method })) as unknown[];
  }

  #order(order: unknown): Promise<unknown> {
    return until("the scripted server takes an order", () => this.#tell(order)).then(([answer]) => answer);
  }

  #tell(order: unknown): Promise<[unknown]> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#control, () => socket.write(`${JSON.stringify(order)}\n`));
      socket.once("error", reject);
      createInterface(socket).once("line", (line) => {
        socket.end();
        resolve([JSON.parse(line)]);
      });
    });
  }
}
