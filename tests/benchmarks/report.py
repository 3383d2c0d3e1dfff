"""The figures as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["report", "totals"]

Entry = dict[str, Any]


def report(figures: dict[str, Any]) -> str:
    """The whole page."""
    entries = figures["peers"]
    parts = [_head(figures), _main_table(entries), _legend(figures), _loss_table(entries), _peers(entries)]
    return "\n\n".join(part for part in parts if part) + "\n"


def totals(entry: Entry) -> tuple[int, int] | None:
    """What a peer lost and invented in all cases that it can be given, and in the storms; None if it was not asked."""
    asked = [*entry.get("loss", {}).values(), *_storms(entry)]
    cases = [case for case in asked if "failed" not in case]
    return (sum(case["lost"] for case in cases), sum(case["invented"] for case in cases)) if cases else None


def _storms(entry: Entry) -> list[dict[str, Any]]:
    figures = entry.get("storm", {})
    return [] if "failed" in figures else list(figures.values())


def _head(figures: dict[str, Any]) -> str:
    about, sizes = figures["surroundings"], figures["sizes"]
    small = "\n\n**Small numbers (`--quick`): for a first look only.**" if sizes["scale"] < 1 else ""
    return f"""# Benchmarks

The same work for reloadls and for other file watchers, one after the other in one run of {figures["minutes"]} minutes
on {about["date"]}: {about["system"]}, {about["cores"]} cores ({about["processor"]}), {about["memory_gb"]} GB,
{about["file_system"]}; load average {about["load_before"]} before it began. The kernel's queue holds
{about["inotify_queue"]:,} events. Read the times as ratios. `make bench-peers` installs the peers and `make bench` does
this again; the raw figures are in `bench.json`.{small}

![the most important figures as bars](bench.svg)"""


def _main_table(entries: list[Entry]) -> str:
    columns: list[tuple[str, Callable[[Entry], str]]] = [
        ("save p50/p99 ms", lambda e: _of(e, "save", lambda f: f"{_ms(f['p50_ms'])} / {_ms(f['p99_ms'])}{_some(f)}")),
        ("storm lag ms c/m/d", lambda e: _of(e, "storm", lambda f: _three(f, "lag_ms"))),
        ("storm CPU ms c/m/d", lambda e: _of(e, "storm", lambda f: _three(f, "cpu_ms"))),
        ("lost in storms", lambda e: _of(e, "storm", lambda f: f"{sum(one['lost'] for one in f.values()):,}")),
        (
            "start ms",
            lambda e: _of(e, "start", lambda f: f"{f['ms']:,.0f}" if f["works"] else f"never ({f['ms']:,.0f})"),
        ),
        ("memory MB", lambda e: _of(e, "start", lambda f: f"{f['rss_mb']:.0f}")),
        ("idle wake-ups/s", lambda e: _of(e, "idle", lambda f: f"{f['wakeups_per_s']:.1f}")),
        ("idle CPU %", lambda e: _of(e, "idle", lambda f: f"{f['cpu_percent']:.2f}")),
        ("lost / invented in all", _totals),
    ]
    rows = [[_label(entry), *(_missing(entry) or cell(entry) for _, cell in columns)] for entry in entries]
    return _table(["watcher", *(title for title, _ in columns)], rows)


def _loss_table(entries: list[Entry]) -> str:
    there = [entry for entry in entries if entry.get("loss")]
    if not there:
        return ""
    names = list(there[0]["loss"])
    rows = [[_label(entry), *(_loss(entry["loss"][name]) for name in names)] for entry in there]
    due = {name: max((entry["loss"][name].get("due", 0) for entry in there), default=0) for name in names}
    head = ["watcher", *(f"{name} ({due[name]:,})" for name in names)]
    return f"""## Lost and invented

In brackets: the number of changes. A file counts as lost if it was not reported, or if its last report is wrong
(deleted for an existing file, or the reverse). It counts as invented if its last report is a change that did not
happen (a file that was created and deleted may be reported as deleted). "Signalled": the watcher reported that
it had lost something, or stopped watching.

{_table(head, rows)}"""


def _loss(figures: dict[str, Any]) -> str:
    if "failed" in figures:
        return _failed(figures["failed"])
    words = [f"**{figures['lost']:,}**" if figures["lost"] else "0"]
    if figures["invented"]:
        words.append(f"{figures['invented']:,} invented")
    if figures["signalled"]:
        words.append("signalled")
    return ", ".join(words)


def _legend(figures: dict[str, Any]) -> str:
    sizes = figures["sizes"]
    folders, files = f"{sizes['start_folders']:,} folders", f"{sizes['start_files']:,} files"
    return f"""- **save**: from just before an existing file is opened, written and closed to the report of it;
  {sizes["saves"]} saves in a tree of 200 folders and 2,000 files. Some report at the first event, while the file is
  still being written.
- **storm**: {sizes["storm_files"]:,} files in {sizes["storm_folders"]} folders created, modified, deleted (c/m/d). Lag:
  from the end of the storm until each file had been reported. CPU: user and system time of the watching process,
  reporting included.
- **start, memory**: from the call until it reports that it watches, on {folders} with {files}; resident memory then,
  Python's or Node's own included. "Never": it reports that it watches, but reported no write in the following 15 s.
- **idle**: voluntary context switches of all threads, and CPU, over {sizes["idle_s"]:.0f} s on 200 folders and
  2,000 files.
- Each watcher is a process of its own and writes each report as a line to a pipe, with a time of CLOCK_MONOTONIC taken
  when the report came. For the service and for Watchman, which are servers, that is when a client has the message, and
  the server alone is counted. "reloadls ... 200 ms" waits for 200 ms of quiet, as its default is; "1 ms" is the same
  watcher asked to wait no longer."""


def _peers(entries: list[Entry]) -> str:
    rows = [[_label(entry), entry.get("version", _missing(entry)), entry["settings"]] for entry in entries]
    return f"## Versions and settings\n\n{_table(['watcher', 'version', 'settings'], rows)}"


def _label(entry: Entry) -> str:
    return f"**{entry['label']}**" if entry["ours"] else str(entry["label"])


def _missing(entry: Entry) -> str:
    return f"missing: {entry['missing']}" if "missing" in entry else ""


def _of(entry: Entry, measure: str, show: Callable[[dict[str, Any]], str]) -> str:
    figures = entry.get(measure)
    if figures is None:
        return "-"
    return _failed(figures["failed"]) if "failed" in figures else show(figures)


def _failed(why: str) -> str:
    return why.replace("|", "/").replace("\n", " ")[:60]


def _three(figures: dict[str, Any], name: str) -> str:
    return " / ".join(f"{one[name]:,.0f}" for one in figures.values())


def _some(figures: dict[str, Any]) -> str:
    return f" ({figures['lost']} lost)" if figures["lost"] else ""


def _totals(entry: Entry) -> str:
    found = totals(entry)
    return "-" if found is None else f"{found[0]:,} / {found[1]:,}"


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
