"""The log records of a job have its fields.

One filter serves all jobs: with LiveKit's, one for each job, each record would pass as many filters as there are jobs.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from livekit.agents.job import _JobContextVar

__all__ = ["LogFields", "job_fields"]


def job_fields(info: Any) -> dict[str, Any]:
    """What LiveKit adds to the log records of a job's process."""
    fields = {"pid": os.getpid(), "job_id": info.job.id, "room": info.job.room.name, "room_id": info.job.room.sid}
    if info.job.agent_name:
        fields["agent_name"] = info.job.agent_name
    return fields


class LogFields(logging.Filter):
    """Adds the fields of the running task's job to log records, at the handlers of the root logger."""

    def __init__(self) -> None:
        super().__init__()
        self._handlers: list[logging.Handler] = []

    def prepare(self, context: Any) -> None:
        """Have a job use this filter instead of one of its own."""
        if not hasattr(context, "_on_setup") or not hasattr(context, "_log_fields"):
            return
        context._on_setup = self.install

    def install(self) -> None:
        """Filter the records of all handlers that the root logger has now."""
        for handler in logging.getLogger().handlers:
            if handler not in self._handlers:
                handler.addFilter(self)
                self._handlers.append(handler)

    def uninstall(self) -> None:
        """Filter no more."""
        for handler in self._handlers:
            handler.removeFilter(self)
        self._handlers.clear()

    def filter(self, record: logging.LogRecord) -> bool:
        """Add fields that the record does not have yet."""
        context = _JobContextVar.get(None)
        if context is not None:
            for key, value in {**job_fields(context._info), **context._log_fields}.items():
                if not hasattr(record, key):
                    setattr(record, key, value)
        return True
