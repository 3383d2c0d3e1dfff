"""Values read at import from `.env`, TOML, JSON and YAML files follow the files."""

from __future__ import annotations

import importlib
import importlib.util
import os

import pytest

from tests.reload.adapters.live import Live

CASES = {
    "json": ("settings.json", '{"size": 1}', "import json\n\nwith open(PATH) as file:\n    DATA = json.load(file)\n"),
    "toml": ("settings.toml", "size = 1", "import tomllib\n\nDATA = tomllib.loads(Path(PATH).read_text())\n"),
    "yaml": ("settings.yaml", "size: 1", "import yaml\n\nDATA = yaml.safe_load(Path(PATH).read_text())\n"),
    "env": (".env", "size=1", "import dotenv\n\nDATA = {k: int(v) for k, v in dotenv.dotenv_values(PATH).items()}\n"),
    "ini": (
        "settings.ini",
        "[all]\nsize = 1",
        "from configparser import ConfigParser\n\nPARSER = ConfigParser()\nPARSER.read(PATH)\n"
        "DATA = {'size': PARSER.getint('all', 'size')}\n",
    ),
    "csv": (
        "sizes.csv",
        "size\n1",
        "import csv\n\nwith open(PATH) as file:\n    ROWS = list(csv.DictReader(file))\n"
        "DATA = {name: int(value) for name, value in ROWS[0].items()}\n",
    ),
}
NEEDS = {"yaml": "yaml", "env": "dotenv"}


@pytest.mark.parametrize("kind", list(CASES))
def test_a_file_that_is_read_at_import(live: Live, kind: str) -> None:
    if kind in NEEDS:
        pytest.importorskip(NEEDS[kind])
    name, text, read = CASES[kind]
    path = f"from pathlib import Path\n\nPATH = Path(__file__).with_name({name!r})\n"
    source = f"{path}{read}CALLS = []\n\nCALLS.append(1)\nSIZE = DATA['size'] * 10\n"
    user = "from settings import SIZE\n\nTOTAL = SIZE + 1\n\n\ndef total():\n    return SIZE + TOTAL\n"
    module = live.load({name: text, "settings.py": source, "app.py": user})
    settings = importlib.import_module("settings")
    calls = settings.CALLS
    assert module.total() == 21
    assert live.save_all({name: text.replace("1", "2")}).status == "reloaded"
    assert (module.total(), settings.SIZE, settings.CALLS) == (41, 20, [1])
    assert settings.CALLS is calls
    report = live.save_all({name: text.replace("1", "?")})
    assert report.status == "failed"
    assert (module.total(), settings.SIZE) == (41, 20)
    assert live.save_all({name: text.replace("1", "3")}).status == "reloaded"
    assert module.total() == 61


@pytest.mark.skipif(importlib.util.find_spec("dotenv") is None, reason="needs python-dotenv")
def test_dotenv_variables_follow_the_file(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELOADLS_TEST_SIZE", raising=False)
    app = """
        import os
        from pathlib import Path

        from dotenv import load_dotenv

        load_dotenv(Path(__file__).with_name(".env"), override=True)
        SIZE = int(os.environ["RELOADLS_TEST_SIZE"])
    """
    module = live.load({".env": "RELOADLS_TEST_SIZE=1", "app.py": app.replace("\n        ", "\n")})
    try:
        assert live.save_all({".env": "RELOADLS_TEST_SIZE=2"}).status == "reloaded"
        assert os.environ["RELOADLS_TEST_SIZE"] == "2"
        assert module.SIZE == 2
    finally:
        os.environ.pop("RELOADLS_TEST_SIZE", None)
