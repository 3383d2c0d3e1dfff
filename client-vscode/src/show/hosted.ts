/** What programs host, in words: their session pools and live configurations. */

import { plural, t } from "../l10n.ts";
import type { Target } from "../model/targets.ts";
import type {
  ConfigurationMember,
  ConfigurationProblem,
  ConfigurationStatus,
  PoolSession,
  PoolStatus,
} from "../protocol.ts";
import { displayPath, type Place } from "./fileNames.ts";
import { number } from "./words.ts";

export function poolState(state: PoolStatus["state"]): string {
  return {
    starting: t("starting"),
    running: t("running"),
    draining: t("draining"),
    closing: t("closing"),
  }[state];
}

export function memberState(state: ConfigurationMember["state"]): string {
  return {
    applied: t("applied"),
    waiting: t("has not answered yet"),
    refused: t("refused"),
    unreachable: t("unreachable"),
  }[state];
}

export function sessions(count: number): string {
  return plural(count, t("1 session"), t("{0} sessions", number(count)));
}

/** "draining · 12 of 50 sessions · 1 pinned · 2 failed". */
export function poolWords(pool: PoolStatus): string {
  const { state, active, max, reserved = 0, waiting = 0, pinned = 0, failed = 0 } = pool;
  const parts: [boolean | number, string][] = [
    [state !== "running", poolState(state)],
    [true, t("{0} of {1} sessions", number(active), number(max))],
    [reserved, t("{0} reserved", number(reserved))],
    [waiting, t("{0} waiting", number(waiting))],
    [pinned, t("{0} pinned", number(pinned))],
    [failed, t("{0} failed", number(failed))],
  ];
  return joined(parts);
}

/** "3 min · pinned". */
export function sessionWords(session: PoolSession, now: number): string {
  const parts: [boolean | number, string][] = [
    [session.state === "starting", t("starting")],
    [true, age(session.startedAt, now)],
    [session.pinned ?? false, t("pinned")],
    [session.lastError != null, t("could not follow a reload")],
  ];
  return joined(parts);
}

/** "version 7 · group app · 3 members". */
export function configurationWords(configuration: ConfigurationStatus): string {
  const { version, group, problems = [], members = [], more = 0 } = configuration;
  const count = members.length + more;
  const parts: [boolean | number, string][] = [
    [problems.length, t("a newer version is not used")],
    [true, t("version {0}", version)],
    [group != null, t("group {0}", group ?? "")],
    [count > 1, plural(count, t("1 member"), t("{0} members", number(count)))],
  ];
  return joined(parts);
}

/** What else to say of a program in one row: its pools, the versions of its configurations, whose worker it is. */
export function hostedWords({ pools = [], configurations = [], workerOf }: Target): string {
  const parts = [
    ...(workerOf ? [t("worker of {0}", workerOf.pool)] : []),
    ...pools.map((pool) => `${pool.name}: ${poolWords(pool)}`),
    ...configurations.map((each) => `${each.name}: ${configurationWords(each)}`),
  ];
  return parts.join(" · ");
}

/** "app.toml:2", or what a problem's value was read from otherwise. */
export function problemPlace({ uri, range, source }: ConfigurationProblem, place: Place): string {
  if (uri == null) {
    return source ?? "";
  }
  return `${displayPath(uri, place)}${range ? `:${range.start.line + 1}` : ""}`;
}

export function problemWords({ key, message }: ConfigurationProblem): string {
  return key == null ? message : `${key}: ${message}`;
}

/** In minutes, since a tree is not drawn more often while nothing changes. */
export function age(at: string, now: number): string {
  const minutes = Math.floor((now - Date.parse(at)) / 60_000);
  if (!(minutes >= 1)) {
    return t("under 1 min");
  }
  const hours = Math.floor(minutes / 60);
  if (hours < 1) {
    return t("{0} min", String(minutes));
  }
  return hours < 48
    ? t("{0} h {1} min", String(hours), String(minutes % 60))
    : t("{0} days", number(Math.floor(hours / 24)));
}

function joined(parts: readonly [boolean | number, string][]): string {
  return parts.flatMap(([said, text]) => (said ? [text] : [])).join(" · ");
}
