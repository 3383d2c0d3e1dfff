"""Record streams: folders of JSON documents as a live, filtered stream of events.

`RecordStream` is the front door; `write` and `remove` change records so that no reader sees half of one. Streams are
imported on first use: a program that only writes records does not load the watch core.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from reloadls.records.errors import (
    FilterError,
    LayoutError,
    RecordDataError,
    RecordError,
    RecordFolderError,
    RecordNameError,
)
from reloadls.records.writing import remove, write

if TYPE_CHECKING:
    from reloadls.records.events import EventType, RecordEvent
    from reloadls.records.hub import RecordHub
    from reloadls.records.layout import Layout
    from reloadls.records.stream import RecordStream

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

_HOME: Final = {
    "RecordStream": "stream",
    "RecordEvent": "events",
    "EventType": "events",
    "RecordHub": "hub",
    "Layout": "layout",
}
"""Name → the module that it is imported from."""


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f".{_HOME[name]}", __name__), name)
    return found
