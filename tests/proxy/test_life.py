"""Both ends come and go, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from reloadls.proxy.messages import framed
from reloadls.proxy.rewrite import encode
from tests.cli.running import DEADLINE_S, until
from tests.proxy.between import SCRIPTED, between
from tests.proxy.servers import PROXY

DEAF = """
import signal, time
for number in (1, 2, 15):
    signal.signal(number, signal.SIG_IGN)
print("up", flush=True)
time.sleep(600)
"""


@contextlib.contextmanager
def proxied(*command: str, options: tuple[str, ...] = ()) -> Iterator[tuple[subprocess.Popen[bytes], psutil.Process]]:
    """A proxy that has started its server: the proxy's process, and the server's."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*PROXY, *options, "--", *command], stdin=pipe, stdout=pipe, stderr=pipe) as proxy:
        try:
            until(lambda: bool(psutil.Process(proxy.pid).children()), "server")
            [server] = psutil.Process(proxy.pid).children()
            yield proxy, server
        finally:
            proxy.kill()
    until(lambda: not server.is_running(), "end of the server")


@pytest.mark.parametrize("code", [0, 1, 42, 255])
async def test_the_exit_code_is_the_servers(tmp_path: Path, code: int) -> None:
    async with between(tmp_path) as both:
        await both.initialize()
        await both.register("**/*.py")
        both.client.notify("test/exit", code)
        assert await both.peer.wait() == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
async def test_a_signal_that_ended_the_server_ends_the_proxy(tmp_path: Path, number: int) -> None:
    async with between(tmp_path) as both:
        await both.initialize()
        both.client.notify("test/signal", int(number))
        assert await both.peer.wait() == -number


async def test_stderr_comes_through(tmp_path: Path) -> None:
    async with between(tmp_path) as both:
        assert psutil.pid_exists(await both.server_pid())


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1"])
def test_signals_are_passed_on(name: str) -> None:
    number = getattr(signal, name)
    program = (
        "import signal, sys, os, time\n"
        f"signal.signal({int(number)}, lambda *_: os._exit(7))\n"
        "print('up', flush=True); time.sleep(600)"
    )
    with proxied(sys.executable, "-c", program) as (proxy, _):
        assert proxy.stdout is not None and proxy.stdout.readline() == b"up\n"
        proxy.send_signal(number)
        assert proxy.wait(DEADLINE_S) == 7


def test_the_editors_end_of_input_reaches_the_server() -> None:
    with proxied(sys.executable, "-c", "import sys; sys.stdin.read(); sys.exit(3)") as (proxy, _):
        assert proxy.stdin is not None
        proxy.stdin.close()
        assert proxy.wait(DEADLINE_S) == 3


def test_the_servers_end_of_output_reaches_the_editor() -> None:
    program = "import os, sys; os.close(1); sys.stdin.read()"
    with proxied(sys.executable, "-c", program) as (proxy, server):
        assert proxy.stdin is not None and proxy.stdout is not None
        assert proxy.stdout.read() == b""
        assert server.is_running()
        proxy.stdin.close()
        assert proxy.wait(DEADLINE_S) == 0


def test_the_last_output_of_a_server_is_passed_on() -> None:
    program = "import os; os.write(1, b'x' * 60000); os._exit(9)"
    done = subprocess.run([*PROXY, "--", sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert (done.returncode, len(done.stdout)) == (9, 60000)


def test_a_grandchild_that_keeps_the_pipes_open_does_not_keep_the_proxy() -> None:
    program = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)'])\n"
        "sys.stdin.readline(); sys.exit(4)"
    )
    with proxied(sys.executable, "-c", program) as (proxy, _):
        assert proxy.stdin is not None
        proxy.stdin.write(b"\n")
        proxy.stdin.flush()
        assert proxy.wait(DEADLINE_S) == 4


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel does this on Linux")
def test_killing_the_proxy_leaves_no_server() -> None:
    with proxied(sys.executable, "-c", DEAF) as (proxy, server):
        assert proxy.stdout is not None and proxy.stdout.readline() == b"up\n"
        proxy.kill()
        until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE, "end of the server")


def test_killing_the_server_ends_the_proxy() -> None:
    with proxied(*SCRIPTED) as (proxy, server):
        server.kill()
        assert proxy.wait(DEADLINE_S) == -signal.SIGKILL
        assert proxy.stdout is not None and proxy.stdout.read() == b""


