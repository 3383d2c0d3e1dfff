"""What can't be hosted is refused, with the reason."""

from __future__ import annotations

from typing import Any

import livekit.agents
import pytest
from livekit.agents import AgentServer
from livekit.agents.ipc import job_proc_lazy_main, proto

from reloadls.pool import PoolError
from reloadls.pool.livekit import UnsupportedLiveKit, host_sessions


def new() -> AgentServer:
    return AgentServer(port=0, host="127.0.0.1")


def test_only_a_server_can_be_hosted_once_and_before_it_runs() -> None:
    with pytest.raises(TypeError, match=r"server 'x': must be a livekit\.agents\.AgentServer"):
        host_sessions("x")
    server = new()
    host_sessions(server)
    with pytest.raises(PoolError, match="hosted already"):
        host_sessions(server)
    runs = new()
    runs._closed = False
    with pytest.raises(PoolError, match=r"before `server\.run\(\)`"):
        host_sessions(runs)


@pytest.mark.parametrize(("option", "value"), [("max_sessions", 0), ("answer_timeout_s", -1), ("setup_timeout_s", "x")])
def test_options_are_checked_and_a_refused_server_is_unchanged(option: str, value: Any) -> None:
    server = new()
    with pytest.raises((TypeError, ValueError), match=option):
        host_sessions(server, **{option: value})
    assert type(server) is AgentServer
    assert server._load_fnc is None


@pytest.mark.parametrize("version", ["1.4.6", "1.9.0", "2.0.1", "later"])
def test_other_versions_are_refused(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(livekit.agents, "__version__", version)
    with pytest.raises(UnsupportedLiveKit, match=f"livekit-agents {version} is installed; .* 1.5 to 1.8"):
        host_sessions(new())


def test_a_version_whose_inside_has_moved_is_refused_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(proto, "ShutdownRequest")
    monkeypatch.delattr(job_proc_lazy_main._JobProc, "_start_job")
    with pytest.raises(UnsupportedLiveKit) as refused:
        host_sessions(new())
    assert "job_proc_lazy_main._JobProc._start_job, livekit.agents.ipc.proto.ShutdownRequest" in str(refused.value)


def test_a_server_that_makes_its_processes_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(self: object) -> None:
        self._processes = None  # type: ignore[attr-defined]

    monkeypatch.setattr(AgentServer, "run", run)
    server = new()
    with pytest.raises(UnsupportedLiveKit, match=r"lacks 'ProcPool' in AgentServer\.run, '_proc_pool' in"):
        host_sessions(server)
    assert type(server) is AgentServer


def test_a_subclass_of_the_program_may_override_what_is_used() -> None:
    class Own(AgentServer):
        async def run(self, **options: object) -> None:
            await super().run(**options)

    server = Own(port=0)
    host_sessions(server)
    assert isinstance(server, Own)
