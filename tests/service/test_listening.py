"""Where the service may listen: on this machine, and for this user."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from reloadls.service.transports import ServeError, listen
from reloadls.service.transports.listening import SocketTransport
from tests.cli.running import command, environment, finish
from tests.support.peers import ProcessPeer
from tests.support.service import Service

posix_only = pytest.mark.skipif(os.name == "nt", reason="Unix domain sockets")


def refusal(transport: SocketTransport, address: str | os.PathLike[str]) -> str:
    with pytest.raises(ServeError) as caught, listen(transport, os.fspath(address)):
        pass
    assert caught.value.option == f"--{transport}"
    return caught.value.reason


class TestPorts:
    @pytest.mark.parametrize("address", ["127.0.0.1:0", "127.8.9.10:0", "localhost:0"])
    def test_loopback_addresses_are_good(self, address: str) -> None:
        with listen("tcp", address) as listening:
            host, _, port = listening.address.partition(":")
            assert host.startswith("127.")
            socket.create_connection((host, int(port))).close()

    @pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="no IPv6")
    def test_so_is_that_of_ipv6(self) -> None:
        with listen("ws", "[::1]:0") as listening:
            assert listening.address.startswith("[::1]:")

    @pytest.mark.parametrize(
        "host",
        ["0.0.0.0", "[::]", "10.0.0.1", "192.168.1.2", "[fe80::1]", "example.org", "1", "0", "[::ffff:10.0.0.1]"],
    )
    @pytest.mark.parametrize("transport", ["tcp", "ws"])
    def test_no_others_are(self, transport: SocketTransport, host: str) -> None:
        assert "must be a loopback address" in refusal(transport, f"{host}:0")

    @pytest.mark.parametrize(
        "address", ["", "7000", ":7000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "::1:5", "h:65536"]
    )
    def test_invalid_addresses(self, address: str) -> None:
        assert "must be HOST:PORT" in refusal("tcp", address)

    def test_a_port_in_use(self) -> None:
        with listen("tcp", "127.0.0.1:0") as listening:
            assert "in use" in refusal("tcp", listening.address)
            assert "in use" in refusal("ws", listening.address)

    def test_it_ends_with_2_and_a_hint(self) -> None:
        done = finish("serve", "--tcp", "0.0.0.0:7000")
        assert (done.returncode, done.stdout) == (2, "")
        message, hint = done.stderr.splitlines()
        assert message.startswith("reloadls: Invalid value for '--tcp': '0.0.0.0:7000' must be a loopback address")
        assert hint == "Try 'reloadls serve --help'."

    def test_without_the_library_it_says_what_to_install(self) -> None:
        code = "import sys; sys.modules['websockets'] = None; from reloadls.cli import main; sys.exit(main())"
        argv = (sys.executable, "-c", code, "serve", "--ws", "127.0.0.1:0")
        done = subprocess.run(argv, env=environment(), capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, "install reloadls[ws]" in done.stderr) == (2, True)


@posix_only
class TestPaths:
    def test_the_folder_is_made_for_its_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "socket"
        with listen("socket", os.fspath(path)) as listening:
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert listening.address == os.fspath(path)
        assert not path.exists()

    def test_only_its_last_part(self, tmp_path: Path) -> None:
        assert "does not exist; create that folder first" in refusal("socket", tmp_path / "a" / "b" / "socket")
        assert not (tmp_path / "a").exists()

    @pytest.mark.parametrize("mode", [0o777, 0o1777, 0o755, 0o710, 0o701])
    def test_a_folder_that_others_can_enter_is_refused(self, tmp_path: Path, mode: int) -> None:
        folder = tmp_path / "open"
        folder.mkdir()
        folder.chmod(mode)
        assert f"'{folder}' is accessible to other users (mode {mode:04o})" in refusal("socket", folder / "socket")

    @pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a folder away")
    def test_another_users_folder_is_refused(self, tmp_path: Path) -> None:
        folder = tmp_path / "theirs"
        folder.mkdir(mode=0o700)
        os.chown(folder, 12345, 12345)
        assert "belongs to another user" in refusal("socket", folder / "socket")

    def test_a_link_counts_as_where_it_leads(self, tmp_path: Path) -> None:
        (tmp_path / "open").mkdir(mode=0o755)
        (tmp_path / "open").chmod(0o755)
        (tmp_path / "link").symlink_to("open")
        assert "accessible to other users" in refusal("socket", tmp_path / "link" / "socket")

    def test_a_file_that_is_not_a_socket_stays(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o700)
        (tmp_path / "file").write_text("precious")
        assert "is not a socket" in refusal("socket", tmp_path / "file")
        assert (tmp_path / "file").read_text() == "precious"

    @pytest.mark.parametrize("name", ["x" * 120, "", "a\0b"])
    def test_names_that_can_not_be(self, tmp_path: Path, name: str) -> None:
        tmp_path.chmod(0o700)
        assert refusal("socket", f"{tmp_path}/{name}")

    def test_a_live_one_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "s" / "socket"
        with listen("socket", os.fspath(path)) as listening:
            assert "already in use by another process" in refusal("socket", path)
            assert path.exists()
            listening.socket.close()
            with listen("socket", os.fspath(path)):
                pass

    def test_one_that_was_replaced_meanwhile_is_not_removed(self, tmp_path: Path) -> None:
        path = tmp_path / "s" / "socket"
        with listen("socket", os.fspath(path)):
            path.rename(tmp_path / "s" / "old")
            path.touch()
        assert path.exists()

    async def test_what_a_killed_process_left_is_replaced(self, tmp_path: Path) -> None:
        folder = tmp_path / "s"
        async with Service.start("socket", folder=folder) as service:
            os.kill(service.process.pid, signal.SIGKILL)
            await service.process.wait()
            assert os.path.lexists(service.address)
        async with Service.start("socket", folder=folder) as service, service.session(tmp_path) as client:
            await client.request("reload/sync")
            done = finish("serve", "--socket", service.address)
            assert (done.returncode, "already in use" in done.stderr) == (2, True)
            await client.request("reload/sync")

    async def test_two_that_start_at_once_do_not_remove_each_others_socket(self, tmp_path: Path) -> None:
        path = tmp_path / "s" / "socket"
        argv = [os.fsdecode(part) for part in command("serve", "--socket", os.fspath(path))]
        peers = [await ProcessPeer.start(argv, environment(), None) for _ in range(3)]
        said = [(await peer.wait_for_stderr("socket")).partition(" ")[0] for peer in peers]
        for peer in peers:
            if peer.stderr.startswith("listening"):
                os.kill(peer.pid, signal.SIGTERM)
            await peer.stop()
        assert sorted(said) == ["listening", "reloadls:", "reloadls:"]


BAD = {
    "--stdio --tcp 127.0.0.1:0": ["'--tcp': '127.0.0.1:0'", "can't be combined with --stdio"],
    "--ws 127.0.0.1:0 --socket s": ["'--socket': 's'", "can't be combined with --ws"],
    "--stdio --token-file t": ["'--token-file': 't'", "is for --tcp or --ws"],
    "--stdio --new-token": ["'--new-token': 'stdio'", "is for --tcp or --ws"],
    "--socket s --new-token": ["'--new-token': 'socket'", "is for --tcp or --ws"],
    "--new-token --allow-origin http://x": ["'--allow-origin': 'http://x'", "is for --ws"],
    "--new-token --token-file .": ["'--token-file': '.'", "Is a directory"],
    "--tcp 127.0.0.1:0 --allow-origin http://x": ["'--allow-origin': 'http://x'", "is for --ws"],
    "--ws 127.0.0.1:0 --allow-origin x": ["'--allow-origin': 'x'", "is not an origin"],
    "--ws 127.0.0.1:0 --allow-origin http://x/": ["'--allow-origin': 'http://x/'", "is not an origin"],
    "--tcp 127.0.0.1:0 --drop-after 0": ["'--drop-after': '0'", "greater than 0"],
    "--source kqueue": ["'--source': 'kqueue'", "'auto', 'inotify', 'watchfiles', 'polling'"],
}


@pytest.mark.parametrize("line", BAD)
def test_bad_arguments(tmp_path: Path, line: str) -> None:
    done = finish("serve", *line.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    message, _ = done.stderr.splitlines()
    for part in BAD[line]:
        assert part in message
