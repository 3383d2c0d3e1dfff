"""Files that are sources of live configurations and read by modules, too: one transaction applies them.

`config/` and `reload/` don't import each other; they meet here. Whoever reloads the program's code claims the files
that its modules have read. A configuration leaves a claimed file to the next reload, which applies it in its commit.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Protocol

__all__ = ["LiveSources", "SourceHost", "live_sources"]

Step = Callable[[], object]
_log = logging.getLogger(__name__)


class SourceHost(Protocol):
    """A live configuration."""

    def follows(self, path: str) -> bool:
        """Whether a file, with links resolved, is one of its sources. On any thread."""

    def waits(self) -> bool:
        """Whether a change of it was taken back together with the code of its batch."""

    def apply_now(self, on_undo: Callable[[Step], object], at_the_end: Callable[[Step], object]) -> tuple[str, ...]:
        """Apply what its sources hold, within the commit of a reload. On the thread that commits.

        Args:
            on_undo: takes what undoes a step that is about to be taken.
            at_the_end: takes a step that waits until nothing can fail any more.

        Returns:
            The keys that have changed.

        Raises:
            Exception: what the sources hold does not validate.
        """


class LiveSources:
    """The configurations of this process, and what claims their files."""

    def __init__(self) -> None:
        self._hosts: list[SourceHost] = []
        self._claim: Callable[[str], bool] | None = None

    def add(self, host: SourceHost) -> None:
        """Have a configuration take part."""
        self._hosts.append(host)

    def remove(self, host: SourceHost) -> None:
        """No longer. Idempotent."""
        if host in self._hosts:
            self._hosts.remove(host)

    def claim(self, reads: Callable[[str], bool] | None) -> None:
        """Leave files to a reload from now on.

        Args:
            reads: whether the program's modules have read a file; None: leave none.
        """
        self._claim = reads

    def is_claimed(self, path: str) -> bool:
        """Return whether a reload applies a file."""
        if self._claim is None:
            return False
        try:
            return self._claim(os.path.realpath(path))
        except Exception:
            _log.exception("whether %s is read by a module is unknown", path)
            return False

    def apply(
        self, path: str | None, on_undo: Callable[[Step], object], at_the_end: Callable[[Step], object]
    ) -> tuple[str, ...] | None:
        """Have those that a file belongs to apply it. See `SourceHost.apply_now`.

        Args:
            path: the file, with links resolved; None: those whose last change was taken back.
            on_undo: see there.
            at_the_end: see there.

        Returns:
            The keys that have changed; None if the file belongs to none.
        """
        hosts = [host for host in list(self._hosts) if (host.waits() if path is None else host.follows(path))]
        if path is not None and (not hosts or not self.is_claimed(path)):
            return None
        return tuple(key for host in hosts for key in host.apply_now(on_undo, at_the_end))


live_sources = LiveSources()
"""Those of this process."""
