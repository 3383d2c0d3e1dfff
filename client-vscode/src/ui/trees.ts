/** The three trees, drawn from what is known. */

import {
  type Disposable,
  EventEmitter,
  MarkdownString,
  ThemeColor,
  ThemeIcon,
  type TreeDataProvider,
  TreeItem,
  TreeItemCollapsibleState,
  type TreeView,
  Uri,
  window,
} from "vscode";

import { Coalesced } from "../coalesce.ts";
import { plural, t } from "../l10n.ts";
import type { HotReload, News } from "../model/hotReload.ts";
import { activityNodes } from "../show/activityTree.ts";
import type { Icon, Node } from "../show/node.ts";
import { pathNodes } from "../show/pathsTree.ts";
import { hasFailed } from "../show/phase.ts";
import { targetNodes } from "../show/targetsTree.ts";
import { visible } from "../show/visible.ts";
import { number } from "../show/words.ts";
import { place } from "./workspace.ts";

/** At most so often is a tree drawn anew. */
const paceMs = 150;
const agesMs = 30_000;

export function showTrees(known: HotReload): Disposable[] {
  const targets = new NodeTree(() => targetNodes(known.targets, place()));
  const paths = new NodeTree(() => pathNodes(known.status, place()));
  const activity = new NodeTree(() => activityNodes(known.activity.entries, place()));
  const targetsView = window.createTreeView("reloadls.targets", { treeDataProvider: targets });
  const pathsView = window.createTreeView("reloadls.paths", { treeDataProvider: paths });
  const activityView = window.createTreeView("reloadls.activity", {
    treeDataProvider: activity,
    showCollapseAll: true,
  });
  // The ages of sessions.
  const ages = setInterval(() => {
    if (known.targets.some((target) => target.pools)) {
      targets.draw();
    }
  }, agesMs);
  return [
    { dispose: () => clearInterval(ages) },
    targetsView,
    pathsView,
    activityView,
    ...draws(known, ["server", "status", "report"], () => {
      targets.draw();
      showFailures(targetsView, known);
    }),
    ...draws(known, ["server", "status"], () => paths.draw()),
    ...draws(known, ["batch", "report", "cleared"], () => activity.draw()),
    ...draws(known, ["server", "status", "batch", "cleared"], () => {
      activityView.message = known.status?.state === "paused" ? pausedMessage(known) : "";
    }),
  ];
}

/** Draws now, and when there is news of these. */
function draws(known: HotReload, news: readonly News[], draw: () => void): Disposable[] {
  const coalesced = new Coalesced(draw, paceMs);
  coalesced.ask();
  return [
    coalesced,
    known.changed.listen((what) => {
      if (news.includes(what)) {
        coalesced.ask();
      }
    }),
  ];
}

function pausedMessage(known: HotReload): string {
  const hasEntries = known.activity.entries.length > 0;
  return hasEntries ? t("Paused: changes made meanwhile are reported after Resume.") : "";
}

function showFailures(view: TreeView<Node>, known: HotReload): void {
  const failed = known.targets.filter(hasFailed).length;
  const tooltip = plural(failed, t("1 program could not reload"), t("{0} programs could not reload", number(failed)));
  view.badge = failed > 0 ? { value: failed, tooltip } : undefined;
}

/** Shows nodes. */
class NodeTree implements TreeDataProvider<Node> {
  private readonly redrawn = new EventEmitter<void>();
  readonly onDidChangeTreeData = this.redrawn.event;

  constructor(private readonly nodes: () => readonly Node[]) {}

  draw(): void {
    this.redrawn.fire();
  }

  getChildren(node?: Node): Node[] {
    return [...(node ? (node.children?.() ?? []) : this.nodes())];
  }

  getTreeItem(node: Node): TreeItem {
    const item = new TreeItem(visible(node.label), collapsible(node));
    item.id = node.id;
    if (node.description !== undefined) {
      item.description = visible(node.description);
    }
    if (node.tooltip !== undefined) {
      item.tooltip = new MarkdownString(node.tooltip);
    }
    item.accessibilityInformation = { label: [node.label, node.description ?? ""].join(", ").replace(/, $/, "") };
    if (node.icon) {
      item.iconPath = themeIcon(node.icon);
    }
    if (node.context) {
      item.contextValue = node.context;
    }
    if (node.opens?.kind === "file") {
      const { uri, range } = node.opens;
      item.command = { command: "reloadls.openFile", title: t("Open File"), arguments: [{ uri, range }] };
    } else if (node.opens) {
      item.command = { command: "reloadls.openChange", title: t("Open Changes"), arguments: [node] };
    }
    return item;
  }
}

function collapsible(node: Node): TreeItemCollapsibleState {
  if (!node.children) {
    return TreeItemCollapsibleState.None;
  }
  return node.expanded ? TreeItemCollapsibleState.Expanded : TreeItemCollapsibleState.Collapsed;
}

function themeIcon(icon: Icon): ThemeIcon {
  return icon.color ? new ThemeIcon(icon.id, new ThemeColor(icon.color)) : new ThemeIcon(icon.id);
}

/** The URI of what a tree's command is about. */
export function uriOf(node: { readonly uri?: string } | undefined): Uri | undefined {
  return node?.uri === undefined ? undefined : Uri.parse(node.uri);
}
