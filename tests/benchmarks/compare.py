"""Compares reloadls with other file watchers: the same work for each, on this machine, one after the other.

Five measurements: save (latency of single saves), storm (many files at once), loss (what is lost or invented), start (a
large tree), idle (wake-ups and CPU). Progress goes to standard error, the tables to standard output. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from tests.benchmarks import roster
from tests.benchmarks.chart import chart
from tests.benchmarks.measure import MEASURES
from tests.benchmarks.report import report
from tests.benchmarks.roster import PEERS, Missing, Peer
from tests.benchmarks.surroundings import surroundings
from tests.benchmarks.work import FULL, QUICK, Sizes

__all__ = ["compare", "main", "raw"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    options = _parser().parse_args(arguments)
    if sys.platform != "linux":
        print("the comparison runs on Linux only", file=sys.stderr)
        return 2
    try:
        peers = roster.select(_split(options.only))
        measures = _split(options.measure) or list(MEASURES)
        if unknown := set(measures) - set(MEASURES):
            raise ValueError(f"no measurement {', '.join(sorted(unknown))}; there are: {', '.join(MEASURES)}")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        figures = compare(peers, measures, QUICK if options.quick else FULL, options.folder)
    except KeyboardInterrupt:
        print("stopped; all that was started is ended, and its files are gone", file=sys.stderr)
        return 130
    text = report(figures)
    print(text)
    outputs = (
        (options.json, raw(figures)),
        (options.markdown, text),
        (options.svg, chart(figures)),
    )
    for path, content in outputs:
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(content, encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(peer.id for peer in PEERS)
    parser = argparse.ArgumentParser(prog="compare", description=__doc__, epilog=f"Peers: {names}.")
    parser.add_argument(
        "--only", metavar="PEER,...", help="only these peers; 'watchfiles' stands for 'watchfiles-fast', too"
    )
    parser.add_argument("--measure", metavar="NAME,...", help=f"only these of {', '.join(MEASURES)}")
    parser.add_argument(
        "--quick", action="store_true", help="small numbers: under a minute, good for a first look only"
    )
    parser.add_argument("--folder", help="where to make the files; a temporary folder if left out")
    parser.add_argument("--json", metavar="FILE", help="write the raw figures")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables")
    parser.add_argument("--svg", metavar="FILE", help="write a chart")
    return parser


def _split(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def compare(peers: list[Peer], measures: list[str], sizes: Sizes, above: str | None = None) -> dict[str, Any]:
    """Measure; all processes are ended and all files gone when this returns or raises.

    Args:
        peers: who takes part; those that are missing are listed with the reason.
        measures: names of measurements.
        sizes: how much of everything.
        above: the folder in which to make the files.
    """
    begun = time.monotonic()
    folder = os.path.realpath(tempfile.mkdtemp(prefix="reloadls-bench-", dir=above))
    try:
        about = {"surroundings": surroundings(folder), "sizes": vars(sizes)}
        entries = {peer.id: _entry(peer) for peer in peers}
        there = [peer for peer in peers if "missing" not in entries[peer.id]]
        for name in measures:
            _log(f"== {name}")
            for peer_id, figures in MEASURES[name](there, sizes, folder, _say).items():
                entries[peer_id][name] = figures
        minutes = round((time.monotonic() - begun) / 60, 1)
        return {**about, "minutes": minutes, "peers": list(entries.values())}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def raw(figures: dict[str, Any]) -> str:
    """The figures as JSON, each list of numbers on one line."""
    text = json.dumps(figures, indent=1)
    return re.sub(r"\[[\d.,\s]+\]", lambda found: f"[{' '.join(found[0][1:-1].split())}]", text) + "\n"


def _entry(peer: Peer) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": peer.id,
        "label": peer.label,
        "settings": peer.settings,
        "ours": peer.is_ours,
    }
    try:
        entry["version"] = roster.version(peer)
        roster.command(peer, "/")
    except Missing as missing:
        _log(f"missing: {peer.label}: {missing}")
        entry["missing"] = str(missing)
    return entry


def _say(peer: Peer, text: str) -> None:
    _log(f"{peer.label:<26} {text}")


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
