"""`LiveConfig`: the front door."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from reloadls.config.errors import ConfigError, NotRunning, Refuse
from reloadls.config.group.host import GroupOptions
from reloadls.config.group.membership import Membership
from reloadls.config.problem import Problem
from reloadls.config.publishing import Publication
from reloadls.config.running.callbacks import Callbacks
from reloadls.config.running.engine import Engine
from reloadls.config.running.export import Export
from reloadls.config.running.mode import Mode
from reloadls.config.running.solo import Solo
from reloadls.config.source import AnySource, LocalSource, Source
from reloadls.config.status import ConfigStatus
from reloadls.config.values.candidate import Candidate
from reloadls.config.values.choose import model_of
from reloadls.config.values.keys import MISSING, look_up, parse_key
from reloadls.config.values.merge import Origin
from reloadls.config.values.models import Model

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["LiveConfig"]

T = TypeVar("T")
C = TypeVar("C", bound=Callable[[], object])
F = TypeVar("F", bound=Callable[..., Any])

_STOP_S = 0.05
"""How long, in seconds, a running callback may take to end."""
_START_S = 30.0

_log = logging.getLogger("reloadls.config")
_held: ContextVar[Mapping[int, Any]] = ContextVar("reloadls_config_held")


class _Value:
    """What `value` is while it can't be read straight from the object: before the start, and while something holds.

    The object then is of a subclass that has this descriptor. Otherwise `value` is a slot, which the interpreter reads
    as fast as any attribute.
    """

    def __get__(self, config: LiveConfig[Any] | None, owner: type | None = None) -> Any:
        return self if config is None else config._look_up()

    def __set__(self, config: LiveConfig[Any], value: object) -> None:
        raise AttributeError("value can't be set; change a source")


@cache
def _asking(kind: Any) -> type[Any]:
    """Return the subclass whose `value` asks each time."""
    namespace = {"value": _Value(), "__module__": kind.__module__, "__qualname__": kind.__qualname__}
    return type(kind.__name__, (kind,), namespace)


class LiveConfig(Generic[T]):
    """Configuration that follows its sources: validated, all or nothing, swapped at once.

        config = LiveConfig(Settings, [TomlFile("app.toml"), Environment("APP_")])
        async with config:
            config.value.port

    A state of the sources that does not validate changes nothing: `value` stays, and `problems` says why.

    Args:
        settings: what validates: a pydantic model or `BaseSettings` (which then reads no source of its own), a
            dataclass, an attrs class, or a function that makes an object of a mapping.
        sources: where values come from; later ones win, key by key.
        group: the name of the group of worker processes that share one state; None: this process alone.
        together: whether a change takes effect in all processes of the group or in none.
        export: whether values are mirrored into `os.environ`.
        debounce_ms: quiet time after the last change of a file, in milliseconds; 0 waits for nothing.
        start_timeout_s: how long a worker waits for its group's first state, in seconds.

    Raises:
        TypeError: `settings` is nothing that validates, or a source is none.
        ValueError: two sources have the same name, or a time is negative.
    """

    __slots__ = ("__dict__", "__weakref__", "value")

    Refuse = Refuse

    value: T
    """The validated object; the same one until a change takes effect."""

    def __init__(
        self,
        settings: Callable[..., T],
        sources: Sequence[AnySource] = (),
        *,
        group: str | None = None,
        together: bool = False,
        export: bool = False,
        debounce_ms: float = 50.0,
        start_timeout_s: float = _START_S,
    ) -> None:
        if debounce_ms < 0:
            raise ValueError(f"debounce_ms {debounce_ms!r}: must be 0 or more milliseconds")
        if together and group is None:
            raise ValueError("together=True: needs a group")
        self._kind: Any = type(self)
        self._settings = settings
        self._callbacks = Callbacks()
        self._engine = Engine(model_of(settings), _checked(sources), self._callbacks)
        self._export = Export() if export else None
        self._group, self._together = group, together
        self._debounce_s, self._start_timeout_s = debounce_ms / 1000, start_timeout_s
        self._state: Literal["new", "running", "stopped"] = "new"
        self._current: Any = MISSING
        self._version = 0
        self._holds = 0
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: _Thread | None = None
        self._mode: Mode | None = None
        self._problem_listeners: list[Callable[[], object]] = []
        self._publication = Publication(lambda: self.status)
        self._expose()

    def __repr__(self) -> str:
        group = "" if self._group is None else f", group={self._group!r}"
        return f"<LiveConfig {self._engine.model.name}, version {self._version}{group}>"

    # -- what it says

    @property
    def version(self) -> int:
        """The version that this process runs; 0 before the start. It only grows."""
        committed = self._mode.committed() if self._mode is not None and self._mode.prepared else None
        return self._version if committed is None else committed[1]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong now: why the newest state is not in effect, and sources that can't be fetched."""
        return self._engine.all_problems

    @property
    def state(self) -> Literal["new", "running", "stopped"]:
        """``"new"`` until it has started, ``"stopped"`` at the end."""
        return self._state

    @property
    def status(self) -> ConfigStatus:
        """Everything about it at once, for people and programs; without values."""
        mode = self._mode
        return ConfigStatus(
            model=self._engine.model.name,
            version=self.version,
            problems=self.problems,
            sources=tuple(self._engine.source_statuses()),
            group=self._group,
            pid=os.getpid(),
            leader=None if mode is None else mode.leader,
            leader_since=None if mode is None else mode.leader_since,
            members=() if mode is None else tuple(mode.members()),
            pinned=None if mode is None else mode.pinned,
        )

    @property
    def settings(self) -> Callable[..., T]:
        """What validates, as it was given."""
        return self._settings

    @property
    def model(self) -> Model:
        """How it validates."""
        return self._engine.model

    @property
    def sources(self) -> tuple[AnySource, ...]:
        """The sources, the weakest first."""
        return tuple(self._engine.sources)

    def origin(self, key: str) -> Origin | None:
        """Return where a value comes from; None if no source has it, so that it is a default of the model.

        Args:
            key: the dotted key: ``db.url``, ``hosts.0``.
        """
        candidate = self._engine.current
        if candidate is None:
            return None
        found = parse_key(key, candidate.merged.values)
        if look_up(candidate.merged.values, found) is MISSING:
            return None
        return candidate.merged.origin(found)

    # -- what follows it

    @overload
    def on_change(self, function: F, /) -> F: ...
    @overload
    def on_change(self, /, *, before: bool = False) -> Callable[[F], F]: ...
    def on_change(self, function: F | None = None, /, *, before: bool = False) -> Any:
        """Have a function called with each `Change`. A decorator, with or without arguments.

        Async or plain; plain ones run on the loop. Functions are called in the order in which they were added, each
        change after the one before it, and never twice at once. What one raises is logged, without its text, which may
        hold values.

        Args:
            function: the function.
            before: whether it is called before the change takes effect, while `value` is still the old one. Then
                ``raise Refuse(reason)`` vetoes the change, and so does any other exception.
        """

        def add(function: F) -> F:
            self._callbacks.add(function, before=before)
            return function

        return add if function is None else add(function)

    def on_problems(self, listener: C) -> C:
        """Have a plain function called, on the loop, when `problems` may have changed. Also a decorator."""
        self._problem_listeners.append(listener)
        return listener

    @contextlib.contextmanager
    def hold(self) -> Iterator[T]:
        """Keep one view of the configuration within the block, in this task and those that it starts.

        Yields:
            The object, which `value` is within the block.
        """
        held = self.value
        with self._lock:
            self._holds += 1
            self._expose()
        token = _held.set({**_held.get({}), id(self): held})
        try:
            yield held
        finally:
            _held.reset(token)
            with self._lock:
                self._holds -= 1
                self._expose()

    # -- life

    async def start(self) -> None:
        """Read all sources and follow them. Returns once `value` is there.

        Raises:
            InvalidConfiguration: the sources hold no state that validates, or a required one can't be read.
            MissingExtra: a source needs a library that is not installed.
            ConfigError: it was started before; create a new one.
        """
        if self._state != "new":
            raise ConfigError(f"a LiveConfig that is {self._state} can't be started; create a new one")
        self._loop = asyncio.get_running_loop()
        self._engine.open()
        self._state = "running"
        self._mode = self._make_mode()
        try:
            await self._mode.start()
        except BaseException:
            await asyncio.shield(asyncio.ensure_future(self.stop()))
            raise
        self._engine.on_problems = self._on_problems
        self._publication.begin(self._group or self._engine.model.name)

    async def stop(self) -> None:
        """End, within 100 ms: leave no task and no thread of ours, and take back what was exported."""
        if self._state == "stopped":
            return
        self._state = "stopped"
        self._publication.end()
        try:
            if self._mode is not None:
                await self._mode.stop()
            await self._callbacks.stop(_STOP_S)
        finally:
            self._engine.close()
            if self._export is not None:
                self._export.undo()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_S):
                    await self._engine.close_sources()

    async def sync(self) -> None:
        """Return when what was on disk before the call is in, or reported, and callbacks have returned.

        Raises:
            NotRunning: it was not started, or has ended.
            RuntimeError: the caller is a callback, which would wait for itself.
        """
        mode, loop = self._running()
        if loop is not asyncio.get_running_loop():
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.sync(), loop))
            return
        if self._callbacks.is_caller:
            raise RuntimeError("a callback cannot await sync(): it would wait for itself")
        await mode.sync()
        await self._callbacks.settle()

    async def pin(self, version: int | None) -> None:
        """Go back to an earlier version and stay there, in the whole group; it gets a new number.

        Args:
            version: one of the last 20; None follows the sources again.

        Raises:
            UnknownVersion: the version is no longer kept.
            NotRunning: it was not started, or has ended.
        """
        mode, loop = self._running()
        if loop is not asyncio.get_running_loop():
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(mode.pin(version), loop))
        else:
            await mode.pin(version)

    def sync_wait(self, timeout: float | None = None) -> None:
        """As `sync`, for programs without a loop.

        Args:
            timeout: how long to wait at most, in seconds.
        """
        _, loop = self._running()
        asyncio.run_coroutine_threadsafe(self.sync(), loop).result(timeout)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        self._thread = _Thread()
        try:
            self._thread.run(self.start())
        except BaseException:
            self._thread.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        thread = self._thread
        if thread is not None:
            try:
                thread.run(self.stop())
            finally:
                thread.end()

    # -- inside

    def _make_mode(self) -> Mode:
        if self._group is None:
            return Solo(self._engine, self, self._debounce_s)
        return Membership(
            self._engine, self, GroupOptions(self._group, self._together, self._debounce_s, self._start_timeout_s)
        )

    def _running(self) -> tuple[Mode, asyncio.AbstractEventLoop]:
        if self._state != "running" or self._mode is None or self._loop is None:
            raise NotRunning(f"this LiveConfig is {self._state}; use it within `async with` or `with`")
        return self._mode, self._loop

    def swap(self, candidate: Candidate, version: int) -> None:
        """Make a candidate the value. Called by the mode, on the loop."""
        self._version = version
        if self._export is not None:
            self._export.apply(candidate.merged)
        with self._lock:
            self._current = candidate.value
            self._expose()
        self._publication.changed(value=True)

    def _on_problems(self) -> None:
        self._publication.changed()
        for listener in self._problem_listeners:
            try:
                listener()
            except Exception as error:
                _log.error("a listener of problems failed: %s", type(error).__name__)

    def expose(self) -> None:
        """Look again whether `value` can be a plain attribute. Called by the mode."""
        with self._lock:
            self._expose()

    def _expose(self) -> None:
        """Let `value` be a plain attribute, if nothing needs more than that."""
        if self._holds == 0 and self._current is not MISSING and self._mode is not None and not self._mode.prepared:
            LiveConfig.__dict__["value"].__set__(self, self._current)
            object.__setattr__(self, "__class__", self._kind)
        else:
            object.__setattr__(self, "__class__", _asking(self._kind))

    def _look_up(self) -> Any:
        held = _held.get({}).get(id(self), MISSING)
        if held is not MISSING:
            return held
        if self._mode is not None and self._mode.prepared:
            committed = self._mode.committed()
            if committed is not None:
                return committed[0].value
        if self._current is MISSING:
            raise NotRunning(f"this LiveConfig is {self._state}; use it within `async with` or `with`")
        return self._current


def _checked(sources: Sequence[AnySource]) -> tuple[AnySource, ...]:
    if isinstance(sources, LocalSource | Source):
        raise TypeError(f"sources {sources!r}: must be a list of sources")
    found: dict[str, AnySource] = {}
    for source in sources:
        if not isinstance(source, LocalSource | Source):
            raise TypeError(f"source {type(source).__name__}: has neither read() and paths nor fetch() and every_s")
        if source.name in found:
            raise ValueError(f"source {source.name!r}: is there twice; names must differ")
        found[source.name] = source
    return tuple(found.values())


class _Thread:
    """An event loop on a thread of its own, for programs without one."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="reloadls-config-loop", daemon=True)
        self._thread.start()

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.wait(tasks, timeout=_STOP_S))
        self._loop.close()
