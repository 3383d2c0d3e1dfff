"""A script's last statement runs as long as the program: edits above it never run it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reload.runtime.programs import TICKING, program, write

_HEAD = """import sys, time

STARTS = []


def word():
    return "one"


def serve(get):
    STARTS.append(1)
    while True:
        print(len(STARTS), get(), flush=True)
        time.sleep(0.005)


class Server:
    def run(self, get):
        serve(get)


"""
_LAST = {
    "a call": "serve(lambda: word())\n",
    "a method of a new object": "Server().run(lambda: word())\n",
    "a loop": "STARTS.append(1)\nwhile True:\n    print(len(STARTS), word(), flush=True)\n    time.sleep(0.005)\n",
    "below the check of the name": 'if __name__ == "__main__":\n    serve(lambda: word())\n',
    "try": "try:\n    serve(lambda: word())\nfinally:\n    STARTS.clear()\n",
    "an assignment": "ended = serve(lambda: word())\n",
    "a loop of asyncio": (
        "import asyncio\n\n\n"
        "async def main():\n    STARTS.append(1)\n    while True:\n"
        "        print(len(STARTS), word(), flush=True)\n        await asyncio.sleep(0.005)\n\n\n"
        "asyncio.run(main())\n"
    ),
}


def test_a_script_is_reloaded_after_its_imports(tmp_path: Path) -> None:
    script = "from words import one\n\n" + _HEAD + "def said():\n    return one()\n\n\nserve(lambda: said())\n"
    write(tmp_path, words="def one():\n    return 1\n", app=script)
    with program(tmp_path) as running:
        running.until_output("1 1")
        client = running.connect()
        script = script.replace("import one", "import two").replace("one()", "two()")
        running.write(words="def two():\n    return 2\n", app=script)
        assert client.until_report()["status"] == "reloaded"
        running.until_output("1 2")


def test_a_removed_name_stays_for_running_code(tmp_path: Path) -> None:
    script = "import time\nfrom words import one\n\n\ndef main():\n    while True:\n        print(one(), flush=True)\n"
    script += "        time.sleep(0.005)\n\n\nmain()\n"
    write(tmp_path, words="def one():\n    return 1\n", app=script)
    with program(tmp_path) as running:
        running.until_output("1")
        client = running.connect()
        running.write(words="def two():\n    return 2\n", app=script.replace("one", "two"))
        (note,) = client.until_report()["notes"]
        assert note["code"] == "stillRunning"
        assert "until then one stays for it" in note["message"]
        lines = len(running.running.out)
        running.running.until(lambda: len(running.running.out) > lines + 3, "continues")


@pytest.mark.parametrize("last", list(_LAST.values()), ids=list(_LAST))
def test_a_moved_statement_is_recognised(tmp_path: Path, last: str) -> None:
    write(tmp_path, app=_HEAD + last)
    with program(tmp_path) as running:
        running.until_output("1 one")
        client = running.connect()
        above = ""
        for number in range(4):
            # Add and remove lines above it, and change and add functions that it uses at the same time.
            above = "" if number == 3 else above + f"\n\ndef added{number}():\n    return {number}\n"
            text = _HEAD.replace('"one"', f'"{number}"').replace("STARTS = []\n", f"STARTS = []\n{above}\n")
            running.write(app=text + last)
            report = client.until_report()
            assert (report["status"], report.get("notes", [])) == ("reloaded", [])
            running.until_output(f"1 {number}")
        assert not any(line.startswith("2 ") for line in running.running.out)


@pytest.mark.parametrize("last", list(_LAST.values()), ids=list(_LAST))
def test_editing_a_moved_statement_requires_a_restart(tmp_path: Path, last: str) -> None:
    write(tmp_path, app=_HEAD + last)
    with program(tmp_path) as running:
        running.until_output("1 one")
        client = running.connect()
        moved = _HEAD.replace("STARTS = []", "STARTS = []\nMORE = 1\n")
        running.write(app=moved + last)
        assert client.until_report()["status"] == "reloaded"
        running.write(app=moved + last.rstrip() + "\nprint('after')\n")
        assert client.until_report()["status"] == "restartRequired"
        running.write(app=moved.replace('"one"', '"two"') + last)
        assert client.until_report()["status"] == "reloaded"
        running.until_output("1 two")


def test_stderr_in_a_file_below_the_root_triggers_nothing(tmp_path: Path) -> None:
    """Otherwise each printed line would be a change, which prints a line."""
    log = tmp_path / "program.log"
    write(tmp_path, word="def word():\n    return 'one'\n", data="")
    text = _HEAD.replace("import sys, time", "import os, sys, time\nimport word as words") + "serve(words.word)\n"
    text = text.replace(
        "STARTS = []", "STARTS = []\nos.dup2(os.open('program.log', os.O_WRONLY | os.O_APPEND | os.O_CREAT), 2)"
    )
    write(
        tmp_path,
        app=text.replace(
            "print(len(STARTS), get(), flush=True)",
            "print(len(STARTS), get(), open('program.log').read().count('\\n'), flush=True)",
        ),
    )
    with program(tmp_path) as running:
        running.until_output("1 one 0")
        client = running.connect()
        running.write(word="def word(:\n")
        assert client.until_report()["status"] == "failed"
        running.running.until(lambda: "SyntaxError" in log.read_text(), "line in the log")
        running.write(word="def word():\n    return 'two'\n")
        assert client.until_report()["status"] == "reloaded"
        running.running.until(lambda: "reloaded" in log.read_text(), "line in the log")
        lines = log.read_text().splitlines()
        assert len(lines) == 2, lines
        running.write(word="def word():\n    return 'three'\n")
        assert client.until_report()["modules"][0]["name"] == "word"
        running.until_output("1 three 3")
        assert len(log.read_text().splitlines()) == 3


def test_a_save_that_failed_on_a_missing_file_is_retried_when_it_appears(tmp_path: Path) -> None:
    script = "import time\n\nimport word\n\nwhile True:\n    print(word.TEXT, flush=True)\n    time.sleep(0.01)\n"
    write(tmp_path, app=script, word="TEXT = 'one'\n")
    with program(tmp_path) as running:
        running.until_output("one")
        client = running.connect()
        running.write(word=f"from pathlib import Path\n\nTEXT = Path({str(tmp_path / 'data.txt')!r}).read_text()\n")
        assert client.until_report()["status"] == "failed"
        (tmp_path / "data.txt").write_text("two")
        running.until_output("two")


def test_a_log_in_the_folder_does_not_repeat_a_failure(tmp_path: Path) -> None:
    write(tmp_path, app="import other\n" + TICKING, word="def word():\n    return 'one'\n", other="x = -1\n")
    with program(tmp_path) as running:
        running.until_output("one")
        running.connect()
        log = tmp_path / "log.txt"
        log.write_text("begun")
        running.write(word="import nowhere\n")
        log.write_text("with it")
        running.until_stderr("No module named 'nowhere'")
        for number in range(5):
            log.write_text(str(number))
            running.write(other=f"x = {number}\n")  # in the same batch as the log, or a later one
            running.until_stderr("other.py", times=number + 1)
        running.write(word="def word():\n    return 'two'\n")
        running.until_output("two")
        assert sum("nowhere" in line for line in running.running.err) <= 2
