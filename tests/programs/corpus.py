"""All programs of the corpus."""

from __future__ import annotations

from . import applications, frameworks, others, scripts, wagtail, web

__all__ = ["PROGRAMS"]

PROGRAMS = (
    *scripts.PROGRAMS,
    *web.PROGRAMS,
    *frameworks.PROGRAMS,
    *others.PROGRAMS,
    *applications.PROGRAMS,
    *wagtail.PROGRAMS,
)
