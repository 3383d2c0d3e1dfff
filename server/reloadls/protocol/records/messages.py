"""The message classes of `records/*`, as `protocol.messages` has those of `reload/*`."""

from __future__ import annotations

from typing import Any, Final, Literal

from attrs import Attribute, field, frozen

from reloadls.protocol.errors import Mismatch

__all__ = [
    "RecordLayout",
    "RecordsDidChangeParams",
    "RecordsEvent",
    "RecordsEventType",
    "RecordsSubscribeParams",
    "RecordsSubscribeResult",
    "RecordsSyncParams",
    "RecordsUnsubscribeParams",
]

RecordsEventType = Literal["snapshot", "added", "modified", "removed", "expired", "invalid", "reset"]
_MAX_TIMEOUT_MS: Final = 600_000


@frozen(kw_only=True)
class RecordLayout:
    """What a folder of records holds."""

    kinds: tuple[str, ...] = ()
    """The folders that hold records, in the order of events; empty: every folder."""
    expires: dict[str, str] = field(factory=dict)
    """Kind -> the field that holds the end of its records."""
    extended_by: dict[str, tuple[str, ...]] = field(factory=dict)
    """Kind -> what extends its records, as `heartbeats.reservation_id -> extended_expires_at`."""
    ended_by: dict[str, tuple[str, ...]] = field(factory=dict)
    """Kind -> what ends its records, as `releases.reservation_id`."""


@frozen(kw_only=True)
class RecordsSubscribeParams:
    """`records/subscribe`: a folder, and which of its records to send."""

    uri: str
    """The folder that holds a folder for each kind; within the workspace."""
    layout: str | RecordLayout | None = None
    """The name of a built-in layout, or a layout; absent: every folder is a kind."""
    kinds: tuple[str, ...] = ()
    """Only these kinds, singular or plural; empty: all."""
    ids: tuple[str, ...] = ()
    """Only these ids; empty: all."""
    where: tuple[str, ...] = ()
    """Expressions about the data, as `status=open`; all must match."""
    since: str | None = None
    """The clock to continue from."""


@frozen(kw_only=True)
class RecordsSubscribeResult:
    """The name of the new subscription, and the clock up to which its first notification will lead."""

    subscription: str
    clock: str


@frozen(kw_only=True)
class RecordsUnsubscribeParams:
    """`records/unsubscribe`: the subscription to end."""

    subscription: str


def _check_timeout(_params: object, _field: Attribute[int], value: int) -> None:
    if not 0 <= value <= _MAX_TIMEOUT_MS:
        raise Mismatch(f"must be an integer from 0 to {_MAX_TIMEOUT_MS}, not {value}", field="timeoutMs")


@frozen(kw_only=True)
class RecordsSyncParams:
    """`records/sync`: the subscription, and how long to wait, in milliseconds from 0 to 600000."""

    subscription: str
    timeout_ms: int = field(default=10_000, validator=_check_timeout)


@frozen(kw_only=True)
class RecordsEvent:
    """One event of a subscription."""

    event_type: RecordsEventType
    kind: str
    """The name of the record's folder; empty for `reset`."""
    id: str
    """The name of its file without `.json`; empty where the event is about no record."""
    timestamp: str
    """When it was noticed; of `expired`, when the record ended."""
    data: dict[str, Any]
    """The record, with `expired` true if it has expired; of `removed`, as it was.

    Of `invalid`: `file`, `line`, `column` and `reason`."""


@frozen(kw_only=True)
class RecordsDidChangeParams:
    """Events of one subscription."""

    subscription: str
    clock: str
    """Where a later subscription continues that has received these events."""
    events: tuple[RecordsEvent, ...]
    partial: bool = False
    """True on every part but the last of events that are sent in parts."""
