/**
 * Whether an interpreter can run the server: one short run of it, within a time.
 *
 * A light look finds the package; a deep one loads all of the server, which takes as long as starting it.
 */

import { execFile } from "node:child_process";

import type { Launch } from "./launch.ts";

export interface Python {
  readonly version: readonly [number, number, number];
  readonly executable: string;
  /** The version of reloadls that it finds. */
  readonly reloadls: string | null;
  /** Why it does not find it: the exception. */
  readonly error: string | null;
  /** The module that is missing, if one is. */
  readonly missing: string | null;
}

export type Probe =
  | { readonly kind: "answered"; readonly python: Python }
  | { readonly kind: "notFound" }
  | { readonly kind: "notRunnable"; readonly error: string }
  | { readonly kind: "silent"; readonly seconds: number }
  | { readonly kind: "crashed"; readonly error: string };

export type Depth = "light" | "deep";

/** Python 2 and 3 understand it, so that a Python that is too old can say so. */
const script = `
import json, sys
answer = {"version": list(sys.version_info[:3]), "executable": sys.executable, "reloadls": None, "error": None, "missing": None}
if sys.version_info >= (3, 11):
    try:
        import reloadls._version
        if sys.argv[1:] == ["deep"]:
            import reloadls.service.main
        answer["reloadls"] = reloadls._version.__version__
    except ImportError as error:
        answer["error"] = str(error)
        answer["missing"] = getattr(error, "name", None)
    except Exception as error:
        answer["error"] = type(error).__name__ + ": " + str(error)
sys.stdout.write("\\nreloadls-probe " + json.dumps(answer) + "\\n")
`;

const marker = "reloadls-probe ";

export function probe(launch: Launch, depth: Depth, seconds = 15): Promise<Probe> {
  const options = {
    env: { ...process.env, ...launch.env },
    cwd: launch.cwd,
    timeout: seconds * 1000,
    killSignal: "SIGKILL" as const,
    windowsHide: true,
    maxBuffer: 1024 * 1024,
  };
  return new Promise((resolve) => {
    execFile(launch.python, ["-c", script, depth], options, (error, stdout, stderr) => {
      resolve(judge(error, stdout, stderr, seconds));
    });
  });
}

type Failure = Error & { code?: string | number | null; killed?: boolean };

function judge(error: Failure | null, stdout: string, stderr: string, seconds: number): Probe {
  const line = stdout.split("\n").find((text) => text.startsWith(marker));
  if (line !== undefined) {
    return { kind: "answered", python: JSON.parse(line.slice(marker.length)) as Python };
  }
  if (error?.code === "ENOENT" || error?.code === "ENOTDIR") {
    return { kind: "notFound" };
  }
  if (error?.code === "EACCES" || error?.code === "ENOEXEC" || error?.code === "EPERM") {
    return { kind: "notRunnable", error: error.message };
  }
  if (error?.killed) {
    return { kind: "silent", seconds };
  }
  const lastWords = stderr.trim().split("\n").pop() || stdout.trim().split("\n").pop() || error?.message || "";
  return { kind: "crashed", error: lastWords };
}
