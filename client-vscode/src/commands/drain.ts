/** The command that drains a session pool. */

import { window } from "vscode";

import { plural, t } from "../l10n.ts";
import type { HotReload } from "../model/hotReload.ts";
import type { Target } from "../model/targets.ts";
import type { DrainParams, PoolStatus } from "../protocol.ts";
import type { Server } from "../server/server.ts";
import { poolWords, sessions } from "../show/hosted.ts";
import { visible } from "../show/visible.ts";
import { confirms, showInformation } from "../ui/notifications.ts";

interface Found {
  readonly target: Target;
  readonly pool: PoolStatus;
}

/** Drains the pool of a tree's node, or the one that the user picks; asks first. */
export async function drain(known: HotReload, server: Server, chosen: DrainParams | undefined): Promise<void> {
  const open = openPools(known.targets);
  const found = chosen
    ? open.find(({ target, pool }) => target.id === chosen.target && pool.name === chosen.pool)
    : await pick(open);
  if (!found) {
    if (chosen || open.length === 0) {
      showInformation(t("No session pool can be drained."));
    }
    return;
  }
  const { target, pool } = found;
  if (await confirms(question(found), explanation(pool), t("Drain"))) {
    known.takeStatus(await server.request("reload/drain", { target: target.id, pool: pool.name }));
  }
}

function openPools(targets: readonly Target[]): Found[] {
  return targets.flatMap((target) =>
    (target.pools ?? [])
      .filter((pool) => pool.state === "running" || pool.state === "starting")
      .map((pool) => ({ target, pool })),
  );
}

async function pick(open: readonly Found[]): Promise<Found | undefined> {
  const items = open.map((found) => ({
    label: withoutIcons(found.pool.name),
    description: withoutIcons(`${found.target.name} · ${poolWords(found.pool)}`),
    found,
  }));
  const title = t("Drain Session Pool");
  const chosen =
    items.length > 0
      ? await window.showQuickPick(items, { title, placeHolder: t("Which pool admits no more sessions?") })
      : undefined;
  return chosen?.found;
}

/** A list shows `$(name)` as an icon: a word joiner, which shows nothing, keeps the two apart. */
function withoutIcons(text: string): string {
  return visible(text).replaceAll("$(", "$\u2060(");
}

function question({ target, pool }: Found): string {
  return t("Drain the session pool {0} of {1}?", pool.name, `${target.name} (${target.pid})`);
}

function explanation({ active }: PoolStatus): readonly string[] {
  const live = plural(
    active,
    t("Its session goes on until it ends by itself."),
    t("Its {0} go on until they end by themselves.", sessions(active)),
  );
  return [
    [t("It admits no more sessions."), ...(active > 0 ? [live] : [])].join(" "),
    t("A pool that drains can't be opened again. Restart the program for that."),
  ];
}
