"""Record streams on the wire: the params and results of `records/*`."""

from __future__ import annotations

from reloadls.protocol.records.messages import (
    RecordLayout,
    RecordsDidChangeParams,
    RecordsEvent,
    RecordsEventType,
    RecordsSubscribeParams,
    RecordsSubscribeResult,
    RecordsSyncParams,
    RecordsUnsubscribeParams,
)

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
