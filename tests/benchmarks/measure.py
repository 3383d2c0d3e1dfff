"""The measurements: what one peer's figures are, from the work and what the peer said."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.benchmarks.driver import PeerFailed, Running, running
from tests.benchmarks.roster import Peer
from tests.benchmarks.work import (
    CASES,
    STORMS,
    Case,
    Sizes,
    differences,
    files_below,
    make_tree,
    prepare,
    settle_clock,
    storm,
)

__all__ = ["MEASURES", "Figures", "Say"]

Figures = dict[str, Any]
"""What is written to the JSON file for one peer and one measurement."""
Say = Callable[[Peer, str], None]

DEAF_S = 15.0
"""After a write on a large tree: a peer that has not told of it by then does not watch."""
TREE = (200, 2000)
"""Folders and files of the tree for saves and idling."""


def save(peers: list[Peer], sizes: Sizes, folder: str, say: Say) -> dict[str, Figures]:
    """From just before a file is written to the report of it."""
    root = _place(folder)
    files = make_tree(root, *TREE)
    return _each(peers, folder, say, lambda peer: _save(peer, root, files, sizes, folder))


def _save(peer: Peer, root: str, files: list[str], sizes: Sizes, folder: str) -> Figures:
    chance = random.Random(1)
    samples, lost = [], 0
    with _ready(peer, root, sizes, folder) as at_work:
        for number in range(sizes.saves):
            path = files[number * 37 % len(files)]
            at_work.forget()
            begun = time.monotonic_ns()
            _write(path, f"{number}")
            if at_work.wait(lambda path=path: path in at_work.first_at, 3.0):  # type: ignore[misc]
                samples.append((at_work.first_at[path] - begun) / 1e6)
            else:
                lost += 1
            time.sleep(chance.uniform(0.005, 0.025))  # so as not to fall in step with a watcher that sleeps
    samples.sort()
    if not samples:
        raise PeerFailed(f"told of none of {sizes.saves} saves")
    return {
        "p50_ms": _share(samples, 0.5),
        "p99_ms": _share(samples, 0.99),
        "lost": lost,
        "samples_ms": [round(sample, 3) for sample in samples],
    }


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _share(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3)


def storms(peers: list[Peer], sizes: Sizes, folder: str, say: Say) -> dict[str, Figures]:
    """Many files created, modified and deleted as fast as one process can."""
    root = _place(folder)
    make_tree(root, sizes.storm_folders, sizes.storm_folders)
    return _each(peers, folder, say, lambda peer: _storms(peer, root, sizes, folder))


def _storms(peer: Peer, root: str, sizes: Sizes, folder: str) -> Figures:
    figures: Figures = {}
    with _ready(peer, root, sizes, folder) as at_work:
        for kind in STORMS:
            settle_clock()
            before = files_below(root)
            at_work.forget()
            cpu = at_work.cpu_ms()
            begun, ended = storm(kind, root, sizes.storm_folders, sizes.storm_files)
            expected = differences(before, files_below(root))
            _settle(at_work, expected, sizes, most=30.0)
            figures[kind] = {
                "took_ms": round((ended - begun) / 1e6, 1),
                "lag_ms": round(max(0, _last_of(at_work, expected) - ended) / 1e6, 1),
                "cpu_ms": round(at_work.cpu_ms() - cpu, 1),
                **_judge(at_work.told, expected, root),
            }
    return figures


def _last_of(at_work: Running, expected: Mapping[str, str]) -> int:
    return max((at for path, at in at_work.first_at.items() if path in expected), default=0)


def losses(peers: list[Peer], sizes: Sizes, folder: str, say: Say) -> dict[str, Figures]:
    """What is lost, and what is told that did not happen, case by case."""
    found: dict[str, Figures] = {peer.id: {} for peer in peers}

    def one(job: tuple[Case, Peer]) -> None:
        case, peer = job
        try:
            figures = _loss(peer, case, sizes, folder)
        except PeerFailed as error:
            figures = _failure(error, folder)
        found[peer.id][case.name] = figures
        say(peer, f"{case.name}: {_brief(figures)}")

    jobs = [(case, peer) for case in CASES for peer in peers]
    with ThreadPoolExecutor(sizes.side_by_side) as pool:
        try:
            for _ in pool.map(one, jobs):
                pass
        finally:
            pool.shutdown(cancel_futures=True)
    return {peer_id: {case.name: figures[case.name] for case in CASES} for peer_id, figures in found.items()}


def _loss(peer: Peer, case: Case, sizes: Sizes, folder: str) -> Figures:
    base = Path(tempfile.mkdtemp(dir=folder)) / "place"
    place = prepare(case, base, sizes)
    root = os.fspath(base / case.root)
    before = files_below(root)
    due = lost = invented = 0
    try:
        with running(peer, root, folder) as at_work:
            at_work.wait_for_mark("started")
            if not case.at_once:
                at_work.wait_for_mark("ready")
                time.sleep(sizes.calm_s)
            for step in case.steps(sizes):
                at_work.forget()
                with at_work.paused() if case.paused else contextlib.nullcontext():
                    step(place)
                after = files_below(root)
                expected = differences(before, after)
                _settle(at_work, expected, sizes)
                judged = _judge(at_work.told, expected, root)
                due, lost, invented = due + len(expected), lost + judged["lost"], invented + judged["invented"]
                before = after
            return {"due": due, "lost": lost, "invented": invented, "signalled": bool(at_work.signals)}
    finally:
        shutil.rmtree(base.parent, ignore_errors=True)


def _settle(at_work: Running, expected: Mapping[str, str], sizes: Sizes, most: float = 15.0) -> None:
    """Wait until all was told, or nothing more comes; then a moment for what should not be told."""
    at_work.wait_until_quiet(sizes.patience_s, most, lambda: not _lost(at_work.told, expected))
    time.sleep(sizes.extra_s)


def _lost(told: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
    """Of which paths nothing was told, or last that they are gone when they are there, or the other way round."""
    return [
        path
        for path, kind in expected.items()
        if (told.get(path, "") == "deleted") != (kind == "deleted") or path not in told
    ]


def _judge(told: Mapping[str, str], expected: Mapping[str, str], root: str) -> Figures:
    """What was lost; and what was invented: the last told of a path that did not change, if it is not so.

    A file that came and went may be told as deleted. Folders don't count: some watchers tell of them, some do not. A
    path that leads through a linked folder counts as the real one.
    """
    real = {path: _real(path) for path in told if path not in expected}
    told = {**{real[path]: kind for path, kind in told.items() if path in real}, **told}
    others = {path: kind for path, kind in told.items() if path not in expected and real.get(path, path) == path}
    invented = [
        path
        for path, kind in others.items()
        if path != root and not os.path.isdir(path) and (kind != "deleted" or os.path.isfile(path))
    ]
    return {"lost": len(_lost(told, expected)), "invented": len(invented)}


def _real(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def start(peers: list[Peer], sizes: Sizes, folder: str, say: Say) -> dict[str, Figures]:
    """From the call to readiness on a large tree, and the memory after it."""
    root = _place(folder)
    files = make_tree(root, sizes.start_folders, sizes.start_files)
    return _each(peers, folder, say, lambda peer: _start(peer, root, files[-1], sizes, folder))


def _start(peer: Peer, root: str, probe: str, sizes: Sizes, folder: str) -> Figures:
    with running(peer, root, folder) as at_work:
        took = (at_work.wait_for_mark("ready", timeout=45.0) - at_work.marks["calling"]) / 1e6
        time.sleep(sizes.calm_s)
        rss = at_work.rss_mb()
        _write(probe, peer.id)
        works = at_work.wait(lambda: probe in at_work.told, DEAF_S)  # not all that say so do watch
        return {"ms": round(took, 1), "rss_mb": round(rss, 1), "works": works}


def idle(peers: list[Peer], sizes: Sizes, folder: str, say: Say) -> dict[str, Figures]:
    """Wake-ups and CPU with nothing going on; all peers side by side, each on a tree of its own."""
    begun: dict[str, tuple[Running, float, int]] = {}
    failed: dict[str, Figures] = {}
    with contextlib.ExitStack() as stack:
        at_work: dict[str, Running] = {}
        for peer in peers:
            root = _place(folder)
            make_tree(root, *TREE)
            try:
                at_work[peer.id] = stack.enter_context(_ready(peer, root, sizes, folder))
            except PeerFailed as error:
                failed[peer.id] = _failure(error, folder)
        time.sleep(min(2.0, sizes.idle_s / 2))
        for peer_id, one in at_work.items():
            begun[peer_id] = one, one.cpu_ms(), one.switches()
        before = time.monotonic()
        time.sleep(sizes.idle_s)
        span = time.monotonic() - before
        figures = {
            peer_id: {
                "wakeups_per_s": round((one.switches() - switches) / span, 2),
                "cpu_percent": round((one.cpu_ms() - cpu) / span / 10, 4),
            }
            for peer_id, (one, cpu, switches) in begun.items()
        }
    for peer in peers:
        say(peer, _brief({**figures, **failed}[peer.id]))
    return {**figures, **failed}


MEASURES: dict[str, Callable[[list[Peer], Sizes, str, Say], dict[str, Figures]]] = {
    "save": save,
    "storm": storms,
    "loss": losses,
    "start": start,
    "idle": idle,
}


def _place(folder: str) -> str:
    """A fresh folder for a tree."""
    return tempfile.mkdtemp(prefix="tree-", dir=folder)


@contextlib.contextmanager
def _ready(peer: Peer, root: str, sizes: Sizes, folder: str) -> Iterator[Running]:
    with running(peer, root, folder) as at_work:
        at_work.wait_for_mark("ready")
        time.sleep(sizes.calm_s)
        yield at_work


def _each(peers: list[Peer], folder: str, say: Say, measure: Callable[[Peer], Figures]) -> dict[str, Figures]:
    figures: dict[str, Figures] = {}
    for peer in peers:
        try:
            figures[peer.id] = measure(peer)
        except PeerFailed as error:
            figures[peer.id] = _failure(error, folder)
        say(peer, _brief(figures[peer.id]))
    return figures


def _failure(error: PeerFailed, folder: str) -> Figures:
    return {"failed": str(error).replace(f"{folder}/", "")}


def _brief(figures: Figures) -> str:
    """One line for people who wait."""
    words = [
        f"{name} ({_brief(value)})" if isinstance(value, dict) else f"{name} {value}"
        for name, value in figures.items()
        if name != "samples_ms"
    ]
    return ", ".join(words)
