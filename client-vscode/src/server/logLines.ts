/** At which level a line of the server's standard error is logged, and which were the last ones. */

export type Level = "debug" | "info" | "warn" | "error";

export interface LogLine {
  readonly level: Level;
  readonly text: string;
}

const form = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2},\d{3} (DEBUG|INFO|WARNING|ERROR|CRITICAL) +(.*)$/;
const levels: Readonly<Record<string, Level>> = {
  DEBUG: "debug",
  INFO: "info",
  WARNING: "warn",
  ERROR: "error",
  CRITICAL: "error",
};
const linesKept = 30;

export class LogLines {
  private last: Level = "info";
  private lines: string[] = [];

  /** The newest lines, oldest first. */
  get tail(): readonly string[] {
    return this.lines;
  }

  /** A line as it came; one without a head goes on where the last one left off, or is a word of Python's own. */
  read(line: string): LogLine {
    this.lines = [...this.lines.slice(1 - linesKept), line];
    const [, name, text] = form.exec(line) ?? [];
    if (name !== undefined && text !== undefined) {
      this.last = levels[name] ?? "info";
      return { level: this.last, text };
    }
    if (line.startsWith("Traceback ")) {
      this.last = "error";
    }
    return { level: this.last, text: line };
  }
}
