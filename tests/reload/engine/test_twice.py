"""What fails because it had been done before is a restart; what is wrong at first sight is the user's error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reload.adapters.libraries import libraries
from tests.reload.adapters.live import Live

METRICS = """\
from prometheus_client import Counter

hits = Counter("hits", "Hits so far")
"""
PROTO = """\
from google.protobuf import descriptor_pool

DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(b"\\n\\x07a.proto\\"\\x03\\n\\x01A")
"""


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    monkeypatch.syspath_prepend(str(libraries("prometheus-client", "protobuf")))
    found = Live(tmp_path / "program")
    yield found
    if "prometheus_client" in sys.modules:
        registry = sys.modules["prometheus_client"].REGISTRY
        for each in [each for each in registry._collector_to_names if getattr(each, "_name", "") == "hits"]:
            registry.unregister(each)
    found.close()


def test_a_second_registration_is_a_restart(live: Live) -> None:
    live.load({"app.py": METRICS})
    report = live.edit(("app.py", "so far", "until now"))
    assert report.status == "restartRequired", report
    assert "line 3 can't run a second time" in str(report.modules[0].reason)
    assert "Duplicated timeseries" in str(report.modules[0].reason)


def test_generated_messages_that_are_others_are_a_restart(live: Live) -> None:
    live.load({"app.py": PROTO})
    report = live.edit(("app.py", "x01A", "x01B"))
    assert report.status == "restartRequired", report
    assert "duplicate" in str(report.modules[0].reason)


def test_a_new_double_is_an_error(live: Live) -> None:
    live.load({"app.py": METRICS})
    report = live.edit(("app.py", "", 'more = Counter("hits", "Hits")\n'))
    assert report.status == "failed", report


def test_what_the_program_raises_itself_is_an_error(live: Live) -> None:
    live.load({"app.py": "limit = 1\nif limit > 1:\n    raise ValueError('already used')\n"})
    report = live.edit(("app.py", "limit = 1", "limit = 2"))
    assert (report.status, report.error and report.error.type) == ("failed", "ValueError")


LIBRARY = """\
class Started(Exception):
    pass


def add(name):
    if started:
        raise Started("can't add after the server has started")


started = []
"""


@pytest.mark.parametrize(
    "message", ["can't add after the server has started", "the mapping has already been generated"]
)
def test_what_comes_too_late_is_a_restart(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    installed = tmp_path / "site-packages"
    installed.mkdir()
    (installed / "serving.py").write_text(LIBRARY.replace("can't add after the server has started", message))
    monkeypatch.syspath_prepend(str(installed))
    live.load({"app.py": "import serving\n\nserving.add('one')\nserving.started.append(1)\n"})
    report = live.edit(("app.py", "serving.started", "serving.add('two')\nserving.started"))
    sys.modules.pop("serving")
    assert report.status == "restartRequired", report
    assert "line 4 comes too late: Started" in str(report.modules[0].reason)
