"""The runtime at work, on an event loop of its own: changes go to the engine one batch at a time, reports to all."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from reloadls.base.worker_thread import Worker
from reloadls.reload.report import ReloadReport
from reloadls.reload.runtime.endpoint.advert import Advert, listen, sweep
from reloadls.reload.runtime.endpoint.encode import report_to_wire
from reloadls.reload.runtime.endpoint.folder import UnsafeFolder
from reloadls.reload.runtime.endpoint.program_info import ProgramInfo
from reloadls.reload.runtime.endpoint.requests import RequestFailed
from reloadls.reload.runtime.endpoint.server import LocalServer
from reloadls.reload.runtime.watching.follower import CHANGED, STATUS, Follower, follow, to_wire
from reloadls.reload.runtime.watching.other_reloader import CHILD_VARIABLES, other_reloader
from reloadls.reload.runtime.watching.watcher import SourceWatcher
from reloadls.watch.change import FileChange, collapse_changes
from reloadls.watch.flush import Pacing

from .console import followed_line, print_line
from .pin import Pins
from .reports import Reports, has_pending, internal_error_report

if TYPE_CHECKING:
    import socket

    from .safe_point import SafePoint

__all__ = ["Updater", "Reloader", "Supervision"]

_ENDING_S: Final = 1.0
"""How long old code that still runs is given before the program is started anew for it."""
_ENDING_LOOK_S: Final = 0.02
_FIRST_LOOK_S: Final = 1.0
"""After how long it is said what is followed, in seconds."""
_LOOK_S: Final = 2.0
"""How often it is looked what the program has loaded, in seconds."""

_log = logging.getLogger(__name__)

Json = dict[str, Any]


class Reloader(Protocol):
    """What of `HotReloader` is used."""

    def apply(self, changes: Iterable[FileChange]) -> ReloadReport:
        """Take changed files up."""

    def trigger(self, paths: Iterable[str] | None) -> ReloadReport:
        """Take these files up, changed or not."""

    def without_ended(self, report: ReloadReport) -> ReloadReport:
        """The last report without the notes of old code that has come to its end meanwhile."""

    def loaded_paths(self) -> tuple[str, ...]:
        """The files that count."""

    def survey(self) -> tuple[int, list[tuple[str, str]]]:
        """How many files are followed, and which loaded ones are not, and why."""

    def warm_up(self) -> None:
        """Import what the first change needs."""


class Supervision(Protocol):
    """What is above the program, and can start it anew."""

    @property
    def leader_args(self) -> tuple[int, tuple[str, ...]]:
        """For the processes that this one starts: the program's first one, and which notes are no reason to restart."""

    def request_restart(self, report: ReloadReport | None) -> None:
        """Start it anew, for what a report says."""

    def settled(self) -> None:
        """That is no longer wanted."""

    def restarts_for(self, report: ReloadReport) -> bool:
        """Whether a report makes it start the program anew."""


