"""The one runtime of this process; after a fork, the child gets its own."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from reloadls.base.own_imports import install

from .endpoint.program_info import ProgramInfo
from .live.console import print_line
from .live.safe_point import SafePoint
from .live.threads import silence_fork_warnings
from .runtime import Runtime
from .start.forking import forget_imports, wait_for_imports

if TYPE_CHECKING:
    from reloadls.reload.report import ReloadReport
    from reloadls.watch import FileChange

    from .live.protocols import Reloader, Supervision
    from .requirements.sync import RequirementsSync

__all__ = ["Commit", "ProcessRuntime", "set_up", "is_set_up"]

Commit = Callable[[Callable[[], None]], None]
"""Runs the step that changes the program."""
Engine = TypeVar("Engine", bound="Reloader")

_FORK_S = 10.0
"""How long a fork waits for a running reload, in seconds."""
_IMPORTS_S = 5.0
"""How long a fork waits for the runtime's imports, in seconds."""

_MOST_LEADERS = 8
"""How many of its ancestors a forked process asks whether they watch for it."""

_runtimes: list[ProcessRuntime[Any]] = []


def is_set_up() -> bool:
    """Return whether this process has a runtime."""
    return bool(_runtimes)


def set_up(
    make: Callable[[Commit], Engine],
    info: ProgramInfo,
    *,
    debounce_ms: float = 25,
    quiet: bool = False,
    supervision: Supervision | None = None,
    on_ready: Callable[[], None] = lambda: None,
    leaders: tuple[int, ...] = (),
    sync: RequirementsSync | None = None,
) -> ProcessRuntime[Engine]:
    """Create and start this process's runtime.

    Args:
        make: creates the engine, given the function to commit with.
        info: what to publish about the program.
        debounce_ms: quiet time after a change, in milliseconds.
        quiet: print nothing on stderr.
        supervision: what can restart the program; None if nothing can.
        on_ready: called as soon as a change made from then on is applied.
        leaders: the pids of the processes this one was forked or spawned from; one of them may watch for it.
        sync: installs requirements; None if nothing does.

    Returns:
        The runtime with its engine.
    """
    process_runtime = ProcessRuntime(make, info, debounce_ms=debounce_ms, quiet=quiet, leaders=leaders)
    install()  # before the engine's finder
    _runtimes.append(process_runtime)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=process_runtime.before_fork,
            after_in_parent=process_runtime.after_fork,
            after_in_child=process_runtime.in_child,
        )
    process_runtime.begin(supervision, on_ready, sync)
    return process_runtime


