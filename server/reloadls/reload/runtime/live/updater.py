"""The runtime's event loop: feeds changes to the engine, one batch at a time, and reports to all clients."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from reloadls.base.folders import UnsafeFolder
from reloadls.base.hosted import hosted
from reloadls.base.hosted.live_sources import live_sources
from reloadls.base.live_sessions import Counts, live_sessions
from reloadls.base.worker_thread import Worker
from reloadls.reload.report import ReloadReport, SessionCounts
from reloadls.reload.runtime.endpoint.advert import PublishedAdvert, listen, sweep
from reloadls.reload.runtime.endpoint.encode import report_to_wire, to_uri
from reloadls.reload.runtime.endpoint.hosted import HostedNews, run_command
from reloadls.reload.runtime.endpoint.program_info import ProgramInfo
from reloadls.reload.runtime.endpoint.requests import RequestFailed
from reloadls.reload.runtime.endpoint.server import LocalServer
from reloadls.reload.runtime.watching.follower import CHANGED, STATUS, SYNCED, Follower, follow, to_wire
from reloadls.reload.runtime.watching.other_reloader import CHILD_VARIABLES, other_reloader
from reloadls.reload.runtime.watching.watcher import SourceWatcher
from reloadls.watch.change import FileChange, collapse_changes
from reloadls.watch.flush import Pacing
from reloadls.wire import methods

from .comparison import Comparison
from .console import followed_line, print_line
from .divergence import Outcome, outcome_of
from .emptied import wait_for_text
from .pin import Pins
from .protocols import Reloader, Supervision
from .reports import Reports, has_pending, internal_error_report

if TYPE_CHECKING:
    import socket

    from reloadls.reload.runtime.requirements.sync import RequirementsSync, Synced

    from .safe_point import SafePoint

__all__ = ["Updater"]

_ENDING_S: Final = 1.0
"""How long to wait, in seconds, for running old code to end before the program is restarted because of it."""
_ENDING_LOOK_S: Final = 0.02
_FIRST_LOOK_S: Final = 1.0
"""When to print what is watched, in seconds after the start."""
_LOOKS_AT_START: Final = 5
"""How often to look in that time for modules that were run past the import system."""
_LOOK_S: Final = 2.0
"""How often to check which modules the program has loaded, in seconds."""

_log = logging.getLogger(__name__)

Json = dict[str, Any]


class Updater:
    """Works from `run` until it is cancelled. Created and used on one event loop, except where stated.

    Args:
        reloader: the engine.
        safe_point: where it commits.
        info: what to publish about the program.
        pacing: when a batch is complete.
        on_report: called with each report that is news.
        supervision: what can restart the program; None if nothing can.
        pinned: the pins that can hold changes back.
        since: ignore changes before this time, in seconds since the epoch.
        quiet: print nothing on stderr.
        leaders: the pids of the processes this one was forked or spawned from; one of them may watch for it.
        sync: installs requirements; None if nothing does, or another process.
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
        sync: RequirementsSync | None = None,
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
        self._awaited: tuple[str, ...] = ()
        """The pinned sessions that a change waits for."""
        self._reports = Reports()
        self._last_status: Json | None = None
        self._pacing = pacing
        self._since = since
        self._leaders = leaders
        self._sync = sync
        self._own_watcher = SourceWatcher(info.roots, pacing, self._on_changes, self._on_status, since=since)
        self._watcher: SourceWatcher | Follower = self._own_watcher
        self._watching = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._batch = 0
        """The number of this process's last batch, if other processes follow it."""
        self._comparison = Comparison(self._processes, self._say, self._notify_status)
        self._advert: PublishedAdvert | None = None
        self._server: LocalServer | None = None

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Work; calls `on_ready` as soon as a change made from then on is applied."""
        self._worker = Worker("reloadls-apply")
        self._pins.when_free(self._on_unpinned)
        stop_listening = live_sessions.listen(lambda report, counts: self._call(self._note_sessions, report, counts))
        hosted_news = HostedNews(self._notify_status)
        hosted_news.start()
        live_sources.claim(self._claims)
        try:
            self._listen()
            await self._begin_watching()
            await self._watch_loaded()
            self._reloader.warm_up()
            self._state = "live"
            self._notify_status()
            on_ready()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._apply_changes(), name="reloadls-apply-changes")
                group.create_task(self._poll_modules(), name="reloadls-poll-modules")
                if self._sync is not None:
                    syncing = self._sync.run(self._report_requirements, self._on_synced, lambda: bool(self._pausers))
                    group.create_task(syncing, name="reloadls-sync-requirements")
                if isinstance(self._watcher, Follower):
                    group.create_task(self._watch_after_leader(self._watcher), name="reloadls-watch-after-leader")
        finally:
            stop_listening()
            hosted_news.stop()
            live_sources.claim(None)
            self._pins.forget(self._on_unpinned)
            self._stop_listening()
            await self._watcher.stop()

    @property
    def leader(self) -> bool:
        """Whether other processes may follow this one. Thread-safe."""
        return not isinstance(self._watcher, Follower)

    def remove_files(self) -> None:
        """Remove the socket and the advert. Thread-safe."""
        if self._advert is not None:
            self._advert.close()

    def sockets(self) -> list[socket.socket]:
        """Return the sockets that a forked child must close. Thread-safe."""
        return [] if self._server is None else self._server.sockets()

    def forget(self) -> None:
        """In a forked child: close what belongs to the parent."""
        for connection in self.sockets():
            connection.close()
        self._watcher.forget()
        self._own_watcher.forget()
        if self._sync is not None:
            self._sync.forget()

    def on_busy(self, seconds: float | None) -> None:
        """The program has not reached a safe point for so many seconds; None: it has now. Thread-safe."""
        self._call(self._note_busy, seconds)

    def on_wait(self, sessions: tuple[str, ...]) -> None:
        """A change waits for these pinned sessions; none: it has been applied. Thread-safe."""
        self._call(self._note_awaited, sessions)

    def announce(self, report: ReloadReport) -> None:
        """Publish a report that is not the engine's. Thread-safe."""
        self._call(self._report, report, 0)

    # -- changes

    async def _begin_watching(self) -> None:
        if self._advert is not None and self._leaders:
            folder = os.path.dirname(self._advert.path)
            call = (self._on_changes, self._on_status)
            debounce = self._pacing.debounce
            follower = await follow(
                self._leaders,
                folder,
                self._info.roots,
                *call,
                debounce=debounce,
                since=self._since,
                on_synced=self._on_leader_synced,
            )
            if follower is not None:
                self._watcher = follower
                return
        await self._own_watcher.start()
        self._watching.set()

    async def _watch_after_leader(self, follower: Follower) -> None:
        """Start watching when the leader stops. Changes in between are found by the files' timestamps."""
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
            if self._sync is not None:
                self._sync.on_changes(changes)
        if self._server is not None and self._server.followers:
            self._batch += 1
            self._comparison.begin(self._batch, [_uri(change.path) for change in changes])
            for params in to_wire(changes, self._batch):
                self._server.notify(CHANGED, params, followers=True)

    async def _apply_changes(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending and not self._pausers:
                if self._pins.count:
                    self._held = max(self._held, self._pins.count)
                    break
                await wait_for_text(self._pending, self._worker)
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
                    uris=[_uri(change.path) for change in changes],
                )

    async def _attempt(
        self, apply: Callable[[], ReloadReport], held: int = 0, *, retried: bool = False, uris: Sequence[str] = ()
    ) -> ReloadReport:
        async with self._lock:
            batch = self._watcher.batch if isinstance(self._watcher, Follower) else self._batch
            report = await self._worker.run(_safely, apply)
            report = await self._wait_for_old_code(report)
            reported = self._report(report, max(held, self._safe_point.held), retried)
            self._compare(batch, uris, report)
        await self._watch_loaded()
        return reported

    # -- comparing the processes of the program

    def _compare(self, batch: int, uris: Sequence[str], report: ReloadReport) -> None:
        """Tell the process that watches for all what this one did."""
        if isinstance(self._watcher, Follower):
            self._watcher.acknowledge(self._outcome(batch, uris, report).to_wire())
        elif self._server is not None and self._server.followers:
            self._comparison.add(os.getpid(), self._outcome(batch, uris, report))

    def _outcome(self, batch: int, uris: Sequence[str], report: ReloadReport) -> Outcome:
        loaded = set(map(to_uri, self._reloader.loaded_paths()))
        return outcome_of(batch, [uri for uri in uris if uri in loaded], report_to_wire(report))

    def _processes(self) -> list[int]:
        return [os.getpid(), *(each.pid for each in self._server.followers)] if self._server is not None else []

    def _say(self, word: str, text: str) -> None:
        print_line(word, text, quiet=self._quiet)

    def acknowledge(self, client: object, outcome: Json) -> None:
        """Note what a follower did with a batch."""
        pid = None if self._server is None else self._server.pid_of(client)
        if pid is not None:
            try:
                self._comparison.add(pid, Outcome.from_wire(outcome))
            except ValueError as error:
                raise RequestFailed(str(error)) from None

    async def _wait_for_old_code(self, report: ReloadReport) -> ReloadReport:
        """Wait a moment for running old code to end before the program is restarted for it; often it is one request."""
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
        self._notify(methods.DID_RELOAD, report_to_wire(report))
        self._notify_status()
        if self._supervision is not None:
            if restarts:
                self._supervision.request_restart(report)
            elif report.status in ("reloaded", "unchanged") and not has_pending(report.modules):
                self._supervision.cancel_restart()
        return report

    # -- requirements

    def _report_requirements(self, report: ReloadReport) -> None:
        """Publish a report about requirements. What is not applied is named by each later report, too."""
        waiting = self._reports.waiting
        if report.status in ("reloaded", "unchanged"):
            waiting.pop("rolledBack", None)
        self._report(report, 0)
        for module in report.modules:
            if module.status in ("rolledBack", "restartRequired"):
                waiting[module.status] = replace(module, reason=f"as before: {module.reason}")

    def _on_leader_synced(self, params: Json) -> None:
        from reloadls.reload.runtime.requirements.sync import Synced  # noqa: PLC0415 - only with --sync-requirements

        self._on_synced(Synced.from_wire(params))

    def _on_synced(self, synced: Synced) -> None:
        if self._server is not None and self._server.followers:
            self._server.notify(SYNCED, synced.to_wire(), followers=True)
        task = self._loop.create_task(self._follow_synced(synced), name="reloadls-follow-synced")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow_synced(self, synced: Synced) -> None:
        """Import what is new from now on, retry what failed for lack of it, and restart for what has been imported."""
        from reloadls.reload.runtime.requirements.distributions import (  # noqa: PLC0415 - only with --sync-requirements
            follow_installed,
            imported,
        )
        from reloadls.reload.runtime.requirements.report import restart_report  # noqa: PLC0415

        async with self._lock:
            await self._worker.run(follow_installed, synced.pth)
        if old := imported(synced.changes):
            self._report_requirements(restart_report(old))
        await self._attempt(self._reloader.retry, retried=True)

    async def _poll_modules(self) -> None:
        """Poll for loaded modules, which nothing announces, and for a reloader that the program starts itself."""
        for _ in range(_LOOKS_AT_START):
            await self._adopt_late()  # before its first edit: then what it runs is no longer known
            await asyncio.sleep(_FIRST_LOOK_S / _LOOKS_AT_START)
        await self._adopt_late()
        await self._watch_loaded()
        self._check_other_reloader()
        if not self._leaders and not self._suspended:
            text = followed_line(self._info.roots, *self._reloader.survey())
            print_line("following", text, quiet=self._quiet)
        while True:
            await asyncio.sleep(_LOOK_S)
            self._check_other_reloader()
            await self._adopt_late()
            await self._watch_loaded()
            if self._advert is not None:
                sweep(self._advert)

    async def _adopt_late(self) -> None:
        async with self._lock:
            try:
                await self._worker.run(self._reloader.adopt_late)
            except Exception:  # what was followed before still is
                _log.exception("following modules that were run by hand failed")

    async def _watch_loaded(self) -> None:
        try:
            required = () if self._sync is None else self._sync.followed()
            await self._watcher.watch_loaded((*self._reloader.loaded_paths(), *required))
        except Exception:  # everything watched before still is
            _log.exception("watching the loaded modules failed")

    def _claims(self, path: str) -> bool:
        """Whether a reload applies a file that is a source of a configuration, too."""
        return not self._suspended and self._reloader.reads(path)

    def _check_other_reloader(self) -> None:
        """Suspend if the program has a reloader of its own, which restarts it at each save."""
        if self._suspended or (other := other_reloader()) is None:
            return
        self._suspended = True
        name, advice = other
        if any(os.environ.get(each) == "true" for each in CHILD_VARIABLES):
            return  # the parent process has printed it
        text = f"{name} restarts the program at each save, so hot reload is off; to use it, {advice}"
        print_line("reloadls", text, quiet=self._quiet)

    def _note_sessions(self, report: ReloadReport, counts: Counts) -> None:
        """Sessions have followed a reload after its report: the status says so."""
        found = SessionCounts(rebound=counts.rebound, pinned=counts.pinned, failed=counts.failed)
        if self._reports.update_sessions(report.at, found):
            self._notify_status()

    def _on_unpinned(self) -> None:
        self._call(self._wake.set)

    def _call(self, call: Callable[..., object], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:  # the loop is closed
            return

    # -- the socket

    def _listen(self) -> None:
        if os.name == "nt":
            return
        try:
            self._advert = listen(self._info)
        except (UnsafeFolder, OSError) as error:
            print_line("reloadls", f"editors can't connect to this program: {error}", quiet=self._quiet)
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
            text = f"the event loop has been busy for {seconds:.0f} s; the change is applied when it is free"
            print_line("waiting", text, quiet=self._quiet)
        self._notify_status()

    def _note_awaited(self, sessions: tuple[str, ...]) -> None:
        self._awaited = sessions
        if sessions:
            print_line("waiting", _waits_for(sessions), quiet=self._quiet)
        self._notify_status()

    def _notify_status(self) -> int:
        """Send the status if it has changed; returns how many bytes were sent."""
        if self._server is None or not self._server.has_clients:
            self._last_status = None  # who connects is sent the status then
            return 0
        status = self.status()
        if status == self._last_status:
            return 0
        self._last_status = status
        return self._server.notify(methods.DID_CHANGE_STATUS, status)

    # -- requests, see `RequestHandler`

    def status(self) -> Json:
        """Return the program's status."""
        status = self._watcher.status()
        target: Json = {
            "id": self._reports.target,
            "name": self._info.name.encode("utf-8", "replace").decode(),
            "pid": os.getpid(),
            "state": "paused" if self._pausers else self._state,
        }
        if self._reports.last is not None:
            target["lastReport"] = report_to_wire(self._reports.last)
        if diverged := self._comparison.to_wire():
            target["diverged"] = diverged
        if self._pausers:
            status["state"] = "paused"
        elif self._state == "starting":
            status["state"] = "starting"
        if self._busy is not None:
            message = f"the event loop has been busy for {self._busy:.0f} s; a change is waiting"
            status["problems"].append({"code": "backendFailed", "message": message})
        if self._awaited:
            status["problems"].append({"code": "backendFailed", "message": _waits_for(self._awaited)})
        return {**status, "clock": self._reports.clock, "targets": [{**target, **hosted.status()}]}

    async def trigger(self, paths: list[str] | None) -> list[Json]:
        """Reload files now, even when paused."""
        await self._adopt_late()
        return [report_to_wire(await self._attempt(lambda: self._reloader.trigger(paths)))]

    async def follow(self, client: object, roots: list[str], files: list[str]) -> Json:
        """Send changes to a client from now on."""
        if not self.leader or tuple(roots) != self._info.roots:
            raise RequestFailed("this process does not watch these folders")
        await self._watching.wait()
        if self._server is None or not self._server.add_follower(client):
            raise RequestFailed("too many processes follow this one")
        await self._own_watcher.watch_also(files)
        return self._own_watcher.status()

    def pause(self, client: object) -> None:
        """Apply nothing until a client resumes, or this client disconnects."""
        self._pausers.add(client)
        self._notify_status()

    def resume(self) -> None:
        """Apply changes again, whichever client paused."""
        self._pausers.clear()
        self._wake.set()
        self._notify_status()

    def on_disconnect(self, client: object) -> None:
        """End the pause of a client that has disconnected, and forget a process that has ended."""
        pid = None if self._server is None else self._server.pid_of(client)
        if pid is not None:
            self._comparison.remove(pid)
        if client in self._pausers:
            self._pausers.discard(client)
            self._wake.set()
            self._notify_status()

    async def drain(self, pool: str) -> None:
        """Have a session pool admit no more sessions."""
        await run_command("pools", pool, "drain")

    def restart(self) -> None:
        """Restart the program."""
        if self._supervision is None:
            raise RequestFailed("the program has no supervisor; start it with reloadls run --restart-on-required")
        self._state = "restarting"
        self._notify_status()
        self._supervision.request_restart(None)


def _waits_for(sessions: tuple[str, ...]) -> str:
    names = ", ".join(map(repr, sessions[:5])) + (", …" if len(sessions) > 5 else "")
    return f"a change waits for {names}: pinned, and may use what it changes"


def _uri(path: os.PathLike[str]) -> str:
    return to_uri(os.path.realpath(path))


def _safely(apply: Callable[[], ReloadReport]) -> ReloadReport:
    try:
        return apply()
    except BaseException as error:  # the runtime must survive any failure of the engine
        _log.debug("the engine failed", exc_info=True)
        return internal_error_report(error)
