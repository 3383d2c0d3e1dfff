/** A VS Code of a test's own: its server, with a fresh home, fresh settings and the extension installed. */

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { endTree, type Running, servers } from "./processes.ts";
import { until } from "./until.ts";

export interface Options {
  /** Everything of this VS Code goes below this folder. */
  readonly home: string;
  /** Which of the packed extensions: a folder of installed extensions. */
  readonly extensions: string;
  /** The settings of the machine; the extension's are among them. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The settings of the user: how VS Code looks. */
  readonly look: Readonly<Record<string, unknown>>;
  /** Whether VS Code asks if the folder is trusted. */
  readonly asksForTrust: boolean;
}

const LOOK = {
  "chat.disableAIFeatures": true,
  // What a test types stands there as it is.
  "editor.autoClosingBrackets": "never",
  "editor.autoClosingQuotes": "never",
  "editor.autoIndent": "none",
  "editor.minimap.enabled": false,
  "extensions.autoCheckUpdates": false,
  "extensions.autoUpdate": false,
  "extensions.ignoreRecommendations": true,
  "files.autoSave": "off",
  "git.enabled": false,
  "security.workspace.trust.startupPrompt": "never",
  "telemetry.telemetryLevel": "off",
  "window.commandCenter": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
};

const FLAGS = ["--disable-telemetry", "--disable-update-check", "--disable-getting-started-override"];

export class VsCode {
  readonly home: string;
  readonly #process: ChildProcess;
  readonly #log: string;

  private constructor(home: string, process: ChildProcess, log: string) {
    this.home = home;
    this.#process = process;
    this.#log = log;
  }

  static async start(options: Options): Promise<VsCode> {
    const home = options.home;
    const data = join(home, "data");
    mkdirSync(join(data, "User"), { recursive: true });
    mkdirSync(join(data, "Machine"), { recursive: true });
    mkdirSync(join(home, "run"), { mode: 0o700 });
    writeFileSync(join(data, "User", "settings.json"), JSON.stringify({ ...LOOK, ...options.look }));
    writeFileSync(join(data, "Machine", "settings.json"), JSON.stringify(options.settings));
    const config = join(home, "code-server.yaml");
    writeFileSync(config, "bind-addr: 127.0.0.1:0\nauth: none\ncert: false\n");
    const log = join(home, "code-server.log");
    const output = openSync(log, "w");
    const trust = options.asksForTrust ? [] : ["--disable-workspace-trust"];
    const process_ = spawn(
      process.execPath,
      [required("RELOADLS_E2E_VSCODE"), "--config", config, "--user-data-dir", data].concat(
        ["--extensions-dir", options.extensions],
        FLAGS,
        trust,
      ),
      { env: environment(home), stdio: ["ignore", output, output], detached: true },
    );
    closeSync(output);
    const code = new VsCode(home, process_, log);
    await until("VS Code's address", () => code.#address());
    return code;
  }

  /** The page that shows a folder, or a `.code-workspace` file. */
  url(path: string): string {
    const kind = path.endsWith(".code-workspace") ? "workspace" : "folder";
    return `${this.#address()}/?${kind}=${encodeURI(path)}`;
  }

  /** Where it logs, and what belongs with that. */
  get logs(): string {
    return join(this.home, "data", "logs");
  }

  /** What programs of the same user have as their environment. */
  get environment(): NodeJS.ProcessEnv {
    return environment(this.home);
  }

  /** The servers that the extension runs here. */
  servers(): Running[] {
    return servers(this.#pid());
  }

  /** Change the machine's settings, as another window would. */
  set(settings: Readonly<Record<string, unknown>>): void {
    const path = join(this.home, "data", "Machine", "settings.json");
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, "utf8")) as object), ...settings }));
  }

  /** What VS Code and its extension host have printed. */
  log(): string {
    return readFileSync(this.#log, "utf8");
  }

  stop(): void {
    endTree(this.#pid());
  }

  #address(): string | undefined {
    if (this.#process.exitCode !== null) {
      throw new Error(`VS Code has ended: ${this.log()}`);
    }
    return /listening on (http:\/\/[^/\s]+)/.exec(this.log())?.[1];
  }

  #pid(): number {
    if (this.#process.pid === undefined) {
      throw new Error("VS Code did not start");
    }
    return this.#process.pid;
  }
}

/** The test's own environment less what would lead out of its home. */
function environment(home: string): NodeJS.ProcessEnv {
  const kept = ["PATH", "LANG", "LC_ALL", "TMPDIR", "RELOADLS_E2E_RUN"].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), HOME: home, XDG_RUNTIME_DIR: join(home, "run") };
}

/** What `make e2e` passes on. */
export function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) {
    throw new Error(`${name} is not set: run the tests with make e2e`);
  }
  return value;
}
