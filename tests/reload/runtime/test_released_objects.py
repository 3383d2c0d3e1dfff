"""Objects that a program releases are freed: the runtime keeps no reference for a later reload."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reload.runtime.programs import program, write

_MAIN = """
import asyncio, concurrent.futures, gc, multiprocessing, threading, weakref
import word

class Held:
    pass

{body}

if __name__ == "__main__":
    kept = main()
    gc.collect()
    print("kept", kept(), flush=True)
    threading.Event().wait()
"""
_BODIES = {
    "a thread that has ended": """
def main():
    thread = threading.Thread(target=print)
    thread.held = Held()
    thread.start()
    thread.join()
    return weakref.ref(thread.held)
""",
    "a result": """
def main():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return weakref.ref(pool.submit(Held).result())
""",
    "a task": """
async def work():
    return Held()
async def tasks():
    return weakref.ref(await asyncio.create_task(work()))
def main():
    return asyncio.run(tasks())
""",
    "a timer": """
def main():
    timer = threading.Timer(0, print)
    timer.held = Held()
    timer.start()
    timer.join()
    return weakref.ref(timer.held)
""",
    "a process": """
def main():
    process = multiprocessing.get_context("spawn").Process(target=print)
    process.held = None
    process.start()
    process.join()
    process.held = Held()
    return weakref.ref(process.held)
""",
}


@pytest.mark.parametrize("what", _BODIES)
def test_released_objects_are_freed(tmp_path: Path, what: str) -> None:
    write(tmp_path, app=_MAIN.format(body=_BODIES[what]), word="")
    with program(tmp_path) as running:
        running.until_output("kept None")
