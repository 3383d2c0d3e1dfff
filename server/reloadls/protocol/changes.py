"""Change batches as plain data, without a converter: batches are the one hot, and at times large, message."""

from __future__ import annotations

from typing import Any, Final

from .messages import Change, ChangeBatch

__all__ = ["encode_change_batch", "encode_changes", "encode_watched_files"]

# LSP's FileChangeType
_FILE_CHANGE_TYPES: Final = {"created": 1, "modified": 2, "deleted": 3}


def encode_change_batch(batch: ChangeBatch) -> dict[str, Any]:
    """Return the params of `reload/didChange`; the same as the converter gives, without its dispatch."""
    params: dict[str, Any] = {
        "clock": batch.clock,
        "since": batch.since,
        "at": batch.at,
        "cause": batch.cause,
        "changes": encode_changes(batch.changes),
    }
    if batch.partial:
        params["partial"] = True
    return params


def encode_changes(changes: tuple[Change, ...]) -> list[dict[str, Any]]:
    """Return changes as plain data, for a batch or for the result of `reload/since`."""
    return [
        {"uri": change.uri, "type": change.type}
        if change.renamed_from is None
        else {"uri": change.uri, "type": change.type, "renamedFrom": change.renamed_from}
        for change in changes
    ]


def encode_watched_files(batch: ChangeBatch) -> dict[str, Any]:
    """Return the params of `workspace/didChangeWatchedFiles` for the same files in the same order."""
    types = _FILE_CHANGE_TYPES
    return {"changes": [{"uri": change.uri, "type": types[change.type]} for change in batch.changes]}
