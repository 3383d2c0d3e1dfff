"""What others are told of this program."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ProgramInfo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramInfo:
    """What others are told of this program."""

    name: str
    """Its script or module."""
    roots: tuple[str, ...]
    supervised: bool = False
    """Whether it can be restarted."""
