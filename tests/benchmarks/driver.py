"""Runs one peer in a process of its own, and keeps what it says."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.roster import REPOSITORY, Missing, Peer, command

__all__ = ["PeerFailed", "Running", "running"]

START_TIMEOUT_S = 30.0


class PeerFailed(Exception):
    """A peer said that it can't, ended, or was never ready; the message says which."""


class Running:
    """One peer at work.

    Attributes:
        told: path → the last that was told of it since `forget`.
        last_report: when the last report came, in ns of CLOCK_MONOTONIC.
        signals: how often it said that it lost something.
        marks: what it said of its start: `calling`, `started`, `ready`, each with its time.
        pids: the processes that watch.
    """

    def __init__(self, process: subprocess.Popen[bytes], errors: Path) -> None:
        self._process = process
        self._errors = errors
        self._changed = threading.Condition()
        self._failure: str | None = None
        self._gone = False
        self.told: dict[str, str] = {}
        self.first_at: dict[str, int] = {}
        self.last_report = 0
        self.signals = 0
        self.marks: dict[str, int] = {}
        self.pids: list[int] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            message = json.loads(line)
            with self._changed:
                self._take(message)
                self._changed.notify_all()
        with self._changed:
            self._gone = True
            self._changed.notify_all()

    def _take(self, message: Mapping[str, Any]) -> None:
        if "events" in message:
            self.last_report = message["t"]
            for kind, path in message["events"]:
                self.told[path] = kind
                self.first_at.setdefault(path, message["t"])
        elif "lost" in message:
            self.signals += 1
        elif "failed" in message:
            self._failure = message["failed"]
        else:
            self.pids = message.get("pids", self.pids)
            self.marks.update({name: at for name, at in message.items() if name != "pids"})

    def wait(self, met: Callable[[], bool], timeout: float) -> bool:
        """Wait until something about it is so; whether it became so."""
        with self._changed:
            return self._changed.wait_for(lambda: self._gone or met(), timeout) and met()

    def wait_for_mark(self, name: str, timeout: float = START_TIMEOUT_S) -> int:
        """Wait until it has said so much of its start, and return when that was.

        Raises:
            PeerFailed: it never did.
        """
        if not self.wait(lambda: name in self.marks or self._failure is not None, timeout) or self._failure:
            raise PeerFailed(self._why(timeout))
        return self.marks[name]

    def _why(self, timeout: float) -> str:
        if self._failure:
            return self._failure
        if self._gone:
            lines = self._errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            return f"ended: {lines[-1] if lines else 'without a word'}"
        return f"not ready in {timeout:.0f} s"

    def wait_until_quiet(self, quiet_s: float, timeout: float, met: Callable[[], bool]) -> None:
        """Wait until something is so, or until nothing has come for `quiet_s`, but not for ever."""
        begun, quiet = time.monotonic_ns(), int(quiet_s * 1e9)
        deadline = begun + int(timeout * 1e9)
        while not self.wait(met, 0.05):
            now = time.monotonic_ns()
            if self._gone or now > deadline or now - max(begun, self.last_report) > quiet:
                return

    def forget(self) -> None:
        """Begin anew with what is told."""
        with self._changed:
            self.told, self.first_at = {}, {}

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Let the processes that watch stand still."""
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in self.pids:
                os.kill(pid, signal.SIGCONT)

    def cpu_ms(self) -> float:
        """User and system time of the processes that watch, ended threads included."""
        return sum(time.clock_gettime((~pid << 3) | 2) for pid in self.pids) * 1e3  # see clock_getcpuclockid(3)

    def rss_mb(self) -> float:
        """Resident memory of the processes that watch."""
        return sum(_status(f"/proc/{pid}/status", "VmRSS") for pid in self.pids) / 1024

    def switches(self) -> int:
        """How often their threads were woken: voluntary context switches of all that live."""
        return sum(
            _status(f"/proc/{pid}/task/{task}/status", "voluntary_ctxt_switches")
            for pid in self.pids
            for task in os.listdir(f"/proc/{pid}/task")
        )

    def stop(self) -> None:
        """End it and whatever it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        if self._process.stdout:
            self._process.stdout.close()


def _status(path: str, field: str) -> int:
    with open(path, encoding="ascii", errors="replace") as file:
        return next((int(line.split()[1]) for line in file if line.startswith(f"{field}:")), 0)


@contextlib.contextmanager
def running(peer: Peer, root: str, folder: str) -> Iterator[Running]:
    """Start a peer on a path; in the end, end it. What it writes elsewhere goes to a folder of its own below `folder`.

    Raises:
        Missing: it can't take part here.
        PeerFailed: it can't be given this path.
    """
    if peer.folders_only and not os.path.isdir(root):
        raise PeerFailed("takes folders only")
    argv, beside = command(peer, root)
    home = tempfile.mkdtemp(prefix="home-", dir=folder)
    places = dict.fromkeys(("TMPDIR", "HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"), home)
    errors = Path(home) / "stderr"
    with errors.open("wb") as stderr:
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=REPOSITORY,
                env={**os.environ, **places, **beside},
                start_new_session=True,
            )
        except OSError as error:
            raise Missing(str(error)) from error
    peer_at_work = Running(process, errors)
    try:
        yield peer_at_work
    finally:
        peer_at_work.stop()
        shutil.rmtree(home, ignore_errors=True)
