"""Format log records so that they are safe to show on a terminal."""

from __future__ import annotations

import logging

from reloadls.base.text import shown

__all__ = ["SafeFormatter"]


class SafeFormatter(logging.Formatter):
    """Escape control characters: each record is one line, and each line of its traceback another."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """Return the record as one line."""
        return shown(super().formatMessage(record))

    def formatException(self, ei: object) -> str:  # noqa: N802 - as above
        """Return a traceback, one line per line."""
        lines = super().formatException(ei).splitlines()  # type: ignore[arg-type]  # logging's own type is private
        return "\n".join(map(shown, lines))
