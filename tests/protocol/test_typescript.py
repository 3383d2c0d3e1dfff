"""The extension's TypeScript types are what the protocol says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reloadls.protocol import messages
from reloadls.protocol.options import Options
from reloadls.protocol.typescript import declarations, main
from reloadls.wire import methods

PROTOCOL_TS = Path(__file__).resolve().parents[2] / "client-vscode" / "src" / "protocol.ts"
COMMAND = (sys.executable, "-W", "error", "-m", "reloadls.protocol.typescript")


def test_the_file_in_the_extension_is_up_to_date() -> None:
    assert main(["--check", str(PROTOCOL_TS)]) == 0, (
        "run: python -m reloadls.protocol.typescript client-vscode/src/protocol.ts"
    )


def test_a_file_that_differs_is_reported_and_rewritten(tmp_path: Path) -> None:
    file = tmp_path / "protocol.ts"
    file.write_text(declarations().replace("renamedFrom", "movedFrom"), encoding="utf-8")
    checked = subprocess.run([*COMMAND, "--check", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 1
    assert str(file) in checked.stderr

    subprocess.run([*COMMAND, file], check=True)
    assert file.read_text(encoding="utf-8") == declarations()
    assert subprocess.run([*COMMAND, "--check", file], check=False).returncode == 0


def test_a_missing_file_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", str(tmp_path / "none.ts")]) == 1
    assert "none.ts" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        'export type Cause = "watch" | "refresh" | "rescan" | "save" | "startup";',
        "  readonly debounceMs?: number;",  # an option may be left out
        "  readonly debounceMs: number;",  # a status always says it
        "  readonly paths?: readonly string[] | null;",
        "  readonly lastReport?: ReloadReport | null;",
        "  readonly range?: Range | null;",
        "  readonly reconciles: Readonly<Record<string, number>>;",
        "  /** The URI the file had before, on the `created` half of a recognised rename. */",
        "export type NoParams = Readonly<Record<string, never>>;",
        '  "reload/trigger": { params: TriggerParams; result: readonly ReloadReport[] };',
        "  pollDelayMs: 300,",
    ],
)
def test_what_is_written(line: str) -> None:
    assert line in declarations().splitlines()


def test_every_method_and_option_is_there() -> None:
    text = declarations()
    for method in (*methods.REQUESTS, *methods.NOTIFICATIONS):
        assert f'  "{method}": ' in text
    for cls in (Options, *messages.NOTIFICATION_TYPES.values(), *messages.PARAMS_TYPES):
        assert text.count(f"export interface {cls.__name__} {{") + text.count(f"export type {cls.__name__} =") == 1
