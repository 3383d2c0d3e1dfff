"""Another user of the machine gets at nothing, whatever the umask: no socket, token, state or runtime file."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from reloadls.base.peer import peer_credentials
from reloadls.reload.runtime.endpoint.server import _is_ours
from tests.support.clients import RecordingClient
from tests.support.peers import ProcessPeer, StreamPeer
from tests.support.service import COMMAND, hello
from tests.support.targets import RUN

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be two users")

OTHER = 65534
"""Another user's number."""
_TRY = """
import json, os, socket, sys

os.setgroups([]), os.setgid(int(sys.argv[1])), os.setuid(int(sys.argv[1]))
got = []
for path in json.load(sys.stdin):
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
        try:
            os.close(os.open(path, flags | os.O_NONBLOCK))
            got.append([path, "open", flags])
        except OSError:
            pass
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_UNIX, kind) as client:
            try:
                client.connect(path)
                got.append([path, "connect", int(kind)])
            except OSError:
                pass
    for name, act in (("list", os.listdir), ("enter", os.chdir), ("remove", os.unlink)):
        try:
            act(path)
            got.append([path, name, 0])
        except OSError:
            pass
    for name, act in (
        ("rename", lambda: os.rename(path, path + "~")),
        ("make beside", lambda: os.mkdir(os.path.join(os.path.dirname(path), "made"))),
        ("make within", lambda: os.mkdir(os.path.join(path, "made"))),
        ("link", lambda: os.link(path, "/tmp/reloadls-linked-%d" % os.getpid())),
    ):
        try:
            act()
            got.append([path, name, 0])
        except OSError:
            pass
print(json.dumps(got))
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that everybody can enter and read, as many homes are."""
    with tempfile.TemporaryDirectory(prefix="home-", dir="/tmp") as name:  # a socket's path has to be short
        os.chmod(name, 0o755)
        yield Path(name)


def tried(paths: list[str]) -> list[list[object]]:
    """What the other user can do to `paths`."""
    command = [sys.executable, "-c", _TRY, str(OTHER)]
    done = subprocess.run(command, input=json.dumps(paths), capture_output=True, text=True, timeout=60, check=True)
    got: list[list[object]] = json.loads(done.stdout)
    return got


def below(folder: Path) -> list[str]:
    return sorted(os.path.join(at, name) for at, folders, files in os.walk(folder) for name in (*folders, *files))


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize("runtime", ["given", "missing"])
async def test_nothing_is_open_to_another_user(home: Path, umask: int, runtime: str) -> None:
    made = home / "run"
    if runtime == "given":
        made.mkdir(mode=0o700)
    (work := home / "work").mkdir(mode=0o700)
    (work / "app.py").write_text("print('up', flush=True)\nimport threading\nthreading.Event().wait()\n")
    env = os.environ | {
        "HOME": os.fspath(home), "XDG_RUNTIME_DIR": os.fspath(made), "XDG_STATE_HOME": "", "XDG_CACHE_HOME": "",
    }  # fmt: skip
    path = home / "sockets" / "s"
    before = os.umask(umask)
    try:
        tcp = await ProcessPeer.start((*COMMAND, "--tcp", "127.0.0.1:0"), env, os.fspath(work))
        sock = await ProcessPeer.start((*COMMAND, "--socket", os.fspath(path)), env, os.fspath(work))
        program = await asyncio.create_subprocess_exec(
            *RUN, "app.py", cwd=work, env=env, stdout=asyncio.subprocess.PIPE
        )
    finally:
        os.umask(before)
    try:
        await tcp.wait_for_stderr("listening on tcp ")
        await sock.wait_for_stderr("listening on socket ")
        streams = await asyncio.open_unix_connection(path)
        async with RecordingClient.over(StreamPeer(*streams)) as client:
            await client.initialize(hello([work], {}))
            status = await client.wait_for("reload/didChangeStatus", lambda status: bool(status["targets"]))
            assert status["state"] == "watching"
            await client.request("reload/sync")
            ours = [each for each in below(home) if not each.startswith(os.fspath(work))]
            names = " ".join(ours)
            for part in (".local/state/reloadls/token", ".sqlite", ".lock", "sockets/s", "targets/", ".json", ".sock"):
                assert part in names, f"{part} in {names}"
            assert tried(ours) == []
            for each in home.iterdir():
                assert stat.S_IMODE(each.stat().st_mode) == 0o700, each
    finally:
        program.kill()
        await program.wait()
        for service in (tcp, sock):
            os.kill(service.pid, signal.SIGTERM)
            await service.stop()


def test_what_is_open_to_another_user_is_seen(home: Path) -> None:
    """The test above can fail."""
    (home / "open").mkdir()
    (home / "open").chmod(0o777)
    (home / "open" / "token").write_text("x")
    (home / "open" / "token").chmod(0o604)
    acts = {(str(path).rpartition("/")[2], act) for path, act, _ in tried([f"{home}/open", f"{home}/open/token"])}
    assert {("open", "list"), ("open", "enter"), ("open", "make within"), ("token", "open")} <= acts


_CONNECT = """
import os, socket, sys

os.setgroups([]), os.setgid(int(sys.argv[1])), os.setuid(int(sys.argv[1]))
with socket.socket(socket.AF_UNIX) as client:
    client.connect(sys.argv[2])
    sys.stdout.write("connected\\n"), sys.stdout.flush(), sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel says who is at the other end")
@pytest.mark.parametrize(("user", "let_in"), [(OTHER, False), (0, True)])
def test_who_reaches_a_programs_socket_all_the_same_is_asked_of_the_kernel(home: Path, user: int, let_in: bool) -> None:
    """As where somebody has given the folder another mode."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(home / "socket"))
        os.chmod(home / "socket", 0o777)
        listener.listen()
        command = [sys.executable, "-c", _CONNECT, str(user), os.fspath(home / "socket")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            connection, _ = listener.accept()
            with connection:
                assert _is_ours(connection) is let_in
                seen = peer_credentials(connection)
                assert seen is not None
                assert seen[1] == user
                assert seen[0] == other.pid
            other.communicate(timeout=60)
