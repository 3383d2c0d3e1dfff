"""How a service process begins and ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.clients import RawClient, RecordingClient, RpcError
from tests.support.service import SERVE, hello, pid_of, serving


async def test_shutdown_and_exit_end_with_0(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        assert await client.shutdown() == 0
        assert client.received("reload/didChangeStatus")[-1]["state"] == "stopped"
        assert client.peer.stderr == ""


async def test_exit_alone_ends_with_1(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        client.notify("exit")
        assert await client.peer.wait() == 1


async def test_the_end_of_input_ends_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        client.peer.close_input()
        assert await client.peer.wait() == 1
        assert client.peer.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_with_0(tmp_path: Path, number: signal.Signals) -> None:
    async with serving(tmp_path) as client:
        os.kill(pid_of(client), number)
        assert await client.peer.wait() == 0
        assert client.peer.stderr == ""


async def test_the_death_of_its_client_ends_it(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    async with serving(tmp_path, process_id=parent.pid) as client:
        await client.request("reload/sync")
        parent.kill()
        parent.communicate()
        await client.peer.wait()


async def test_a_process_that_does_not_exist_here_is_ignored(tmp_path: Path) -> None:
    """An editor in another PID namespace has a number that means nothing here; the end of input still ends it."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for number in (gone.pid, 2**31, 2**70, 0, -5):
        async with serving(tmp_path, process_id=number) as client:
            await client.request("reload/sync")


async def test_exit_right_behind_shutdown_leaves_it_its_answer(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        _, answer = client.start_request("shutdown")
        client.notify("exit")
        assert await client.peer.wait() == 0
        assert answer.done() and answer.result() is None


async def test_a_client_that_reads_nothing_does_not_delay_the_end(tmp_path: Path) -> None:
    read, write = os.pipe()
    process = await asyncio.create_subprocess_exec(*SERVE, stdin=asyncio.subprocess.PIPE, stdout=write)
    os.close(write)
    assert process.stdin is not None
    process.stdin.write(b"Content-Length: 2\r\n\r\n{}" * 5000)
    process.stdin.close()
    await asyncio.wait_for(process.wait(), 20)
    os.close(read)


async def test_a_stray_print_does_not_break_the_stream(tmp_path: Path) -> None:
    code = "import sys; from reloadls.service import main; "
    code += "import reloadls.service.session as s; b = s.ClientSession.begin\n"
    code += "def noisy(self):\n    print('stray', flush=True)\n    return b(self)\n"
    code += "s.ClientSession.begin = noisy\nsys.stdout = open(1, 'w', closefd=False)\nsys.exit(main.serve_main())"
    async with RecordingClient.start(sys.executable, "-c", code) as client:
        await client.initialize(hello([tmp_path], {}))
        await client.wait_for("reload/didChangeStatus")
        assert await client.shutdown() == 0
        assert "stray" in client.peer.stderr


async def test_broken_input_is_answered_and_the_stream_goes_on(tmp_path: Path) -> None:
    async with RawClient.start(*SERVE) as client:
        client.send_body(b"{not json")
        client.send(b"Content-Length: 99999999999\r\n\r\n")
        assert [message["error"]["code"] for message in await client.take(2)] == [-32700, -32700]
        assert client.peer.stderr == "" or "Traceback" not in client.peer.stderr


async def test_when_watching_can_not_begin_every_request_is_answered_all_the_same(tmp_path: Path) -> None:
    code = "import sys; from reloadls.service.main import ServeOptions as O, serve_main as m\n"
    code += "import reloadls.watch.pipeline as p\n"
    code += "async def fails(self, *args, **options): raise RuntimeError('no luck')\n"
    code += "p.Pipeline.start = fails\nsys.exit(m(O(log_level='error')))"
    async with RecordingClient.start(sys.executable, "-c", code) as client:
        await client.initialize(hello([tmp_path], {}))
        shown = await client.wait_for("window/showMessage")
        assert "no luck" in shown["message"]
        for method in ("sync", "since", "pause", "resume", "refreshPaths", "trigger"):
            with pytest.raises(RpcError, match="could not start") as caught:
                await client.request(f"reload/{method}")
            assert caught.value.code == -32803
        assert (await client.request("reload/status"))["state"] == "stopped"
        assert await client.shutdown() == 0
