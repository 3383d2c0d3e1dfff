"""A local model, which LiveKit runs in a process of its own."""

from __future__ import annotations

from livekit.agents.inference_runner import _InferenceRunner


class Upper(_InferenceRunner):
    """Answers in capitals."""

    INFERENCE_METHOD = "upper"

    def initialize(self) -> None:
        """There is nothing to load."""

    def run(self, data: bytes) -> bytes | None:
        """One inference."""
        if not data:
            raise ValueError("no data")
        return data.upper()