class ProcessRuntime(Generic[Engine]):
    """The engine and its runtime."""

    def __init__(
        self,
        make: Callable[[Commit], Engine],
        info: ProgramInfo,
        *,
        debounce_ms: float,
        quiet: bool,
        leaders: tuple[int, ...],
    ) -> None:
        self._pid = os.getpid()
        self._supervision: Supervision | None = None
        self._leaders = leaders
        self._since = time.time()
        self._info = info
        self._debounce_ms = debounce_ms
        self._quiet = quiet
        self._safe_point = SafePoint()
        self._gate = _Gate()
        self._held = False
        self._turn = sys.getswitchinterval()
        self.reloader = make(self._commit)
        self.runtime = self._make_runtime(None, lambda: None)

    def begin(
        self, supervision: Supervision | None, on_ready: Callable[[], None], sync: RequirementsSync | None
    ) -> None:
        """Start the runtime."""
        self._supervision = supervision
        self.runtime = self._make_runtime(supervision, on_ready, sync)
        self.runtime.start()

    def _make_runtime(
        self, supervision: Supervision | None, on_ready: Callable[[], None], sync: RequirementsSync | None = None
    ) -> Runtime:
        return Runtime(
            _GatedReloader(self.reloader, self._gate),
            self._safe_point,
            self._info,
            debounce_ms=self._debounce_ms,
            since=self._since,
            quiet=self._quiet,
            supervision=supervision,
            on_ready=on_ready,
            leaders=self._leaders,
            sync=sync,
        )

    def _commit(self, step: Callable[[], None]) -> None:
        # While the step waits for its safe point the program may fork; the engine is then in the middle of its work.
        with self._gate.open():
            self._safe_point.commit(step)

    # -- forks

    def before_fork(self) -> None:
        """Wait until the engine is idle, so that the child's copy is consistent."""
        self._held = self._gate.hold(_FORK_S)
        silence_fork_warnings()
        self._turn = sys.getswitchinterval()
        wait_for_imports(_IMPORTS_S)

    def after_fork(self) -> None:
        """In the parent: continue."""
        sys.setswitchinterval(self._turn)
        if self._held:
            self._gate.release()

    def in_child(self) -> None:
        """In the child: start a runtime with its own socket, unless the fork interrupted a reload."""
        sys.setswitchinterval(self._turn)
        forget_imports()
        self.runtime.forget()
        whole = not self._gate.at_work
        self._safe_point = SafePoint()
        self._gate = _Gate()
        self._info = replace(self._info, supervised=False)
        self._leaders = (*self._leaders, self._pid)[-_MOST_LEADERS:]
        self._pid = os.getpid()
        if self._supervision is not None:
            from .supervision.leader import Leader  # noqa: PLC0415 - only needed with a supervisor

            self._supervision = Leader(*self._supervision.leader_args)
        self.runtime = self._make_runtime(self._supervision, lambda: None)
        if whole:
            self.runtime.start()
        else:
            text = f"process {os.getpid()} was forked during a reload, so hot reload is off in it; restart it"
            print_line("reloadls", text, quiet=self._quiet)


class _Gate:
    """Keeps forks from interrupting the engine."""

    def __init__(self) -> None:
        self.at_work = False
        self._lock = threading.Lock()

    def hold(self, timeout: float) -> bool:
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        self._lock.release()

    def work(self) -> _Hold:
        return _Hold(self, working=True)

    def keep(self) -> threading.Lock:
        """Hold the gate for work that a child can do without."""
        return self._lock

    def open(self) -> _Hold:
        return _Hold(self, working=False)


class _Hold:
    """Holds the gate during the engine's work, or opens it for forks meanwhile."""

    def __init__(self, gate: _Gate, *, working: bool) -> None:
        self._gate = gate
        self._working = working

    def __enter__(self) -> None:
        if self._working:
            self._gate.hold(-1)
            self._gate.at_work = True
        else:
            self._gate.release()

    def __exit__(self, *_: object) -> None:
        if self._working:
            self._gate.at_work = False
            self._gate.release()
        else:
            self._gate.hold(-1)


class _GatedReloader:
    """The engine, with the gate held while it works."""

    def __init__(self, reloader: Reloader, gate: _Gate) -> None:
        self._reloader = reloader
        self._gate = gate

    def apply(self, changes: Iterable[FileChange]) -> ReloadReport:
        with self._gate.work():
            return self._reloader.apply(changes)

    def trigger(self, paths: Iterable[str] | None) -> ReloadReport:
        with self._gate.work():
            return self._reloader.trigger(paths)

    def retry(self) -> ReloadReport:
        with self._gate.work():
            return self._reloader.retry()

    def without_ended(self, report: ReloadReport) -> ReloadReport:
        return self._reloader.without_ended(report)

    def reads(self, path: str) -> bool:
        return self._reloader.reads(path)

    def adopt_late(self) -> None:
        with self._gate.work():
            self._reloader.adopt_late()

    def survey(self) -> tuple[int, list[tuple[str, str]]]:
        return self._reloader.survey()

    def loaded_paths(self) -> tuple[str, ...]:
        return self._reloader.loaded_paths()

    def warm_up(self) -> None:
        with self._gate.keep():
            self._reloader.warm_up()
