"""`reloadls config`: check, show and watch configurations, and steer the groups of running programs."""

from __future__ import annotations

from .app import COMMANDS, config_app

__all__ = ["COMMANDS", "config_app"]
