"""`reloadls records`: print the records of a folder, and what happens to them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from .arguments import bad_argument

if TYPE_CHECKING:
    from reloadls.records import Layout

__all__ = ["records"]

_TYPES = ("snapshot", "added", "modified", "removed", "expired", "invalid", "reset", "bookmark")
"""As `reloadls.records.events`, which --help does not load."""


def _timeout(value: str | float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise typer.BadParameter(f"'{value}' is not a number of seconds, such as 2.5, or 0 for --once.")
    return number


def _expression(value: str) -> str:
    from reloadls.records import FilterError  # noqa: PLC0415 - not for --help
    from reloadls.records.filters import parse_where  # noqa: PLC0415 - as above

    try:
        parse_where(value)
    except FilterError as error:
        raise typer.BadParameter(f"{error}.") from None
    return value


def _event_type(value: str) -> str:
    if value not in _TYPES:
        raise typer.BadParameter(f"'{value}' is not one of {', '.join(_TYPES)}.")
    return value


def records(
    folder: Annotated[
        str | None,
        typer.Argument(
            metavar="[FOLDER]",
            help="Holds a folder for each kind of record. Without it: the next .muse/coordination from here upwards.",
            show_default=False,
        ),
    ] = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
    clock: Annotated[bool, typer.Option("--clock", help="Print the clock of each event, for --since.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Exit after the records that exist.")] = False,
    timeout: Annotated[
        float | None, typer.Option(metavar="S", parser=_timeout, help="Exit after S seconds; 0 is --once.")
    ] = None,
    max_events: Annotated[int | None, typer.Option(metavar="N", min=1, help="Exit after N printed events.")] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="K", help="Only records of this kind, singular or plural; repeatable."),
    ] = None,
    ids: Annotated[list[str] | None, typer.Option("--id", metavar="ID", help="Only this record; repeatable.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="EXPR",
            parser=_expression,
            help="Only records whose field matches: f=v, f!=v, f<v, f>v, f~GLOB, f:ITEM; repeatable, all must match.",
        ),
    ] = None,
    run_id: Annotated[str | None, typer.Option("--run-id", metavar="ID", help="Short for --where 'run_id=ID'.")] = None,
    branch: Annotated[str | None, typer.Option(metavar="NAME", help="Short for --where 'branch=NAME'.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="CLOCK", help="Print what has changed since this clock, then go on.")
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="What the folder holds: 'coordination', or a file .toml or .json.  [default: every sub-folder]",
        ),
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            parser=_event_type,
            autocompletion=lambda: _TYPES,
            help=f"Print only this type: {', '.join(_TYPES)}; repeatable.",
        ),
    ] = None,
) -> Callable[[], int]:
    """Print the records of a folder, and then what happens to them, until Ctrl-C.

    A record is a file FOLDER/KIND/ID.json that holds one JSON object. Half-written files are not events: a record keeps
    its last good content, and a file that stays broken for a second is reported as invalid.

    Examples:

    \b
      reloadls records tasks.d
      reloadls records tasks.d --kind task --where status=open
      reloadls records tasks.d --json --once | jq -r .id
      reloadls records tasks.d --json --type added --max-events 1      wait for one new record
      reloadls records --kind reservation --branch main                of .muse/coordination
      reloadls records tasks.d --json --clock --since c:1f2e3d4c:17    go on where an earlier run ended

    With --json each line is {"schema_version": "1", "event_type": …, "kind": …, "id": …, "timestamp":
    "2026-01-31T12:00:00.123Z", "data": …}. First come the records that exist ("snapshot"), then "added", "modified",
    "removed", "expired" and "invalid". Applied one after the other they give exactly the records that match. A record
    that has expired has "expired": true in its data.

    The expressions compare numbers as numbers, times as times and anything else as text. A field within another is
    owner.name; a value that begins with an operator needs quotes: 'note="~x"'. What no longer matches is "removed".

    --since continues after the last clock that was printed. If it is not known any more, "reset" comes first, and
    everything that was received before is void. A layout file names "kinds", the fields of "summary", and what ends
    records: "expires", "extended_by", "ended_by".
    """
    found_layout, path = _layout_and_folder(folder, layout)
    expressions = [*(where or ()), *_short("run_id", run_id), *_short("branch", branch)]
    _check_filter(expressions, kinds or [], ids or [], found_layout)

    def job() -> int:
        import asyncio  # noqa: PLC0415 - not for --help

        from .records_run import Plan, run_records  # noqa: PLC0415 - as above

        plan = Plan(
            folder=path,
            layout=found_layout,
            where=tuple(expressions),
            kinds=tuple(kinds or ()),
            ids=tuple(ids or ()),
            since=since,
            as_json=json,
            clock=clock,
            once=once or timeout == 0,
            timeout=timeout or None,
            max_events=max_events,
            types=frozenset(types or _TYPES),
            bookmarks=bool(types and "bookmark" in types),
        )
        return asyncio.run(run_records(plan))

    return job


def _layout_and_folder(folder: str | None, name: str | None) -> tuple[Layout, str]:
    from reloadls.records import Layout, LayoutError  # noqa: PLC0415 - not for --help
    from reloadls.records.coordination import COORDINATION, find_coordination, make_kinds  # noqa: PLC0415 - as above
    from reloadls.records.layout import BUILT_IN, read_layout  # noqa: PLC0415 - as above

    try:
        layout = None if name is None else read_layout(name)
    except LayoutError as error:
        raise typer.BadParameter(f"{error}.", param_hint="'--layout'") from None
    if folder is not None:
        if not folder or (os.path.lexists(folder) and not os.path.isdir(folder)):
            raise bad_argument("FOLDER", folder, "is not a folder; must be one that holds a folder for each kind.")
        return layout or Layout(), _absolute(folder)
    found = find_coordination(_absolute("."))
    if found is None:
        raise bad_argument("FOLDER", None, f"is missing, and no folder from here upwards holds {COORDINATION}.")
    layout = layout or BUILT_IN["coordination"]
    try:
        make_kinds(found, layout)
    except OSError as error:
        raise bad_argument("FOLDER", found, f"can't be prepared ({error.strerror}); must be writable.") from None
    return layout, found


def _absolute(path: str) -> str:
    try:
        return os.path.abspath(path)
    except OSError as error:
        reason = f"is relative to a working directory that no longer exists ({error.strerror}); must be absolute."
        raise bad_argument("FOLDER", path, reason) from None


def _short(field: str, value: str | None) -> list[str]:
    """Return the expression that --run-id or --branch is short for."""
    from json import dumps  # noqa: PLC0415 - not for --help

    if value is None:
        return []
    return [f"{field}={dumps(value) if value[:1] in set('=!<>~:') or not value else value}"]


def _check_filter(where: list[str], kinds: list[str], ids: list[str], layout: Layout) -> None:
    from reloadls.records import FilterError  # noqa: PLC0415 - not for --help
    from reloadls.records.filters import RecordFilter  # noqa: PLC0415 - as above

    try:
        RecordFilter.of(where, kinds, ids, layout)
    except FilterError as error:
        raise typer.BadParameter(f"{error}.", param_hint="'--kind'") from None
