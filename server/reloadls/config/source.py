"""The protocol of sources: what one must have, and what it returns.

A source on this machine is a `LocalSource`: it is read again whenever one of its files changes. Everything else is a
`Source`: in a group of workers one of them, the leader, fetches it for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable

__all__ = ["AnySource", "Key", "LocalSource", "MemberState", "OwnSource", "Part", "Place", "Reports", "Source", "Text"]

Key: TypeAlias = tuple[Any, ...]
"""The way to a value: names, and indexes of lists."""


class Text(str):
    """A value from a source that knows only text, such as an environment variable; ``"8080"`` may become a number."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands.

    Attributes:
        line: counted from 1.
        column: counted from 1, in characters.
        path: the file, if it is another than the source's own.
        name: how the source names the value, if that differs from its key: ``APP_DB__URL``.
    """

    line: int | None = None
    column: int | None = None
    path: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What one source holds.

    Attributes:
        values: the values, nested; of the kinds that JSON, TOML and YAML have, and `Text`.
        places: where values stand, as far as the source knows.
        flat: whether the names come from variables, whose case does not count: they take the case that the model has.
        known_only: whether keys that the model does not have are left out, as of an environment without a prefix.
        version: the source's own version, if it has one. A part with a lower one than the last is ignored.
        cursor: where to continue, for the next `Source.fetch`; anything that JSON can hold.
    """

    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    places: Mapping[Key, Place] = field(default_factory=dict, repr=False)
    flat: bool = False
    known_only: bool = False
    version: int | None = None
    cursor: Any = None


class AnySource(Protocol):
    """A `Source` or a `LocalSource`."""

    @property
    def name(self) -> str:
        """See `Source`."""

    @property
    def required(self) -> bool:
        """See `Source`."""


@runtime_checkable
class Source(Protocol):
    """A source outside of this machine's files. Used on one event loop.

    Attributes:
        name: shown in reports and logs; unique among the sources of a configuration, and without secrets.
        required: whether the configuration can't start without it.
        every_s: seconds from one fetch to the next; 0 if `fetch` itself waits until something has changed.
    """

    @property
    def name(self) -> str:
        """See above."""

    @property
    def required(self) -> bool:
        """See above."""

    @property
    def every_s(self) -> float:
        """See above."""

    async def fetch(self, known: Part | None) -> Part | None:
        """Return what the source holds now; None if that is what is known.

        It may be cancelled at any time, and must then leave nothing behind. What it raises makes the source
        *unavailable*: its last good part stays, and it is fetched again, later each time.

        Args:
            known: the last part; None at first, when it must not wait for a change.

        Raises:
            SourceFailed: the source does not answer, or what it answers can't be parsed.
        """

    async def close(self) -> None:
        """Release connections. Called once, on the same loop."""


@runtime_checkable
class LocalSource(Protocol):
    """A source on this machine.

    Attributes:
        name: shown in reports and logs; unique among the sources of a configuration, and without secrets.
        required: whether what is missing is an error. Otherwise it holds nothing until it exists.
        paths: the files and folders to follow, absolute.
    """

    @property
    def name(self) -> str:
        """See above."""

    @property
    def required(self) -> bool:
        """See above."""

    @property
    def paths(self) -> Sequence[str]:
        """See above."""

    def read(self) -> Part:
        """Return what the source holds now. Blocking; on any thread.

        Raises:
            SourceFailed: it can't be read or parsed.
        """


class OwnSource:
    """What the sources here have in common, so that a list of some has a type.

    Attributes:
        name: see `Source`.
        required: see `Source`.
    """

    name: str
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberState:
    """What one process of a group runs.

    Attributes:
        member: unique on this machine.
        pid: its process.
        version: the version that it runs; 0 before the first.
        leader: whether it fetches for the others.
        since: when it started, in seconds since the epoch.
        refused: the version that it refused last, with its problems; 0 if none.
        problems: why.
        host: the machine.
    """

    member: str
    pid: int
    version: int
    leader: bool
    since: float
    refused: int = 0
    problems: tuple[str, ...] = ()
    host: str = ""


@runtime_checkable
class Reports(Protocol):
    """A `Source` that passes on what the members of the group run, for other machines to see."""

    async def report(self, members: Sequence[MemberState]) -> None:
        """Called by the leader whenever that changes. What it raises is logged.

        Args:
            members: all live members of this machine's group.
        """
