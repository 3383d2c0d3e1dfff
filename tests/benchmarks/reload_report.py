"""The comparison of reload engines as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["matrix", "report"]

NOTHING = "-"
Figures = Mapping[str, Any]


def report(figures: Figures) -> str:
    """All tables, with where they come from."""
    parts = ["# Reload engines, side by side", "", _where(figures), ""]
    if figures["matrix"]:
        parts += ["## Scenarios passed", "", *matrix(figures["matrix"], figures["labels"]), "", _only_ours(figures), ""]
    if figures["servers"]:
        parts += ["## Save → live, a web application", "", *_servers(figures), ""]
    if figures["engines"]:
        parts += ["## A module of 500 lines", "", *_engines(figures), ""]
    if figures["missing"]:
        parts += ["Missing here:", "", *(f"- {label}: {why}" for label, why in figures["missing"].items()), ""]
    return "\n".join(parts)


def _where(figures: Figures) -> str:
    place = figures["surroundings"]
    versions = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    return (
        f"{place['date']}, {place['system']}, {place['cores']} cores ({place['processor']}), "
        f"Python {figures['python']}, load before {place['load_before']}. {versions}. Made by `make bench-reload`."
    )


def matrix(results: Mapping[str, Mapping[str, str]], labels: Mapping[str, str]) -> list[str]:
    """Area by engine: how many scenarios passed in full."""
    names = sorted(next(iter(results.values())))
    areas = sorted({name.partition("/")[0] for name in names})
    rows = []
    for area in areas:
        of_area = [name for name in names if name.startswith(area + "/")]
        rows.append([area.replace("_", " "), len(of_area), *(_passed(found, of_area) for found in results.values())])
    total = ["**all**", f"**{len(names)}**", *(f"**{_passed(found, names)}**" for found in results.values())]
    return _table(["area", "scenarios", *(labels[engine] for engine in results)], [*rows, total])


def _passed(found: Mapping[str, str], names: Iterable[str]) -> int:
    return sum(not found[name] for name in names)


def _only_ours(figures: Figures) -> str:
    results = figures["matrix"]
    if "reloadls" not in results or len(results) < 2:
        return ""
    others = [found for engine, found in results.items() if engine != "reloadls"]
    names = [
        name for name, problem in results["reloadls"].items() if not problem and all(each[name] for each in others)
    ]
    missed = [name for name, problem in results["reloadls"].items() if problem]
    text = f"{len(names)} of them no other engine here passes."
    return text + (f" Not passed by reloadls: {', '.join(missed)}." if missed else "")


def _servers(figures: Figures) -> list[str]:
    rows = [
        [figures["labels"][name], _ms(times["median"]), _ms(times["low"]), _ms(times["high"]), times["edits"]]
        for name, times in figures["servers"].items()
    ]
    return [
        "From the write to the first new answer over HTTP, uvicorn serving for all; each as it is by default.",
        "",
        *_table(["", "median ms", "lowest", "highest", "edits"], rows),
    ]


def _engines(figures: Figures) -> list[str]:
    rows = []
    for name, found in figures["engines"].items():
        cells = [_ms(found.get(key)) for key in ("save", "call", "objects")]
        rows.append([figures["labels"][name], *cells, _ratio(found), _memory(found)])
    head = ["", "save → live ms", "the call ms", "with 3 million objects", "ratio", "memory over 1,000 reloads"]
    return [
        "One function edited; medians from the write if the engine watches files; else the call that applies the edit.",
        "",
        *_table(head, rows),
    ]


def _ratio(found: Mapping[str, float]) -> str:
    return f"{found['objects'] / found['call']:.2f}" if "objects" in found and "call" in found else NOTHING


def _ms(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _memory(found: Mapping[str, float]) -> str:
    if "memory" not in found:
        return NOTHING
    fewer = "" if found["reloads"] == 1000 else f" over {found['reloads']:.0f}"
    return f"{found['memory']:+.1f} %{fewer}"


def _table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]
