"""Celery: a worker with its pool of processes, edited while it works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import environment, until
from tests.reload.adapters.libraries import libraries
from tests.reload.runtime.programs import program

pytestmark = pytest.mark.timeout(300)

TASKS = """\
from celery import Celery, shared_task

FOLDERS = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"}
app = Celery("jobs", broker="filesystem://", backend="file://results")
app.conf.broker_transport_options = FOLDERS


def helper(value):
    return f"helped {value}"


@app.task
def work(value):
    return "worked on " + helper(value)


@shared_task(name="other")
def other(value):
    return "other " + value


@app.task(bind=True)
def bound(self, value):
    return f"{self.name} {self.rate_limit} {value}"
"""
ASK = """\
import sys
from jobs import app
for name in ("jobs.work", "other", "jobs.bound"):
    print(app.send_task(name, ("x",)).get(timeout=30))
"""
EDITS = [
    ("worked on ", "did ", ["did helped x", "other x", "jobs.bound None x"]),
    ('f"helped {value}"', 'f"aided {value}"', ["did aided x", "other x", "jobs.bound None x"]),
    ("@app.task\ndef work(value):", "@app.task(ignore_result=False)\ndef work(value, more=1):", None),
    ('"did " + helper(value)', '"did " + helper(value) + str(more)', ["did aided x1", "other x", "jobs.bound None x"]),
    ("bind=True)", 'bind=True, rate_limit="9/s")', ["did aided x1", "other x", "jobs.bound 9/s x"]),
    (
        '@shared_task(name="other")\ndef other(value):',
        '@shared_task(name="other")\ndef other(value, to="the"):',
        None,
    ),
    ('"other " + value', 'to + " other " + value', ["did aided x1", "the other x", "jobs.bound 9/s x"]),
]


def test_edited_tasks_run_in_a_worker_and_its_pool(tmp_path: Path) -> None:
    celery = libraries("celery>=5")
    (tmp_path / "jobs.py").write_text(TASKS)
    (tmp_path / "ask.py").write_text(ASK)
    for name in ("queue", "control", "results"):
        (tmp_path / name).mkdir()
    path = environment()["PYTHONPATH"] + os.pathsep + os.fspath(celery)
    env = environment() | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "C_FORCE_ROOT": "1"}

    def ask() -> list[str]:
        command = [sys.executable, "ask.py"]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    args = (
        "-A",
        "jobs",
        "worker",
        "-c",
        "1",
        "--without-mingle",
        "--without-gossip",
        "--without-heartbeat",
        "-l",
        "INFO",
    )
    with program(tmp_path, "-m", run="celery", args=args, env=env) as started:
        started.until_stderr(" ready.")
        assert ask() == ["worked on helped x", "other x", "jobs.bound None x"]
        text = TASKS
        for old, new, expected in EDITS:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
            (tmp_path / "jobs.py").write_text(text)
            found: list[list[str]] = []

            def is_live(found: list[list[str]] = found, expected: list[str] | None = expected) -> bool:
                found.append(ask())
                return found[-1] == expected

            if expected is not None:
                until(is_live, f"{expected}", lambda found=found: str((found[-1:], started.running.err[-5:])))  # type: ignore[misc]
