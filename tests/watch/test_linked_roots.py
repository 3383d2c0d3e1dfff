"""A root that is a link, or that is reached through one, is watched as any other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reloadls.watch.flush import Pacing
from tests.support.watching import SOURCES, piping

pytestmark = pytest.mark.usefixtures("without_net")


@dataclass(frozen=True)
class Case:
    """Links, the roots, the file that is written, and where that is reported."""

    links: dict[str, str]
    roots: list[str]
    writes: str
    reported: list[str]


async def check(tmp_path: Path, case: Case, use: Any) -> None:
    """A write is reported where it should be, in the pipeline's own time and by a sync."""
    for name, text in (("pk/sub/f", "0"), ("other/f", "0"), ("ws/a", "0")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name, to in case.links.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(to)
    expected = {str(tmp_path / name): "modified" for name in case.reported}
    pacing = Pacing(debounce=0.02, max_wait=0.2, poll_delay=0.02, use=use)
    async with piping([tmp_path / root for root in case.roots], pacing=pacing) as (reported, pipeline):
        (tmp_path / case.writes).write_text("longer than before")
        await reported.until(expected)
        reported.clear()
        (tmp_path / case.writes).write_text("and longer again than before")
        await pipeline.sync()
        assert reported.net() == expected


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "case",
    [
        Case(
            {"ws/node_modules/pk": "../../pk"}, ["ws", "ws/node_modules/pk"], "pk/sub/f", ["ws/node_modules/pk/sub/f"]
        ),
        Case(
            {"ws/node_modules/pk": "../../pk"}, ["ws/node_modules/pk", "ws"], "pk/sub/f", ["ws/node_modules/pk/sub/f"]
        ),
        Case({"ws/pk": "../pk"}, ["ws", "ws/pk"], "pk/sub/f", ["ws/pk/sub/f"]),
        Case({"ws/pk": "way", "ws/way": "../pk"}, ["ws", "ws/pk"], "pk/sub/f", ["ws/pk/sub/f"]),
        Case({"link": "other"}, ["link/f"], "other/f", ["link/f"]),
        Case({"ws/link": "../other"}, ["ws", "ws/link/f"], "other/f", ["ws/link/f"]),
        Case({"a": "b", "b": "pk"}, ["a/sub/f"], "pk/sub/f", ["a/sub/f"]),
    ],
)
async def test_a_write_where_the_link_leads(source: str, case: Case, tmp_path: Path) -> None:
    await check(tmp_path, case, SOURCES[source]["source"])


@pytest.mark.parametrize("source", [name for name in SOURCES if name != "watchfiles"])  # it names one path of an inode
@pytest.mark.parametrize(
    "case",
    [
        Case({"ws/pk": "../pk"}, ["ws", "ws/pk", "pk"], "pk/sub/f", ["ws/pk/sub/f", "pk/sub/f"]),
        Case({"link": "other"}, ["link/f", "other/f"], "other/f", ["link/f", "other/f"]),
    ],
)
async def test_a_write_to_what_two_roots_lead_to(source: str, case: Case, tmp_path: Path) -> None:
    await check(tmp_path, case, SOURCES[source]["source"])


async def test_a_sync_finds_what_watchfiles_reports_under_one_name_only(tmp_path: Path) -> None:
    (tmp_path / "pk").mkdir()
    (tmp_path / "ws").mkdir()
    (tmp_path / "pk" / "f").write_text("0")
    (tmp_path / "ws" / "pk").symlink_to("../pk")
    async with piping(
        [tmp_path / root for root in ("ws", "ws/pk", "pk")], pacing=Pacing(0.02, 0.2, use="watchfiles")
    ) as (
        reported,
        pipeline,
    ):
        for text in ("longer", "longer again"):
            (tmp_path / "pk" / "f").write_text(text)
            await pipeline.sync()
            assert reported.net() == {str(tmp_path / name): "modified" for name in ("ws/pk/f", "pk/f")}
            reported.clear()


async def test_a_link_on_the_way_to_a_file_that_leads_elsewhere(tmp_path: Path) -> None:
    for name, text in (("one", "1"), ("two", "number two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text(text)
    (tmp_path / "link").symlink_to("one")
    expected = {str(tmp_path / "link/f"): "modified"}
    async with piping([tmp_path / "link/f"]) as (reported, _):
        (tmp_path / "new").symlink_to("two")
        (tmp_path / "new").rename(tmp_path / "link")
        await reported.until(expected)
        reported.clear()
        (tmp_path / "two/f").write_text("number two, longer")
        await reported.until(expected)
