/** Which processes a test's VS Code has started, and how they are ended. */

import { readdirSync, readFileSync } from "node:fs";

export interface Running {
  readonly pid: number;
  readonly command: string;
}

/** All that descend from `pid`, in no order. */
export function descendants(pid: number): Running[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (/^\d+$/.test(name)) {
      const stat = read(`/proc/${name}/stat`);
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    }
  }
  const found: Running[] = [];
  const pending = [pid];
  for (let parent = pending.pop(); parent !== undefined; parent = pending.pop()) {
    for (const [child, its] of parents) {
      if (its === parent) {
        pending.push(child);
        found.push({ pid: child, command: read(`/proc/${child}/cmdline`).replaceAll("\0", " ").trim() });
      }
    }
  }
  return found;
}

/** The servers of the extension among them. */
export function servers(pid: number): Running[] {
  return descendants(pid).filter(({ command }) => /python/.test(command) && /\bserve\b/.test(command));
}

/** End a process and all that it has started, whatever groups they are in. */
export function endTree(pid: number): void {
  for (const one of [...descendants(pid).map(({ pid: its }) => its), pid]) {
    try {
      process.kill(one, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // It has just ended.
  }
}
