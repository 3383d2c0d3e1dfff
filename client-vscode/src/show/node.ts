/** What a tree shows, as plain data. */

import type { Change, DrainParams, Range } from "../protocol.ts";

export interface Icon {
  readonly id: string;
  /** A theme color. */
  readonly color?: string;
}

/** What a click on a node opens. */
export type Opens =
  | { readonly kind: "file"; readonly uri: string; readonly range?: Range }
  | { readonly kind: "change"; readonly change: Change };

export interface Node {
  /** Of all nodes in its tree; the same node keeps it. */
  readonly id: string;
  readonly label: string;
  readonly description?: string;
  /** Markdown. */
  readonly tooltip?: string;
  readonly icon?: Icon;
  /** What `viewItem` is in menus. */
  readonly context?: string;
  /** What the node's commands are about. */
  readonly uri?: string;
  readonly opens?: Opens;
  /** The session pool that it is about. */
  readonly pool?: DrainParams;
  /** Only asked for when the node is unfolded. */
  readonly children?: () => readonly Node[];
  readonly expanded?: boolean;
}
