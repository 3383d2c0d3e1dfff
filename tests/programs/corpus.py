"""All programs of the corpus."""

from __future__ import annotations

from . import scripts, web

__all__ = ["PROGRAMS"]

PROGRAMS = (*scripts.PROGRAMS, *web.PROGRAMS)
