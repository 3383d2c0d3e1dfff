/** What the tree of watched paths shows: the roots, and what is wrong. */

import type { Problem, ReloadStatus, RootStatus } from "../protocol.ts";
import { baseName, displayPath, type Place, pathOf } from "./fileNames.ts";
import { plain } from "./markdown.ts";
import type { Icon, Node } from "./node.ts";
import { visible } from "./visible.ts";
import { files, rootState } from "./words.ts";

const warning: Icon = { id: "warning", color: "problemsWarningIcon.foreground" };

export function pathNodes(status: ReloadStatus | undefined, place: Place): readonly Node[] {
  if (!status) {
    return [];
  }
  const problems = status.problems ?? [];
  const roots = status.roots.map((root) => rootNode(root, problemsOf(root, problems, status.roots), place));
  const elsewhere = problems.filter((problem) => !status.roots.some((root) => isBelow(problem.uri, root.uri)));
  return [...roots, ...elsewhere.map((problem, index) => problemNode(problem, `problem${index}`))];
}

function rootNode(root: RootStatus, problems: readonly Problem[], place: Place): Node {
  const shown = displayPath(root.uri, place);
  const name = baseName(root.uri);
  const state = root.state === "watching" ? files(root.files) : rootState(root.state);
  const isWorkspaceFolder = place.folders.some((folder) => folder.path === pathOf(root.uri));
  return {
    id: root.uri,
    label: name,
    description: isWorkspaceFolder || shown === name ? state : `${state} · ${shown}`,
    tooltip: [
      `**${plain(name)}** · ${rootState(root.state)}`,
      plain(visible(pathOf(root.uri))),
      root.state === "watching" ? files(root.files) : "",
    ]
      .filter((part) => part !== "")
      .join("\n\n"),
    icon: root.state !== "watching" ? warning : { id: root.kind === "file" ? "file" : "folder" },
    context: "root",
    uri: root.uri,
    ...(root.kind === "file" && root.state === "watching" ? { opens: { kind: "file", uri: root.uri } } : {}),
    ...(problems.length > 0
      ? {
          expanded: true,
          children: () => problems.map((problem, index) => problemNode(problem, `${root.uri}#${index}`)),
        }
      : {}),
  };
}

function problemNode(problem: Problem, id: string): Node {
  return { id, label: problem.message, tooltip: plain(problem.message), icon: warning };
}

/** The problems of a root: those at or below it, and not nearer to another. */
function problemsOf(root: RootStatus, problems: readonly Problem[], roots: readonly RootStatus[]): readonly Problem[] {
  return problems.filter((problem) => {
    const holding = roots.filter((other) => isBelow(problem.uri, other.uri));
    const nearest = holding.reduce<RootStatus | undefined>(
      (best, other) => (best && best.uri.length >= other.uri.length ? best : other),
      undefined,
    );
    return nearest?.uri === root.uri;
  });
}

function isBelow(uri: string | null | undefined, root: string): boolean {
  return uri !== null && uri !== undefined && (uri === root || uri.startsWith(root.endsWith("/") ? root : `${root}/`));
}
