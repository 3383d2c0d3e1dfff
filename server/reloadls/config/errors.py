"""Every exception of `reloadls.config`.

ConfigError
├── InvalidConfiguration    the sources hold no state that validates
├── MissingExtra            a source needs a library that is not installed
├── NotRunning              the configuration was not started, or has ended
└── UnknownVersion          the version to go back to is not kept
SourceFailed                raised by a source that can't be read or parsed now
Refuse                      raised by a callback that vetoes a change
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reloadls.config.problem import Problem

__all__ = [
    "ConfigError",
    "InvalidConfiguration",
    "MissingExtra",
    "NotRunning",
    "Refuse",
    "SourceFailed",
    "UnknownVersion",
]


class ConfigError(Exception):
    """The parent of what `reloadls.config` raises."""


class InvalidConfiguration(ConfigError):
    """The sources hold no state that validates.

    Attributes:
        problems: what is wrong, each with its key and place.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        placed = [problem for problem in self.problems if problem.path is not None and problem.line is not None]
        self.filename = placed[0].path if placed else None
        """The file of the first problem; with `lineno`, as tools look for the place of an error in a file."""
        self.lineno = placed[0].line if placed else None
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"the configuration is not valid:\n{lines}")


class MissingExtra(ConfigError):
    """A source needs a library that is not installed.

    Attributes:
        extra: the extra of reloadls that installs it.
    """

    def __init__(self, source: str, library: str, extra: str) -> None:
        super().__init__(f"{source} needs {library}, which is not installed: pip install 'reloadls[{extra}]'")
        self.extra = extra


class NotRunning(ConfigError):
    """The configuration was not started, or has ended."""


class UnknownVersion(ConfigError):
    """The version to go back to is not kept."""


class SourceFailed(Exception):
    """A source can't be read or parsed now. Its text must hold nothing of the source's values.

    Attributes:
        message: what is wrong, and what is allowed.
        line: where, counted from 1; None if no line is at fault.
        column: where, counted from 1 in characters.
        path: the file, if it is another than the source's own.
        key: the dotted key at fault, if one is.
    """

    def __init__(
        self,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
        path: str | None = None,
        key: str = "",
    ) -> None:
        super().__init__(message)
        self.message, self.line, self.column, self.path, self.key = message, line, column, path, key


class Refuse(Exception):
    """Raised in a callback of `on_change(before=True)`: the change does not take effect, and the reason is reported."""
