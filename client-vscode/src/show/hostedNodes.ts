/** What a program hosts, as rows of the tree of running programs. */

import { t } from "../l10n.ts";
import type { Target } from "../model/targets.ts";
import type {
  ConfigurationMember,
  ConfigurationProblem,
  ConfigurationStatus,
  PoolSession,
  PoolStatus,
} from "../protocol.ts";
import type { Place } from "./fileNames.ts";
import {
  age,
  configurationWords,
  memberState,
  poolState,
  poolWords,
  problemPlace,
  problemWords,
  sessions,
  sessionWords,
} from "./hosted.ts";
import { plain } from "./markdown.ts";
import type { Icon, Node } from "./node.ts";
import { number } from "./words.ts";

const errorIcon: Icon = { id: "error", color: "problemsErrorIcon.foreground" };
const warningIcon: Icon = { id: "warning", color: "problemsWarningIcon.foreground" };

export function hostedNodes(target: Target, place: Place): readonly Node[] {
  const { pools = [], configurations = [] } = target;
  return [
    ...configurations.map((each) => configurationNode(each, `${target.id}/configuration/${each.name}`, place)),
    ...pools.map((pool) => poolNode(pool, target)),
  ];
}

function poolNode(pool: PoolStatus, target: Target): Node {
  const id = `${target.id}/pool/${pool.name}`;
  const drains = pool.state === "draining" || pool.state === "closing";
  const awaited = pool.changeWaitsFor ?? [];
  return {
    id,
    label: pool.name,
    description: poolWords(pool),
    tooltip: paragraphs([
      `**${plain(pool.name)}** · ${poolState(pool.state)}`,
      plain(poolWords({ ...pool, state: "running" })),
      pool.drainReason ? t("Drains because: {0}", plain(pool.drainReason)) : "",
      awaited.length > 0 ? t("A change of code waits for: {0}", plain(awaited.join(", "))) : "",
      pool.lastError ? t("Last failure: {0}", plain(pool.lastError)) : "",
    ]),
    icon: awaited.length > 0 ? warningIcon : { id: drains ? "sign-out" : "organization" },
    context: drains ? "drainingPool" : "pool",
    pool: { target: target.id, pool: pool.name },
    children: () => [
      ...(pool.sessions ?? []).map((session) => sessionNode(session, id, awaited.includes(session.id))),
      ...moreNode(sessions(pool.more ?? 0), pool.more ?? 0, id),
    ],
  };
}

function sessionNode(session: PoolSession, pool: string, isAwaited: boolean): Node {
  const now = Date.now();
  return {
    id: `${pool}/${session.id}`,
    label: session.id,
    description: sessionWords(session, now),
    tooltip: paragraphs([
      `**${plain(session.id)}** · ${age(session.startedAt, now)}`,
      isAwaited ? t("An edit waits until its pin is released.") : "",
      (session.rebinds ?? 0) > 0 ? t("Reloads followed: {0}", number(session.rebinds ?? 0)) : "",
      session.lastError ? t("It could not follow a reload: {0}", plain(session.lastError)) : "",
    ]),
    icon: session.lastError != null ? warningIcon : { id: session.pinned ? "pinned" : "person" },
  };
}

function configurationNode(configuration: ConfigurationStatus, id: string, place: Place): Node {
  const { problems = [], members = [], more = 0 } = configuration;
  const isBad = problems.length > 0;
  return {
    // Another identity, so that what is wrong unfolds even where the user had folded what was well.
    id: isBad ? `${id}/bad` : id,
    label: configuration.name,
    description: configurationWords(configuration),
    icon: isBad ? errorIcon : { id: "settings" },
    expanded: isBad,
    ...(isBad || members.length > 0
      ? {
          children: () => [
            ...problems.map((problem, index) => problemNode(problem, `${id}/p${index}`, place)),
            ...members.map((member) => memberNode(member, id, configuration)),
            ...moreNode(t("{0} members", number(more)), more, id),
          ],
        }
      : {}),
  };
}

function problemNode(problem: ConfigurationProblem, id: string, place: Place): Node {
  const { uri, range } = problem;
  const where = problemPlace(problem, place);
  return {
    id,
    label: problemWords(problem),
    description: where,
    tooltip: paragraphs([plain(problemWords(problem)), plain(where)]),
    icon: errorIcon,
    ...(uri != null ? { uri, opens: { kind: "file", uri, ...(range ? { range } : {}) } } : {}),
  };
}

function memberNode(member: ConfigurationMember, id: string, { version, leader }: ConfigurationStatus): Node {
  const isOther = member.version !== version;
  const parts = [
    isOther ? t("version {0}", member.version) : "",
    memberState(member.state),
    member.id === leader ? t("leader") : "",
    member.refused ?? "",
  ];
  return {
    id: `${id}/${member.id}`,
    label: member.id,
    description: parts.filter((part) => part !== "").join(" · "),
    icon: member.state === "applied" && !isOther ? { id: "server-process" } : warningIcon,
  };
}

function moreNode(what: string, count: number, id: string): readonly Node[] {
  return count > 0 ? [{ id: `${id}/more`, label: t("and {0} more", what), icon: { id: "ellipsis" } }] : [];
}

function paragraphs(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("\n\n");
}
