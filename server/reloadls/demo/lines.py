"""The demo without a terminal: plain lines for people, or JSON lines for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from reloadls.terminal.text import json_line, relative, shown, unicode_path
from reloadls.terminal.watch_lines import backend_text
from reloadls.wire.uris import to_uri

from .account import Arrival
from .run import DEBOUNCE_MS, DemoResult, StepResult, verdict
from .steps import Step

__all__ = ["JsonScreen", "PlainScreen", "arrival_text"]

_SHOWN_PER_STEP = 6
_SHOWN_DIFFERENCES = 5


class PlainScreen:
    """One line per change, up to a few per step."""

    def begin(self, steps: Sequence[Step], files: int, backend: str, folder: str) -> None:
        """Watching has begun."""
        self._steps, self._folder, self._number, self._shown = steps, folder, 0, 0
        _say(f"The service watches 2 folders with {files} files, {backend_text(backend)}")
        _say(f"Times: from the write to its arrival here, {DEBOUNCE_MS} ms of quiet time included")

    def started(self, step: Step) -> None:
        """A step begins."""
        self._number += 1
        self._shown = 0
        _say(f"\n{self._number}/{len(self._steps)}  {step.name}")

    def arrived(self, arrivals: Sequence[tuple[Arrival, float]]) -> None:
        """Print the first few."""
        for arrival, latency in arrivals[: max(0, _SHOWN_PER_STEP - self._shown)]:
            _say(arrival_text(arrival, latency, self._folder))
        self._shown += len(arrivals)

    def finished(self, result: StepResult) -> None:
        """Say how many more there were, and whether all is equal."""
        if self._shown > _SHOWN_PER_STEP:
            _say(f"          … and {self._shown - _SHOWN_PER_STEP:,} more")
        equal = "equal" if result.equal else "NOT EQUAL"
        _say(f"     reported {result.reported:,} files, on disk {result.on_disk:,}: {equal}")
        for difference in result.differences[:_SHOWN_DIFFERENCES]:
            _say(f"     {shown(difference)}")

    def end(self, result: DemoResult) -> None:
        """Print the table."""
        from .screen import print_results  # noqa: PLC0415 - only here is rich needed

        _say("")
        print_results(result)
        _say(verdict(result))


class JsonScreen:
    """NDJSON: every change, every step, a summary."""

    def begin(self, steps: Sequence[Step], files: int, backend: str, folder: str) -> None:
        """Watching has begun."""
        self._step = 0
        _tell(
            {"type": "begin", "steps": len(steps), "files": files, "backend": backend, "folder": unicode_path(folder)}
        )

    def started(self, step: Step) -> None:
        """A step begins."""
        self._step += 1

    def arrived(self, arrivals: Sequence[tuple[Arrival, float]]) -> None:
        """One line per change."""
        lines = [
            json_line(
                {
                    "type": arrival.type,
                    "path": unicode_path(arrival.path),
                    "uri": to_uri(arrival.path),
                    "step": self._step,
                    "latencyMs": round(latency, 1),
                }
            )
            for arrival, latency in arrivals
        ]
        sys.stdout.write("".join(lines))
        sys.stdout.flush()

    def finished(self, result: StepResult) -> None:
        """One line per step."""
        line = {
            "type": "step",
            "step": self._step,
            "name": result.name,
            "changes": result.changes,
            "reported": result.reported,
            "onDisk": result.on_disk,
            "equal": result.equal,
            "firstMs": None if result.first_ms is None else round(result.first_ms, 1),
            "lastMs": None if result.last_ms is None else round(result.last_ms, 1),
        }
        _tell(line | ({} if result.equal else {"differences": [unicode_path(text) for text in result.differences]}))

    def end(self, result: DemoResult) -> None:
        """The summary."""
        summary = {
            "type": "summary",
            "equal": result.equal,
            "steps": len(result.steps),
            "changes": result.changes,
            "seconds": round(result.seconds, 2),
        }
        _tell(summary)


def arrival_text(arrival: Arrival, latency: float, folder: str) -> str:
    """One change as a line."""
    return f"{latency:7.0f} ms  {arrival.type:8}  {shown(relative(arrival.path, folder))}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _tell(value: object) -> None:
    sys.stdout.write(json_line(value))
    sys.stdout.flush()