class Updater:
    """From `run` until that is cancelled. Made and used on one event loop, but for what says otherwise.

    Args:
        reloader: the engine.
        safe_point: where it commits.
        place: what others are told of the program.
        pacing: of the watching.
        on_report: called with each report that is news.
        supervision: what can start the program anew; None where nothing can.
        pinned: who may hold changes back.
        since: from when on changes count, in seconds since the epoch.
        quiet: say nothing on stderr.
        leaders: the processes that this one comes from, by their numbers: one of them may watch for it, too.
    """

    def __init__(
        self,
        reloader: Reloader,
        safe_point: SafePoint,
        info: ProgramInfo,
        pacing: Pacing,
        *,
        on_report: Callable[[ReloadReport], None],
        supervision: Supervision | None,
        pinned: Pins,
        since: float,
        quiet: bool,
        leaders: Sequence[int] = (),
    ) -> None:
        self._reloader = reloader
        self._safe_point = safe_point
        self._info = info
        self._on_report = on_report
        self._supervision = supervision
        self._pins = pinned
        self._quiet = quiet
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()
        self._pending: list[FileChange] = []
        self._held = 0
        self._suspended = False
        self._pausers: set[object] = set()
        self._state: str = "starting"
        self._busy: float | None = None
        self._reports = Reports()
        self._last_status: Json | None = None
        self._pacing = pacing
        self._since = since
        self._leaders = leaders
        self._own_watcher = SourceWatcher(info.roots, pacing, self._on_changes, self._on_status, since=since)
        self._watcher: SourceWatcher | Follower = self._own_watcher
        self._watching = asyncio.Event()
        self._advert: Advert | None = None
        self._server: LocalServer | None = None

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Work; `on_ready` is called when a change made from now on is taken up."""
        self._worker = Worker("reloadls-apply")
        self._pins.when_free(self._on_unpinned)
        try:
            self._listen()
            await self._begin_watching()
            await self._watch_loaded()
            self._reloader.warm_up()
            self._state = "live"
            self._notify_status()
            on_ready()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._apply_changes(), name="reloadls-take-up")
                group.create_task(self._poll_modules(), name="reloadls-look")
                if isinstance(self._watcher, Follower):
                    group.create_task(self._watch_after_leader(self._watcher), name="reloadls-after-leader")
        finally:
            self._pins.forget(self._on_unpinned)
            self._stop_listening()
            await self._watcher.stop()

    @property
    def leader(self) -> bool:
        """Whether others may follow this process. On any thread."""
        return not isinstance(self._watcher, Follower)

    def remove_files(self) -> None:
        """What others find the program by is gone. On any thread."""
        if self._advert is not None:
            self._advert.close()

    def sockets(self) -> list[socket.socket]:
        """What a forked child must close. On any thread."""
        return [] if self._server is None else self._server.sockets()

    def forget(self) -> None:
        """In a forked child: what is the parent's must not be kept open."""
        for connection in self.sockets():
            connection.close()
        self._watcher.forget()
        self._own_watcher.forget()

    def on_busy(self, seconds: float | None) -> None:
        """The program has not come to a safe point for so long, or has now. On any thread."""
        self._call(self._note_busy, seconds)

    def announce(self, report: ReloadReport) -> None:
        """Tell a report that is not the engine's. On any thread."""
        self._call(self._report, report, 0)

    # -- changes

    async def _begin_watching(self) -> None:
        if self._advert is not None and self._leaders:
            folder = os.path.dirname(self._advert.path)
            call = (self._on_changes, self._on_status)
            debounce = self._pacing.debounce
            follower = await follow(
                self._leaders, folder, self._info.roots, *call, debounce=debounce, since=self._since
            )
            if follower is not None:
                self._watcher = follower
                return
        await self._own_watcher.start()
        self._watching.set()

    async def _watch_after_leader(self, follower: Follower) -> None:
        """Watch as soon as the leader does not any more. What changed meanwhile is found by its stamps."""
        await follower.lost.wait()
        self._watcher = self._own_watcher
        await follower.stop()
        self._own_watcher.since = follower.confirmed
        await self._own_watcher.start()
        self._watching.set()
        await self._watch_loaded()
        self._notify_status()

    def _on_changes(self, changes: list[FileChange]) -> None:
        if not self._suspended:
            self._pending += changes
            self._wake.set()
        if self._server is not None and self._server.followers:
            for params in to_wire(changes):
                self._server.notify(CHANGED, params, followers=True)

    async def _apply_changes(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending and not self._pausers:
                if self._pins.count:
                    self._held = max(self._held, self._pins.count)
                    break
                changes, self._pending = collapse_changes(self._pending), []
                self._check_other_reloader()
                if self._suspended:
                    break
                held, self._held = self._held, 0
                retried = not any(change.path.suffix == ".py" for change in changes)
                await self._attempt(
                    lambda changes=changes: self._reloader.apply(changes),  # type: ignore[misc]
                    held,
                    retried=retried,
                )

    async def _attempt(
        self, apply: Callable[[], ReloadReport], held: int = 0, *, retried: bool = False
    ) -> ReloadReport:
        async with self._lock:
            report = await self._worker.run(_safely, apply)
            report = await self._wait_for_old_code(report)
            reported = self._report(report, max(held, self._safe_point.held), retried)
        await self._watch_loaded()
        return reported

    async def _wait_for_old_code(self, report: ReloadReport) -> ReloadReport:
        """Give old code a moment to come to its end before the program is started anew for it: a request, mostly."""
        supervision = self._supervision
        others = replace(report, notes=tuple(note for note in report.notes if note.code != "stillRunning"))
        if supervision is None or others == report or supervision.restarts_for(others):
            return report
        for _ in range(round(_ENDING_S / _ENDING_LOOK_S)):
            report = self._reloader.without_ended(report)
            if not supervision.restarts_for(report):
                break
            await asyncio.sleep(_ENDING_LOOK_S)
        return report

    def _report(self, report: ReloadReport, pinned: int, retried: bool = False) -> ReloadReport:
        report, news = self._reports.add(report, pinned=pinned, retried=retried)
        if not news:
            return report
        if self._state in ("live", "failed", "restarting"):
            self._state = self._reports.state
        restarts = self._supervision is not None and self._supervision.restarts_for(report)
        if restarts:
            self._state = "restarting"
        self._on_report(report)
        self._notify("reload/didReload", report_to_wire(report))
        self._notify_status()
        if self._supervision is not None:
            if restarts:
                self._supervision.request_restart(report)
            elif report.status in ("reloaded", "unchanged") and not has_pending(report.modules):
                self._supervision.settled()
        return report

    async def _poll_modules(self) -> None:
        """Modules are loaded all the time, and nobody says so. A reloader of the program's own may begin any time."""
        await asyncio.sleep(_FIRST_LOOK_S)
        await self._watch_loaded()
        self._check_other_reloader()
        if not self._leaders and not self._suspended:
            text = followed_line(self._info.roots, *self._reloader.survey())
            print_line("following", text, quiet=self._quiet)
        while True:
            await asyncio.sleep(_LOOK_S)
            self._check_other_reloader()
            await self._watch_loaded()
            if self._advert is not None:
                sweep(self._advert)

    async def _watch_loaded(self) -> None:
        try:
            await self._watcher.cover(self._reloader.loaded_paths())
        except Exception:  # what was watched before still is
            _log.exception("what the program has loaded could not be watched")

    def _check_other_reloader(self) -> None:
        """Leave the program to a reloader of its own, if there is one: it starts the program anew at each save."""
        if self._suspended or (other := other_reloader()) is None:
            return
        self._suspended = True
        name, advice = other
        if any(os.environ.get(each) == "true" for each in CHILD_VARIABLES):
            return  # the process above has said so
        text = f"{name} starts the program anew at each save, so nothing is reloaded here; to have that, {advice}"
        print_line("reloadls", text, quiet=self._quiet)

    def _on_unpinned(self) -> None:
        self._call(self._wake.set)

    def _call(self, call: Callable[..., object], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:  # it has ended
            return

    # -- the socket

    def _listen(self) -> None:
        if os.name == "nt":
            return
        try:
            self._advert = listen(self._info)
        except (UnsafeFolder, OSError) as error:
            print_line("reloadls", f"no editor can see this program: {error}", quiet=self._quiet)
            return
        self._reports.target = self._advert.id
        self._server = LocalServer(self._advert.socket, self)
        self._server.start()

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
        self.remove_files()

    def _notify(self, method: str, params: Json) -> None:
        if self._server is not None:
            self._server.notify(method, params)

    def _on_status(self) -> None:
        self._notify_status()
        if self._server is not None and self._server.followers:
            self._server.notify(STATUS, self._watcher.status(), followers=True)

    def _note_busy(self, seconds: float | None) -> None:
        self._busy = seconds
        if seconds is not None:
            text = f"the program's event loop has been busy for {seconds:.0f} s; the change goes live once it is free"
            print_line("waiting", text, quiet=self._quiet)
        self._notify_status()

    def _notify_status(self) -> None:
        status = self.status()
        if status != self._last_status:
            self._last_status = status
            self._notify("reload/didChangeStatus", status)

    # -- what clients ask

    def status(self) -> Json:
        """How things are."""
        status = self._watcher.status()
        target: Json = {
            "id": self._reports.target,
            "name": self._info.name.encode("utf-8", "replace").decode(),
            "pid": os.getpid(),
            "state": "paused" if self._pausers else self._state,
        }
        if self._reports.last is not None:
            target["lastReport"] = report_to_wire(self._reports.last)
        if self._pausers:
            status["state"] = "paused"
        elif self._state == "starting":
            status["state"] = "starting"
        if self._busy is not None:
            message = f"the program's event loop has been busy for {self._busy:.0f} s; a change waits for it"
            status["problems"].append({"code": "backendFailed", "message": message})
        return {**status, "clock": self._reports.clock, "targets": [target]}

    async def trigger(self, paths: list[str] | None) -> list[Json]:
        """Take files up now, paused or not."""
        return [report_to_wire(await self._attempt(lambda: self._reloader.trigger(paths)))]

    async def follow(self, client: object, roots: list[str], files: list[str]) -> Json:
        """Tell a client what changes from now on."""
        if not self.leader or tuple(roots) != self._info.roots:
            raise RequestFailed("these folders are not watched here")
        await self._watching.wait()
        if self._server is None or not self._server.add_follower(client):
            raise RequestFailed("too many processes follow this one")
        await self._own_watcher.watch_also(files)
        return self._own_watcher.status()

    def pause(self, client: object) -> None:
        """Take nothing up."""
        self._pausers.add(client)
        self._notify_status()

    def resume(self) -> None:
        """Go on, whoever has paused it."""
        self._pausers.clear()
        self._wake.set()
        self._notify_status()

    def left(self, client: object) -> None:
        """A client that is gone pauses nothing."""
        if client in self._pausers:
            self._pausers.discard(client)
            self._wake.set()
            self._notify_status()

    def restart(self) -> None:
        """Have the program started anew."""
        if self._supervision is None:
            raise RequestFailed("the program has no supervisor; start it with reloadls run --restart-on-required")
        self._state = "restarting"
        self._notify_status()
        self._supervision.request_restart(None)


def _safely(apply: Callable[[], ReloadReport]) -> ReloadReport:
    try:
        return apply()
    except BaseException as error:  # the runtime goes on, whatever it was
        _log.debug("the engine failed", exc_info=True)
        return internal_error_report(error)
