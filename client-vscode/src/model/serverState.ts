/** How the server process is, as far as the extension can tell. */

export type ServerState =
  /** The workspace is not trusted: nothing is started. */
  | { readonly kind: "restricted" }
  | { readonly kind: "starting" }
  | { readonly kind: "running" }
  /** It ended by itself and is about to be started again. */
  | { readonly kind: "restarting"; readonly attempt: number }
  /** It can't be started, or ended too often; `reason` is for people. */
  | { readonly kind: "stopped"; readonly reason: string };

/** What `when` clauses know of it. */
export function contextOf(state: ServerState): "restricted" | "starting" | "running" | "stopped" {
  return state.kind === "restarting" ? "starting" : state.kind;
}
