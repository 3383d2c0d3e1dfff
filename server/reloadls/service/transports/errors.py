"""The error of a transport that can't be set up."""

from __future__ import annotations

__all__ = ["ServeError"]


class ServeError(Exception):
    """The service can't listen as requested.

    Args:
        option: the command-line option.
        value: its value.
        reason: what is wrong, and what is allowed.
    """

    def __init__(self, option: str, value: str, reason: str) -> None:
        super().__init__(f"{option} {value!r}: {reason}")
        self.option = option
        self.value = value
        self.reason = reason
