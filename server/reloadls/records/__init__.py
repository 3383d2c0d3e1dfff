"""Record streams: folders of JSON documents as a live, filtered stream of events.

`RecordStream` is the front door; `write` and `remove` change records so that no reader sees half of one.
"""

from __future__ import annotations

from reloadls.records.errors import (
    FilterError,
    LayoutError,
    RecordDataError,
    RecordError,
    RecordFolderError,
    RecordNameError,
)
from reloadls.records.events import EventType, RecordEvent
from reloadls.records.hub import RecordHub
from reloadls.records.layout import Layout
from reloadls.records.stream import RecordStream
from reloadls.records.writing import remove, write

__all__ = [
    "RecordStream",
    "RecordEvent",
    "EventType",
    "RecordHub",
    "Layout",
    "write",
    "remove",
    "RecordError",
    "FilterError",
    "LayoutError",
    "RecordDataError",
    "RecordFolderError",
    "RecordNameError",
]
