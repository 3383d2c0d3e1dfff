"""The process above the program: starts it, replaces it when an edit requires that, and ends as it ends.

The replacement starts first and receives the listening sockets of the running program. Once it listens on them, the old
one is drained, so no connection is refused. A program without listening sockets ends first. Children are forks: they
inherit the sockets, and need not start a new interpreter.
"""

from __future__ import annotations

import os
import select
import signal
import time
from typing import TYPE_CHECKING, Final

from reloadls.reload.runtime.live.console import print_line

from .backoff import Backoff
from .channel import Channel, Message, move_up
from .handover import Handover, Key
from .process import Process, describe_status, end_like
from .signals import Signals
from .source_changes import SourceChanges

if TYPE_CHECKING:
    from reloadls.reload.runtime.start.arguments import RunOptions

    from .link import Link

__all__ = ["Supervisor"]
_ENDING: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
_OTHERS_S: Final = 2.0
"""How long a program that listens on one of its sockets may take for the others, in seconds."""
_UP_S: Final = 10.0
"""After how long a program that listens on none of its sockets counts as up, in seconds."""
_LET_FINISH_S: Final = 2.0
"""How long open connections may take before a program that handles SIGTERM is sent it, in seconds."""
_LOOK_S: Final = 0.25


class Supervisor:
    """Supervises one program. `run` returns the exit code; in each child it returns the child's link to the supervisor.

    Args:
        options: of `reloadls run`.
    """

    def __init__(self, options: RunOptions) -> None:
        self._options = options
        self._signals = Signals()
        self._sockets: dict[Key, int] = {}
        self._current: Process | None = None
        self._next: Process | None = None
        self._old: list[Process] = []
        self._count = 0
        self._backoff = Backoff()
        self._retry_at: float | None = None
        self._source_changes: SourceChanges | None = None
        self._changed: list[list[str]] = []
        self._restart_due = False
        """Restart as soon as the running program has ended."""
        self._ending: int | None = None
        """The signal that ends the supervisor."""
        self._last_status = 0

    def run(self) -> int | Link:
        """Supervise until the program ends."""
        self._signals.begin()
        if (link := self._start()) is not None:
            return link
        self._signals.watch_group()  # after the program's start, which need not wait for it
        while True:
            self._wait()
            for number in self._signals.take():
                self._forward(number)
            self._listen()
            self._reap()
            if (link := self._advance()) is not None:
                return link
            if not self._processes and (
                self._ending is not None or (self._retry_at is None and self._source_changes is None)
            ):
                return end_like(self._last_status)

    # -- events

    @property
    def _processes(self) -> list[Process]:
        return [each for each in (self._current, self._next, *self._old) if each is not None]

    def _wait(self) -> None:
        now = time.monotonic()
        times = [each.next_time for each in self._processes] + [self._retry_at]
        if self._source_changes is not None:
            times.append(now + _LOOK_S)
        if self._next is not None:
            times.append(now + _LOOK_S)
        due = min((each for each in times if each is not None), default=None)
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        for process in self._processes:
            if process.connected:
                poll.register(process.channel, select.POLLIN)
        poll.poll(None if due is None else max(0, (due - now) * 1000))

    def _forward(self, number: int) -> None:
        if number in _ENDING:
            self._ending = number
            self._retry_at = None
            if not self._processes:
                self._last_status = number  # as if the signal had ended a program
        of_group = self._signals.sent_to_group(number)
        for process in self._processes:
            if not (of_group and process.is_in_our_group()):
                process.signal(number)

    def _listen(self) -> None:
        for process in self._processes:
            while process.connected and _readable(process.channel):
                messages = process.channel.receive()
                if messages is None:
                    process.connected = False
                for message, fd in messages or ():
                    self._handle(process, message, fd)

    def _handle(self, process: Process, message: Message, fd: int | None) -> None:
        now = time.monotonic()
        match message["type"]:
            case "listening":
                self._take_socket(process, _key(message), fd)
            case "closed":
                process.listens.discard(_key(message))
                if process is self._current and self._next is None:
                    self._drop_socket(_key(message))
            case "importFailed":
                process.import_failed = True
            case "ready":
                process.ready = True
            case "restart":
                self._restart(process, message["modules"])
            case "settled" if process is self._current and self._next is None:
                self._retry_at = self._source_changes = None
            case "draining" if process.kill_at is not None:
                limit = _LET_FINISH_S if message["handled"] else self._options.drain_s
                process.terminate_at = min(now + limit, process.kill_at)
            case "drained" if process.kill_at is not None:
                process.terminate_at = now

    def _reap(self) -> None:
        for process in self._processes:
            if process.reap():
                process.channel.close()
                self._ended(process)

    def _advance(self) -> Link | None:
        now = time.monotonic()
        for process in self._processes:
            process.end_when_due(now)
        if self._next is not None and self._is_up(self._next, now):
            self._replace(self._next)
        elif self._current is not None and not self._current.up and self._is_up(self._current, now):
            self._report_up(self._current)
        if self._ending is not None or self._next is not None:
            return None
        if self._current is None and self._restart_due:
            self._restart_due = False
            return self._start()
        due = self._retry_at is not None and now >= self._retry_at
        if due or (self._source_changes is not None and self._source_changes.changed()):
            self._retry_at = None
            return self._start()
        return None

    # -- the program

    def _start(self) -> Link | None:
        """Start the program; in the child, return the link."""
        self._source_changes = None
        ours, theirs = Channel.pair()
        supervisor = os.getpid()
        self._signals.hold()
        pid = os.fork()
        if not pid:
            return self._become_child(theirs, supervisor)
        self._signals.release()
        theirs.close()
        self._count += 1
        process = Process(pid, ours, frozenset(self._sockets), self._changed)
        if self._current is None:
            self._current = process
        else:
            self._next = process
        return None

    def _become_child(self, channel: Channel, supervisor: int) -> Link:
        from .link import Link  # noqa: PLC0415 - only needed in the program

        for process in self._processes:
            process.channel.close()
        self._signals.restore()
        self._signals.release()
        channel = channel.moved_up()
        held = {key: move_up(fd) for key, fd in self._sockets.items()}
        return Link(channel, Handover(channel, held), supervisor, self._options.drain_s, keep=self._options.keep)

    def _restart(self, process: Process, changed: list[list[str]]) -> None:
        if process is not self._current or self._ending is not None or self._next is not None:
            return
        self._changed = changed
        self._backoff.reset()
        if self._sockets:
            self._retry_at = time.monotonic()
        else:
            self._restart_due = True
            self._drain(process)

    def _is_up(self, process: Process, now: float) -> bool:
        if not process.handed:
            return process.ready or bool(process.listens)
        if process.handed <= process.listens:
            return True
        if process.taken_at is not None and now - process.taken_at >= _OTHERS_S:
            return True
        return now - process.begun >= _UP_S

    def _replace(self, process: Process) -> None:
        """Make the next process the current one, and drain the old one."""
        old, self._current, self._next = self._current, process, None
        self._report_up(process)
        if old is not None:
            self._old.append(old)
            self._drain(old)
        for key in list(self._sockets):
            if key not in process.listens:
                self._drop_socket(key)

    def _report_up(self, process: Process) -> None:
        process.up = True
        if self._count > 1:
            took = round((time.monotonic() - process.begun) * 1000, 1)
            process.channel.send({"type": "restarted", "durationMs": took, "modules": process.changed})

    def _drain(self, process: Process) -> None:
        now = time.monotonic()
        process.kill_at = now + self._options.drain_s
        # The program's answer adjusts the time; without an answer it is still sent SIGTERM.
        process.terminate_at = min(now + _LET_FINISH_S, process.kill_at)
        process.channel.send({"type": "drain"})

    def _ended(self, process: Process) -> None:
        assert process.status is not None
        if process in self._old:
            self._old.remove(process)
        elif process is self._next:
            self._next = None
            if self._ending is None:
                self._crashed(process)
        else:
            self._last_status = process.status
            self._current, self._next = self._next, None
            crashed = process.status != 0 and (process.import_failed or self._count > 1)
            if self._current is None and self._ending is None and not self._restart_due and crashed:
                self._crashed(process)

    def _crashed(self, process: Process) -> None:
        assert process.status is not None
        now = time.monotonic()
        wait = self._backoff.crashed(now - process.begun)
        self._retry_at = now + wait
        goes_on = "the previous one keeps running; " if self._current is not None else ""
        how = describe_status(process.status)
        text = f"the program ended with {how}; {goes_on}retrying in {wait:g} s, or when a file changes"
        self._source_changes = SourceChanges(self._roots())
        if process.import_failed and self._current is None:  # it would fail again until a file changes
            self._retry_at = now if self._source_changes.changed_since(process.begun_at) else None
            text = f"the program could not be imported; {goes_on}retrying when a file changes"
        print_line("crashed", text, quiet=self._options.quiet)
        if self._current is not None:
            self._current.channel.send({"type": "restartFailed", "reason": f"it ended with {how}"})

    def _roots(self) -> tuple[str, ...]:
        from reloadls.reload.runtime.start.roots import roots_of  # noqa: PLC0415 - only needed after a crash

        options = self._options
        return roots_of(options.program, options.roots, is_module=options.is_module)

    # -- sockets

    def _take_socket(self, process: Process, key: Key, fd: int | None) -> None:
        process.listens.add(key)
        if key in process.handed and process.taken_at is None:
            process.taken_at = time.monotonic()
        if fd is None:
            return
        if key in self._sockets:
            os.close(fd)
        else:
            self._sockets[key] = fd

    def _drop_socket(self, key: Key) -> None:
        fd = self._sockets.pop(key, None)
        if fd is not None:
            os.close(fd)


def _key(message: Message) -> Key:
    family, address, number = message["key"]
    return int(family), str(address), int(number)


def _readable(channel: Channel) -> bool:
    """Return whether a message is waiting. Not `select.select`, which rejects descriptors above 1023."""
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    return bool(poll.poll(0))
