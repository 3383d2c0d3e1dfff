"""The lines of `reloadls status` about what a program hosts: session pools and live configurations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from reloadls.protocol import ConfigurationProblem, ConfigurationStatus, PoolSession, PoolStatus, TargetStatus
from reloadls.protocol.hosted import ConfigurationMember
from reloadls.terminal.text import shown

__all__ = ["hosted_lines"]

_LISTED: Final = 20
"""How many sessions or members are listed before they are counted."""
_LONGEST: Final = 40
"""How much of an id is shown, in characters."""
_LABEL: Final = 11
"""The width of the first column."""

Colour = Callable[[str], str]
"""Returns a state in its colour."""
Where = Callable[[ConfigurationProblem], str]
"""Returns where a problem is."""


def hosted_lines(status: TargetStatus, now: datetime, coloured: Colour, where: Where) -> Iterable[str]:
    """Return the lines about what a program hosts, each with its indentation.

    Args:
        status: the program's.
        now: the current time.
        coloured: colours a state.
        where: says where a configuration's problem is.
    """
    if status.worker_of is not None:
        yield _labelled("worker of", f"pool {shown(status.worker_of.pool)} of process {status.worker_of.pid}")
    for pool in status.pools:
        yield from _pool(pool, now, coloured)
    for configuration in status.configurations:
        yield from _configuration(configuration, coloured, where)


def _labelled(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}  {text}"


def _pool(pool: PoolStatus, now: datetime, coloured: Colour) -> Iterable[str]:
    counts = ((pool.reserved, "reserved"), (pool.waiting, "waiting"), (pool.pinned, "pinned"), (pool.failed, "failed"))
    parts = [f"{shown(pool.name)}, {coloured(pool.state)}", f"{pool.active} of {pool.max} sessions"]
    yield _labelled("pool", ", ".join([*parts, *(f"{count} {word}" for count, word in counts if count)]))
    if pool.drain_reason:
        yield f"    drains because: {shown(pool.drain_reason)}"
    if pool.change_waits_for:
        yield f"    a change of code waits for: {', '.join(map(shown, pool.change_waits_for))}"
    if pool.last_error:
        yield f"    last failure: {shown(pool.last_error)}"
    yield from _table([_session(session, now) for session in pool.sessions[:_LISTED]])
    yield from _more(max(0, len(pool.sessions) - _LISTED) + pool.more)


def _session(session: PoolSession, now: datetime) -> tuple[str, str, str]:
    facts: list[str] = [session.state]
    if session.pinned:
        facts.append("pinned")
    if session.rebinds:
        facts.append(f"followed {session.rebinds} {'reload' if session.rebinds == 1 else 'reloads'}")
    if session.last_error:
        facts.append(f"could not follow a reload: {shown(session.last_error)}")
    return _short(session.id), _age(session.started_at, now), ", ".join(facts)


def _configuration(configuration: ConfigurationStatus, coloured: Colour, where: Where) -> Iterable[str]:
    state = f", {coloured('failed')}: a newer version is not used" if configuration.problems else ""
    group = f", group {shown(configuration.group)}" if configuration.group else ""
    text = f"{shown(configuration.name)}, version {shown(configuration.version)}{group}{state}"
    yield _labelled("config", text)
    for problem in configuration.problems:
        parts = [where(problem), shown(problem.key or ""), shown(problem.message)]
        yield f"    {': '.join(part for part in parts if part)}"
    yield from _table([_member(each, configuration.leader) for each in configuration.members[:_LISTED]])
    yield from _more(max(0, len(configuration.members) - _LISTED) + configuration.more)


def _member(member: ConfigurationMember, leader: str | None) -> tuple[str, str, str]:
    facts = [member.state, *(["leader"] if member.id == leader else [])]
    text = ", ".join(facts) + (f": {shown(member.refused)}" if member.refused else "")
    return _short(member.id), f"version {shown(member.version)}", text


def _short(id: str) -> str:
    text = shown(id)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _table(rows: Sequence[tuple[str, ...]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "    " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _more(count: int) -> Iterable[str]:
    if count:
        yield f"    and {count} more"


def _age(at: str, now: datetime) -> str:
    began = datetime.fromisoformat(at)
    seconds = max(0, int((now - (began if began.tzinfo else began.replace(tzinfo=UTC))).total_seconds()))
    hours, rest = divmod(seconds, 3600)
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"
