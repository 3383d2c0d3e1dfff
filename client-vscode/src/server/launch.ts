/** Which command starts the server, and in which environment. */

import * as path from "node:path";

import { expandPaths, type Folder, type Variables } from "../model/watchedPaths.ts";

export type ImportStrategy = "fromEnvironment" | "useBundled";

/** What is started: where the extension was packed without a server, it can only be the environment's. */
export function strategyFrom(setting: string, hasBundled: boolean): ImportStrategy {
  return setting === "fromEnvironment" || !hasBundled ? "fromEnvironment" : "useBundled";
}

export interface Pythons {
  /** The one chosen in the Python extension; asked for only if need be. */
  readonly chosen: () => Promise<string | undefined>;
  /** The one in the settings; empty if there is none. */
  readonly set: string;
  readonly otherwise: string;
}

/**
 * Which Python runs the server. The workspace's own package wants the workspace's Python; the bundled one runs with
 * any, so that one may be set where the workspace's is too old.
 */
export async function pythonFrom(strategy: ImportStrategy, { chosen, set, otherwise }: Pythons): Promise<string> {
  if (strategy === "useBundled" && set !== "") {
    return set;
  }
  return (await chosen()) ?? (set || otherwise);
}

export interface Launch {
  readonly python: string;
  readonly strategy: ImportStrategy;
  /** The extension has a server of its own. */
  readonly hasBundled: boolean;
  readonly args: readonly string[];
  /** Added to the environment of the extension. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export interface LaunchFacts {
  readonly python: string;
  readonly strategy: ImportStrategy;
  /** Where the extension's own server is. */
  readonly bundledLibs: string;
  readonly hasBundled: boolean;
  readonly inheritedPythonPath: string | undefined;
  /** A folder that is surely there. */
  readonly cwd: string;
}

export function launchOf(facts: LaunchFacts): Launch {
  return {
    python: facts.python,
    strategy: facts.strategy,
    hasBundled: facts.hasBundled,
    args: ["-m", "reloadls", "serve", "--stdio", "--log-level", "info"],
    env: { ...searchPath(facts), PYTHONSAFEPATH: "1", PYTHONUTF8: "1", PYTHONUNBUFFERED: "1" },
    cwd: facts.cwd,
  };
}

/** The interpreter as a setting names it: a name on the PATH stays one, a path is made absolute. */
export function interpreterFrom(setting: string, folders: readonly Folder[], variables: Variables): string {
  const [expanded = ""] = expandPaths([setting.trim()], folders, variables);
  const isPath = /[\\/]/.test(expanded);
  return isPath ? path.resolve(folders[0]?.path ?? variables.home, expanded) : expanded;
}

/** The whole command, as a person would write it. */
export function commandOf(launch: Launch): readonly string[] {
  return [launch.python, ...launch.args];
}

export function isSameLaunch(one: Launch, other: Launch): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

// With PYTHONSAFEPATH, no module of the workspace can stand in for one of Python's or ours.
function searchPath(facts: LaunchFacts): Record<string, string> {
  if (facts.strategy === "fromEnvironment") {
    return {};
  }
  const inherited = facts.inheritedPythonPath ? [facts.inheritedPythonPath] : [];
  return { PYTHONPATH: [facts.bundledLibs, ...inherited].join(path.delimiter) };
}
