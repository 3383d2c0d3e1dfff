"""Values that users choose from: kinds of change, sources of hints, log levels. Imports nothing slow."""

from __future__ import annotations

from typing import Literal

__all__ = ["SOURCE_NAMES", "ChangeType", "LogLevel", "SourceName"]

ChangeType = Literal["created", "modified", "deleted"]
LogLevel = Literal["debug", "info", "warning", "error"]
SourceName = Literal["auto", "inotify", "watchfiles", "polling"]
SOURCE_NAMES: tuple[SourceName, ...] = ("auto", "inotify", "watchfiles", "polling")
"""``auto`` is inotify on Linux and watchfiles elsewhere; both poll while they fail."""
