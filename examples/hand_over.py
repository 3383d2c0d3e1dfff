"""Three processes hand tasks to each other by records: a planner, a worker and a reviewer.

Start each in a terminal of its own, in any order:

    python examples/hand_over.py board planner
    python examples/hand_over.py board worker
    python examples/hand_over.py board reviewer

Each reacts to the records that concern it and writes the next state. Nobody polls, and nobody reads half a record. All
end once every task is done; one that is killed goes on where the records are when it is started again.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reloadls.records import RecordEvent, RecordStream, write

TASKS = ["parser", "printer", "tests"]
EXISTS = ("snapshot", "added", "modified")


def set_up(folder: str) -> None:
    """Write the tasks that do not exist yet."""
    for name in TASKS:
        if not Path(folder, "tasks", f"{name}.json").exists():
            write(folder, "tasks", name, {"title": f"write the {name}", "status": "open", "tries": 0})


async def plan(folder: str) -> None:
    """Wait until all tasks are done, and close the board."""
    open_tasks = set(TASKS)
    async with RecordStream(folder, kinds=["task"], where=["status=done"]) as stream:
        async for event in stream:
            if event.event_type in EXISTS:
                open_tasks.discard(event.id)
                print(f"planner: {event.id} is done after {event.data['tries']} tries", flush=True)
            if not open_tasks:
                write(folder, "board", "state", {"closed": True})
                return


async def follow(folder: str, status: str, react: Any) -> None:
    """React to each task that has a status, until the board is closed."""
    async with (
        RecordStream(folder, kinds=["task"]) as tasks,
        RecordStream(folder, kinds=["board"], where=["closed=true"]) as board,
    ):
        reading = asyncio.create_task(_react(tasks, status, react))
        await anext(board)
        reading.cancel()


async def _react(tasks: RecordStream, status: str, react: Any) -> None:
    async for event in tasks:
        if event.event_type in EXISTS and event.data["status"] == status:
            react(event, event.data)


def work(folder: str, event: RecordEvent, task: Mapping[str, Any]) -> None:
    """Do an open task, and hand it to the reviewer."""
    tries = task["tries"] + 1
    print(f"worker: {event.id}, try {tries}", flush=True)
    write(folder, "tasks", event.id, {**task, "status": "written", "tries": tries})


def review(folder: str, event: RecordEvent, task: Mapping[str, Any]) -> None:
    """Accept a written task, or hand it back: the printer needs two tries."""
    good = event.id != "printer" or task["tries"] > 1
    print(f"reviewer: {event.id} is {'accepted' if good else 'handed back'}", flush=True)
    write(folder, "tasks", event.id, {**task, "status": "done" if good else "open"})


def main() -> None:
    """Play one of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="where the records are; made if it is missing")
    parser.add_argument("role", choices=["planner", "worker", "reviewer"])
    given = parser.parse_args()
    if given.role == "planner":
        set_up(given.folder)
        asyncio.run(plan(given.folder))
    elif given.role == "worker":
        asyncio.run(follow(given.folder, "open", lambda *event: work(given.folder, *event)))
    else:
        asyncio.run(follow(given.folder, "written", lambda *event: review(given.folder, *event)))


if __name__ == "__main__":
    main()
