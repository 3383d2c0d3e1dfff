"""What a program publishes about itself."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ProgramInfo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramInfo:
    """What a program publishes about itself in its advert and status."""

    name: str
    """The script or module."""
    roots: tuple[str, ...]
    supervised: bool = False
    """Whether a supervisor can restart it."""
