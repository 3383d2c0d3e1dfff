"""All programs of the corpus."""

from __future__ import annotations

from . import applications, frameworks, isso, livekit, others, scripts, wagtail, web

__all__ = ["PROGRAMS"]

_PARTS = (scripts, web, frameworks, wagtail, others, livekit, applications, isso)
PROGRAMS = tuple(program for part in _PARTS for program in part.PROGRAMS)
