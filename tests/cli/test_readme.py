"""What README.md shows is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import attrs

from reloadls.protocol import Options
from reloadls.wire import methods
from tests.cli.running import environment

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HOOKS, ENGINE, LIBRARY, CLIENT = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_examples_of_hot_reload_run(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text("x = 1\n")
    script = (
        "import sys; sys.path.insert(0, 'src'); import app\n"
        "from pathlib import Path; path = Path('src/app.py').resolve()\n"
        + ENGINE.replace("report = ", "path.write_text('x = 2');\nreport = ")
        + HOOKS
        + "\nprint(app.x)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout.splitlines(), done.stderr) == (["reloaded", "2"], "")


def test_the_library_example_runs(tmp_path: Path) -> None:
    script = LIBRARY.replace("await asyncio.sleep(60)", "print('ready', flush=True); await asyncio.sleep(60)")
    assert script != LIBRARY
    with subprocess.Popen(
        [sys.executable, "-u", "-W", "error", "-c", script], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            (tmp_path / "a.py").touch()
            assert process.stdout.readline().decode() == f"created {tmp_path / 'a.py'}\n"
        finally:
            process.kill()


def test_the_client_example_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLIENT],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert f"created {(tmp_path / 'hello.txt').as_uri()}" in done.stdout.splitlines()
    assert done.stderr == ""


def test_every_option_is_in_the_table() -> None:
    fields = attrs.fields(Options)
    camel = [re.sub(r"_(\w)", lambda match: match[1].upper(), field.name) for field in fields]
    assert re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE) == camel


def test_every_request_is_named() -> None:
    assert [name for name in methods.REQUESTS if f"`{name}`" not in README] == []


def test_the_pictures_are_there() -> None:
    names = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert names
    for name in names:
        picture = (ROOT / name).read_bytes()
        assert picture.startswith((b"<svg", b"\x89PNG"))
        assert len(picture) < 300_000
