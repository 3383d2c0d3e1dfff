/** What "Copy Debug Information" copies: what whoever looks into a fault must know, and no more of the user than that. */

import type { ServerState } from "../model/serverState.ts";
import type { ReloadStatus } from "../protocol.ts";
import { fenced } from "./markdown.ts";

export interface DebugFacts {
  readonly extension: string;
  readonly editor: string;
  readonly system: string;
  readonly remote: string;
  readonly server: ServerState;
  readonly command: readonly string[];
  readonly python: string;
  readonly reloadls: string;
  readonly restarts: number;
  /** The settings that are not at their defaults. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly folders: number;
  readonly status: ReloadStatus | undefined;
  readonly lastLines: readonly string[];
  readonly home: string;
}

/** Whom a program talks to is nobody's business: sessions are counted, and neither their names nor their errors are there. */
function withoutSessions(key: string, value: unknown): unknown {
  if (key === "pools" && Array.isArray(value)) {
    return value.map(
      ({ sessions: _, lastError: __, changeWaitsFor: ___, ...counts }: Record<string, unknown>) => counts,
    );
  }
  return value;
}

/** Markdown, ready for an issue. Not translated: those who read it share one language. */
export function debugInformation(facts: DebugFacts): string {
  const rows = [
    `- extension: ${facts.extension}`,
    `- editor: ${facts.editor}`,
    `- system: ${facts.system}`,
    `- remote: ${facts.remote || "none"}`,
    `- server: ${facts.server.kind}${facts.server.kind === "stopped" ? ` (${facts.server.reason})` : ""}`,
    `- command: ${facts.command.join(" ") || "none yet"}`,
    `- Python: ${facts.python || "unknown"}`,
    `- reloadls: ${facts.reloadls || "unknown"}`,
    `- restarts lately: ${facts.restarts}`,
    `- workspace folders: ${facts.folders}`,
  ];
  const parts = [
    "### Hot Reload: debug information",
    rows.join("\n"),
    "Settings that are not at their defaults:",
    fenced(JSON.stringify(facts.settings, undefined, 2)),
    "Status:",
    fenced(JSON.stringify(facts.status ?? null, withoutSessions, 2)),
    "The server's last lines:",
    fenced(facts.lastLines.join("\n") || "none"),
  ];
  return `${parts.join("\n\n").replaceAll(facts.home, "~")}\n`;
}
