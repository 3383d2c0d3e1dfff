"""Compares reloadls with other reload engines and with servers that restart, on this machine.

Three measurements: matrix (the scenarios of tests/reload, each played by each engine in a process of its own), servers
(save → live of a web application), engines (the call that takes a save up, with 3 million live objects too; memory).
Progress goes to standard error, the tables to standard output. Linux only.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.reload_latency import of_engine, of_server
from tests.benchmarks.reload_matrix import comparable, played
from tests.benchmarks.reload_report import report
from tests.benchmarks.reload_roster import ENGINES, SERVERS, Contender, install, version_of
from tests.benchmarks.roster import Missing
from tests.benchmarks.surroundings import surroundings

__all__ = ["compare", "main"]

MEASURES = ("matrix", "servers", "engines")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    options = _parser().parse_args(arguments)
    if sys.platform != "linux":
        print("the comparison runs on Linux only", file=sys.stderr)
        return 2
    wanted = set(options.only.split(",")) if options.only else None
    contenders = [each for each in (*ENGINES, *SERVERS) if wanted is None or each.id in wanted]
    if options.install:
        install(contenders)
    try:
        figures = compare(contenders, options.measure.split(","), edits=5 if options.quick else 20, quick=options.quick)
    except KeyboardInterrupt:
        print("stopped; all that was started is ended", file=sys.stderr)
        return 130
    text = report(figures)
    print(text)
    for path, content in ((options.json, json.dumps(figures, indent=1) + "\n"), (options.markdown, text)):
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(content, encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(each.id for each in (*ENGINES, *SERVERS))
    parser = argparse.ArgumentParser(prog="reload_engines", description=__doc__, epilog=f"Contenders: {names}.")
    parser.add_argument("--only", metavar="NAME,...", help="only these contenders")
    parser.add_argument("--measure", metavar="NAME,...", default=",".join(MEASURES), help=f"of {', '.join(MEASURES)}")
    parser.add_argument("--install", action="store_true", help="first install what is missing, into the user's cache")
    parser.add_argument(
        "--quick", action="store_true", help="every fifth scenario and few edits: for a first look only"
    )
    parser.add_argument("--json", metavar="FILE", help="write the raw figures")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables")
    return parser


def compare(
    contenders: Sequence[Contender], measures: Sequence[str], *, edits: int, quick: bool = False
) -> dict[str, Any]:
    """All figures, as they go into the JSON file."""
    figures: dict[str, Any] = {
        "surroundings": surroundings(tempfile.gettempdir()),
        "python": ".".join(map(str, sys.version_info[:3])),
        "labels": {each.id: each.label for each in contenders},
        "versions": {},
        "missing": {},
        "matrix": {},
        "servers": {},
        "engines": {},
    }
    scenarios = comparable()[:: 5 if quick else 1]
    steps: dict[str, Callable[[Contender], Any]] = {
        "matrix": lambda each: played(each, scenarios, _progress),
        "engines": lambda each: of_engine(each, edits),
        "servers": lambda each: _summary(of_server(each, edits)),
    }
    for measure in (each for each in MEASURES if each in measures):
        for contender in contenders:
            if bool(contender.command) == (measure == "servers"):
                _progress("")
                print(f"{measure}: {contender.label}", file=sys.stderr)
                _measure(figures, measure, contender, steps[measure])
    _progress("")
    return figures


def _measure(figures: dict[str, Any], measure: str, contender: Contender, step: Callable[[Contender], Any]) -> None:
    try:
        version = version_of(contender)
        figures[measure][contender.id] = step(contender)
    except (Missing, TimeoutError) as error:
        figures["missing"][contender.label] = str(error)
    else:
        figures["versions"][contender.package or "Python"] = version.removeprefix("Python ")


def _summary(times: list[float]) -> dict[str, float]:
    return {"median": statistics.median(times), "low": min(times), "high": max(times), "edits": len(times)}


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
