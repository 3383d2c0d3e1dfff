"""Why the service can't be offered where it was asked for."""

from __future__ import annotations

__all__ = ["ServeError"]


class ServeError(Exception):
    """A way of serving can't be used.

    Args:
        option: the command line's name for it.
        value: what was given there.
        reason: what is wrong, and what is allowed or can be done.
    """

    def __init__(self, option: str, value: str, reason: str) -> None:
        super().__init__(f"{option} {value!r}: {reason}")
        self.option = option
        self.value = value
        self.reason = reason
