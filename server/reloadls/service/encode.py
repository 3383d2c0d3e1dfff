"""Encode change batches, the `reload/since` result and the status for the wire."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from itertools import islice

from lsprotocol.types import WORKSPACE_DID_CHANGE_WATCHED_FILES

from reloadls.protocol import (
    Change,
    ChangeBatch,
    Encoded,
    Options,
    Problem,
    ReloadStatus,
    RootStatus,
    dumps,
    encode_change_batch,
    encode_notification,
    encode_watched_files,
    to_uri,
)
from reloadls.watch.change import FileChange
from reloadls.watch.journal import Batch
from reloadls.watch.snapshot.problems import RootStatus as WatchedRoot
from reloadls.watch.status import WatchStatus
from reloadls.wire import methods

__all__ = ["PART", "encode_part", "encode_since", "to_root", "to_status"]

PART = 5000
"""The most changes in one message."""


def encode_part(batch: Batch, start: int, *, watched_files: bool) -> list[bytes]:
    """Encode at most `PART` changes of `batch`, from `start` on, as notifications.

    Args:
        batch: the batch to send.
        start: the index of the first change.
        watched_files: whether to add `workspace/didChangeWatchedFiles`.

    Returns:
        The message bodies, in the order to send them.
    """
    part = ChangeBatch(
        clock=batch.clock,
        since=batch.since,
        at=_time(batch.at),
        cause=batch.cause,
        changes=_to_changes(batch.changes[start : start + PART]),
        partial=start + PART < len(batch.changes),
    )
    bodies = [encode_notification(methods.DID_CHANGE, encode_change_batch(part))]
    if watched_files:
        bodies.append(encode_notification(WORKSPACE_DID_CHANGE_WATCHED_FILES, encode_watched_files(part)))
    return bodies


def _to_changes(changes: Iterable[FileChange]) -> tuple[Change, ...]:
    """Convert changes: URIs in place of paths."""
    return tuple(Change(to_uri(os.fspath(change.path)), change.change_type, _old_uri(change)) for change in changes)


def _old_uri(change: FileChange) -> str | None:
    return None if change.renamed_from is None else to_uri(os.fspath(change.renamed_from))


def encode_since(clock: str, changes: Iterable[FileChange | str], *, fresh: bool) -> Encoded:
    """Encode the result of `reload/since` in pieces, since it may hold every file of a tree.

    Args:
        clock: the current clock.
        changes: the changes; a plain path stands for a file that exists.
        fresh: whether `changes` holds every file in scope.

    Returns:
        The encoded result.
    """
    encoded = iter(changes)
    pieces: list[bytes] = []
    while part := [_to_json(change) for change in islice(encoded, PART)]:
        pieces.append(dumps(part)[1:-1])
    head = dumps({"clock": clock, "fresh": fresh})[:-1]
    return Encoded(b'%b,"changes":[%b]}' % (head, b",".join(pieces)))


def _to_json(change: FileChange | str) -> dict[str, str]:
    if isinstance(change, str):
        return {"uri": to_uri(change), "type": "created"}
    encoded = {"uri": to_uri(os.fspath(change.path)), "type": change.change_type}
    old = _old_uri(change)
    return encoded if old is None else {**encoded, "renamedFrom": old}


def to_root(root: WatchedRoot) -> RootStatus:
    """Convert a root: a URI in place of its path."""
    return RootStatus(uri=to_uri(root.path), kind=root.kind, state=root.state, files=root.files)


def to_status(
    status: WatchStatus, options: Options, clock: str, bad_options: Iterable[tuple[str, str]] = ()
) -> ReloadStatus:
    """Build the `reload/status` result.

    Args:
        status: the watcher's status.
        options: the client's options.
        clock: the client's clock.
        bad_options: (field, message) of each option that can't be used.

    Returns:
        The status in wire form.
    """
    problems = [
        Problem(code="badPattern" if field.endswith(" pattern") else "badOption", message=message)
        for field, message in bad_options
    ]
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