def test_the_server_ends_with_a_killed_editor() -> None:
    """The editor is killed: its ends of both pipes close."""
    program = (
        "import subprocess, sys\n"
        f"subprocess.Popen({[*PROXY, '--', *SCRIPTED]!r}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "print('up', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as editor:
        assert editor.stdout is not None and editor.stdout.readline() == b"up\n"
        me = psutil.Process(editor.pid)
        until(lambda: len(me.children(recursive=True)) == 2, "proxy and server")
        below = me.children(recursive=True)
        editor.kill()
        until(lambda: not any(process.is_running() for process in below), "end of all")


@pytest.mark.parametrize("fills", [False, True])
def test_a_deaf_server_does_not_outlive_an_editor_that_vanishes(fills: bool) -> None:
    """It reads nothing, and what would make it end is ignored; what is written to it may fill all there is."""
    write = "proxy.stdin.write(b'x' * 100_000_000)" if fills else "sys.stdin.read()"
    program = (
        "import subprocess, sys\n"
        f"proxy = subprocess.Popen({[*PROXY, '--', sys.executable, '-c', DEAF]!r}, stdin=-1, stdout=-1)\n"
        f"print(proxy.stdout.readline(), flush=True); {write}"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, stderr=pipe) as editor:
        assert editor.stdout is not None and editor.stdout.readline() == b"b'up\\n'\n"
        below = psutil.Process(editor.pid).children(recursive=True)
        assert len(below) == 2
        editor.kill()
        until(lambda: not any(process.is_running() for process in below), "end of all")


@pytest.mark.parametrize("name", ["stdin", "stdout"])
def test_the_null_device(name: str) -> None:
    pipe = subprocess.PIPE
    stdin, stdout = (subprocess.DEVNULL if name == other else pipe for other in ("stdin", "stdout"))
    with subprocess.Popen([*PROXY, "--", "cat"], stdin=stdin, stdout=stdout, stderr=pipe) as proxy:
        if proxy.stdin is not None:
            proxy.stdin.close()
        assert proxy.stdout is None or proxy.stdout.read() == b""
        assert proxy.wait(DEADLINE_S) == 0
        assert proxy.stderr is not None and not proxy.stderr.read()


def test_an_editor_that_never_reads_stderr_holds_nothing_up() -> None:
    """What the server may write there is up to it: here it leaves no room for our own lines."""
    program = (
        "import os, sys; os.set_blocking(2, False)\n"
        "try:\n"
        "    while True: os.write(2, b'x' * 4096)\n"
        "except BlockingIOError: os.set_blocking(2, True)\n"
        "sys.stdout.write(sys.stdin.readline()); sys.stdout.write(sys.stdin.read())"
    )
    with proxied(sys.executable, "-c", program) as (proxy, _):
        assert proxy.stdin is not None and proxy.stdout is not None
        proxy.stdin.write(b"no message\n" * 10)
        proxy.stdin.close()
        assert proxy.stdout.read() == b"no message\n" * 10
        assert proxy.wait(DEADLINE_S) == 0


@pytest.mark.parametrize("command", [["no-such-server"], ["/"], [os.devnull, "--stdio"]])
def test_a_command_that_cant_be_started_is_reported(command: list[str]) -> None:
    done = subprocess.run([*PROXY, "--", *command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 127
    assert done.stderr.startswith(f"reloadls proxy: can't start {command[0]!r}: ")
    assert len(done.stderr.splitlines()) == 1 and not done.stdout


def test_options_of_the_server_need_no_dashes() -> None:
    program = ("-c", "import sys; print(sys.argv[1:])", "--stdio", "--log", "x")
    done = subprocess.run([*PROXY, sys.executable, *program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "['--stdio', '--log', 'x']\n"


def test_a_file_as_input(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"abc\n" * 100_000)
    with open(tmp_path / "in", "rb") as source, open(tmp_path / "out", "wb") as sink:
        subprocess.run(
            [*PROXY, "--", "cat"], stdin=source, stdout=sink, timeout=60, check=True, stderr=subprocess.DEVNULL
        )
    assert (tmp_path / "out").read_bytes() == b"abc\n" * 100_000


@contextlib.contextmanager
def on_one_socket(*command: str) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """A proxy, or another server, whose standard input and output are one socket; and the other end."""
    ours, theirs = socket.socketpair()
    with ours, subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno()) as process:
        theirs.close()
        ours.settimeout(DEADLINE_S)
        try:
            yield process, ours
        finally:
            process.kill()


def _said(ours: socket.socket, wanted: bytes) -> bytes:
    data = b""
    while wanted not in data:
        more = ours.recv(1 << 16)
        assert more, data
        data += more
    return data


_SOCKET_SERVERS = {
    "proxy": (*PROXY, "--", *SCRIPTED),
    "service": (sys.executable, "-m", "reloadls", "serve", "--stdio"),
    "proxy before the service": (*PROXY, "--", sys.executable, "-m", "reloadls", "serve", "--stdio"),
}


@pytest.mark.parametrize("what", _SOCKET_SERVERS)
def test_stdin_and_stdout_may_be_one_socket(what: str) -> None:
    with on_one_socket(*_SOCKET_SERVERS[what]) as (process, ours):
        filler = "x" * 3_000_000
        for message in (
            {"id": 1, "method": "initialize", "params": {"capabilities": {}}},
            {"method": "initialized", "params": {}},
            {"id": 2, "method": "shutdown"} if "service" in what else {"id": 2, "method": "x", "params": filler},
        ):
            ours.sendall(framed(encode({"jsonrpc": "2.0", **message})))
            if "id" in message:
                _said(ours, b'"result"')
        end = {"method": "exit"} if "service" in what else {"method": "test/exit", "params": 0}
        ours.sendall(framed(encode({"jsonrpc": "2.0", **end})))
        while ours.recv(1 << 16):
            pass
        assert process.wait(DEADLINE_S) == 0


def test_on_one_socket_an_editor_that_sends_nothing_more_still_reads() -> None:
    with on_one_socket(*PROXY, "--", "cat") as (process, ours):
        ours.sendall(b"x" * 1000)
        ours.shutdown(socket.SHUT_WR)
        assert _said(ours, b"x" * 1000) == b"x" * 1000
        assert ours.recv(1) == b""
        assert process.wait(DEADLINE_S) == 0


def test_on_one_socket_an_editor_that_disconnects_is_noticed() -> None:
    with on_one_socket(*PROXY, "--", sys.executable, "-c", DEAF) as (process, ours):
        assert _said(ours, b"up")
        ours.close()
        assert process.wait(DEADLINE_S) == -signal.SIGKILL
