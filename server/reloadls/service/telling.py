"""The core's data as the wire has it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime

from reloadls.protocol import Change, ChangeBatch, Options, Problem, ReloadStatus, RootStatus, to_uri
from reloadls.watch.change import FileChange
from reloadls.watch.journal import Batch
from reloadls.watch.status import RootStatus as WatchedRoot
from reloadls.watch.status import WatchStatus

__all__ = ["PART", "parts_of", "to_changes", "to_root", "to_status"]

PART = 5000
"""The most changes in one message."""


def parts_of(batch: Batch) -> Iterator[ChangeBatch]:
    """A batch as messages of at most `PART` changes each, made one after another."""
    for start in range(0, len(batch.changes), PART):
        yield ChangeBatch(
            clock=batch.clock,
            since=batch.since,
            at=_time(batch.at),
            cause=batch.cause,
            changes=to_changes(batch.changes[start : start + PART]),
            partial=start + PART < len(batch.changes),
        )


def to_changes(changes: Iterable[FileChange]) -> tuple[Change, ...]:
    """Changes with URIs in place of paths."""
    return tuple(Change(to_uri(os.fspath(change.path)), change.change_type) for change in changes)


def to_root(root: WatchedRoot) -> RootStatus:
    """A root with a URI in place of its path."""
    return RootStatus(uri=to_uri(root.path), kind=root.kind, state=root.state, files=root.files)


def to_status(
    status: WatchStatus, options: Options, clock: str, bad_options: Iterable[tuple[str, str]] = ()
) -> ReloadStatus:
    """What a client is told of how watching goes; `bad_options` are (field, what is wrong)."""
    problems = [Problem(code="badOption", message=message) for _, message in bad_options]
    for problem in status.problems:
        uri = None if problem.path is None else to_uri(problem.path)
        problems.append(Problem(code=problem.code, message=problem.message, uri=uri))
    return ReloadStatus(
        state=status.state,
        backend=status.backend,
        roots=tuple(to_root(root) for root in status.roots),
        debounce_ms=options.debounce_ms,
        max_wait_ms=options.max_wait_ms,
        clock=clock,
        problems=tuple(problems),
    )


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
