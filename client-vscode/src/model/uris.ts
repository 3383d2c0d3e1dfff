/** The path within a `file://` URI, decoded; a byte that is no UTF-8 stays as it is written there. */

export function decodedPath(uri: string): string {
  return uri.replace(/^file:\/\//, "").replace(/(?:%[0-9A-Fa-f]{2})+/g, decoded);
}

function decoded(run: string): string {
  try {
    return decodeURIComponent(run);
  } catch {
    return run;
  }
}
