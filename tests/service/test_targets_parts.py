"""The pure parts: whom a program concerns, what stays outstanding, and how much is too much."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from lsprotocol.types import DiagnosticSeverity, Position, Range

from reloadls.protocol import ModuleReport, Note, ReloadReport, ReportError
from reloadls.service.targets.diagnostics import Outstanding, differences, to_diagnostics
from reloadls.service.targets.discovery import TargetDiscovery
from reloadls.service.targets.rate_limit import RateLimit
from reloadls.service.targets.registry import TargetRegistry, overlap
from reloadls.watch.hub import WatchHub
from tests.support.targets import ScriptedTarget, runtime_folder


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (["/p"], ["/p"], True),
        (["/p"], ["/p/src"], True),
        (["/p/src"], ["/p"], True),
        (["/p/a.py"], ["/p"], True),
        (["/p"], ["/p2"], False),
        (["/p/a"], ["/p/ab"], False),
        (["/"], ["/p"], True),
        (["/p"], ["/"], True),
        (["/q", "/p"], ["/r", "/p/x"], True),
        ([], ["/p"], False),
        (["/p"], [], False),
    ],
)
def test_overlap(ours: list[str], theirs: list[str], expected: bool) -> None:
    assert overlap(ours, theirs) is expected


def report(status: Any, *names: str, error_in: str | None = None, module: Any = None, **more: Any) -> ReloadReport:
    """A report on these modules; with `error_in`, or `failed`, it has an error."""
    each: Any = module or {"failed": "rolledBack", "restartRequired": "restartRequired"}.get(status, "reloaded")
    modules = tuple(ModuleReport(name=name, uri=f"file:///{name}.py", status=each) for name in names)
    error = None
    if error_in is not None or status == "failed":
        place = Range(Position(2, 0), Position(2, 5)) if error_in else None
        uri = f"file:///{error_in}.py" if error_in else None
        error = ReportError(type="ValueError", message="bad", uri=uri, range=place)
    return ReloadReport(
        target="1",
        clock="",
        at="2026-01-31T12:00:00Z",
        duration_ms=1.0,
        status=status,
        modules=modules,
        error=error,
        **more,
    )


A = report("failed", "a", error_in="a")
B = report("failed", "b", error_in="b")
C = report("failed", "a", error_in="c")
NOWHERE = report("failed")
NEEDS = report("restartRequired", "a")


def waits(name: str, status: Any = "rolledBack") -> ModuleReport:
    return ModuleReport(name=name, uri=f"file:///{name}.py", status=status, reason="as before")


def success(name: str, *waiting: ModuleReport) -> ReloadReport:
    one = report("reloaded", name)
    return evolve(one, modules=(*one.modules, *waiting))


@pytest.mark.parametrize(
    ("reports", "left"),
    [
        ([A], [A]),
        ([A, success("a")], []),
        ([A, success("b")], []),
        ([A, success("b", waits("a"))], [A]),
        ([A, success("b", waits("c"))], [evolve(success("b"), modules=(waits("c"),))]),
        ([A, B, success("c", waits("a"), waits("b"))], [A, B]),
        ([A, B, success("a", waits("b"))], [B]),
        ([A, report("unchanged")], []),
        ([A, report("unchanged", "a", module="unchanged")], []),
        ([A, A], [A]),
        ([A, B], [A, B]),
        ([C, success("b", waits("a"))], [C]),
        ([C, success("c")], []),
        ([NOWHERE], [NOWHERE]),
        ([NOWHERE, A], [A]),
        ([NOWHERE, success("b")], []),
        ([NEEDS], [NEEDS]),
        ([NEEDS, success("b", waits("a", "restartRequired"))], [NEEDS]),
        ([NEEDS, success("a")], []),
        ([NEEDS, A], [A]),
        ([NEEDS, B], [NEEDS, B]),
        ([NEEDS, B, report("restarted")], []),
    ],
)
def test_what_stays_outstanding(reports: list[ReloadReport], left: list[ReloadReport]) -> None:
    outstanding = Outstanding()
    for one in reports:
        outstanding = outstanding.after(one)
    assert list(outstanding.reports) == left


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (A, [("a", 2, "error", "bad")]),
        (C, [("c", 2, "error", "bad")]),
        (report("failed", "a", "b"), [("a", 0, "error", "bad")]),
        (NOWHERE, []),
        (NEEDS, [("a", 0, "warning", "restart app to apply this change: this change can't be applied live")]),
        (
            report("restartRequired", "a", "b", error_in="b"),
            [
                ("a", 0, "warning", "restart app to apply this change: bad"),
                ("b", 2, "warning", "restart app to apply this change: bad"),
            ],
        ),
        (report("reloaded", "a"), []),
        (success("a", waits("b")), [("b", 0, "error", "as before")]),
    ],
)
def test_where_a_report_is_shown(one: ReloadReport, expected: list[tuple[str, int, str, str]]) -> None:
    shown = to_diagnostics([("app", Outstanding((one,)))])
    told = [
        (uri.removeprefix("file:///").removesuffix(".py"), diagnostic.range.start.line, severity, diagnostic.message)
        for uri, diagnostics in shown.items()
        for diagnostic in diagnostics
        for severity in [diagnostic.severity.name.lower() if diagnostic.severity else ""]
    ]
    assert told == expected


def test_only_differences_are_published() -> None:
    before = to_diagnostics([("app", Outstanding((A, B)))])
    now = to_diagnostics([("app", Outstanding((B, NEEDS)))])
    assert [(params.uri, len(params.diagnostics)) for params in differences(before, now)] == [("file:///a.py", 1)]
    assert [(params.uri, len(params.diagnostics)) for params in differences(now, {})] == [
        ("file:///b.py", 0),
        ("file:///a.py", 0),
    ]
    assert differences(now, now) == []


def test_only_so_much_is_kept_and_shown() -> None:
    outstanding = Outstanding()
    for number in range(1000):
        outstanding = outstanding.after(report("failed", f"m{number}", error_in=f"m{number}"))
    assert len(outstanding.reports) == 50
    assert outstanding.reports[-1].modules[0].name == "m999"
    many = report("restartRequired", *(f"m{number}" for number in range(1000)))
    assert len(to_diagnostics([("app", Outstanding().after(many))])) == 200


def test_a_long_message_is_cut() -> None:
    error = ReportError(type="E", message="x" * 100_000, uri="file:///a.py")
    one = ReloadReport(target="1", clock="", at="", duration_ms=1.0, status="failed", error=error)
    ((diagnostic,),) = to_diagnostics([("app", Outstanding((one,)))]).values()
    assert len(diagnostic.message) == 4000


@pytest.mark.parametrize(
    ("takes", "expected"),
    [
        ([(10, 0.0), (1, 0.0)], [True, False]),
        ([(10, 0.0), (1, 1.0)], [True, True]),
        ([(10, 0.0), (3, 1.0)], [True, False]),
        ([(5, 0.0), (10, 100.0), (1, 100.0)], [True, True, False]),
        ([(11, 0.0)], [False]),
    ],
)
def test_how_much_is_too_much(takes: list[tuple[float, float]], expected: list[bool]) -> None:
    budget = RateLimit(burst=10, per_second=2)
    assert [budget.take(amount, now) for amount, now in takes] == expected


def _noted(*names: str) -> ReloadReport:
    notes = tuple(Note(code="stillRunning", message="goes on", uri=f"file:///{name}.py") for name in names)
    return report("reloaded", *names, notes=notes)


@pytest.mark.parametrize(
    ("reports", "left"),
    [
        ([_noted("a")], ["a"]),
        ([_noted("a"), A], ["a"]),
        ([_noted("a"), NEEDS], ["a"]),
        ([_noted("a"), success("b")], ["a"]),
        ([_noted("a"), success("a")], []),
        ([_noted("a"), _noted("b")], ["a", "b"]),
        ([_noted("a"), _noted("a")], ["a"]),
        ([_noted("a"), report("restarted")], []),
    ],
)
def test_a_note_is_shown_until_its_file_is_reloaded_again(reports: list[ReloadReport], left: list[str]) -> None:
    outstanding = Outstanding()
    for one in reports:
        outstanding = outstanding.after(one)
    assert [note.uri for note in outstanding.notes] == [f"file:///{name}.py" for name in left]
    shown = to_diagnostics([("app", Outstanding((), outstanding.notes))])
    assert [(uri, each.severity, each.code) for uri, found in shown.items() for each in found] == [
        (f"file:///{name}.py", DiagnosticSeverity.Warning, "stillRunning") for name in left
    ]


class _Subscriber:
    def on_targets(self) -> None:
        pass

    def on_report(self, report: ReloadReport) -> None:
        pass


async def test_a_client_that_comes_while_the_last_one_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may ask at any time, and sees the program once the folder is looked at again."""
    stopping, stopped = asyncio.Event(), asyncio.Event()
    stop = TargetDiscovery.stop

    async def stop_later(self: TargetDiscovery) -> None:
        stopping.set()
        await stopped.wait()
        await stop(self)

    monkeypatch.setattr(TargetDiscovery, "stop", stop_later)
    first, second = _Subscriber(), _Subscriber()
    roots = [os.fspath(tmp_path)]
    with runtime_folder() as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(runtime))
        async with ScriptedTarget.start(runtime, tmp_path) as program:
            targets = TargetRegistry(WatchHub().kernel)
            await targets.subscribe(first, roots)
            assert [target.advert.pid for target in targets.targets_of(first)] == [program.pid]
            targets.unsubscribe(first)
            await stopping.wait()
            coming = asyncio.create_task(targets.subscribe(second, roots))
            while not targets.targets_of(second):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0)
            stopped.set()
            while not coming.done():
                targets.targets_of(second)
                await asyncio.sleep(0)
            assert [target.advert.pid for target in targets.targets_of(second)] == [program.pid]
            await targets.close()
