"""Which commands `reloadls config` has."""

from __future__ import annotations

import typer

from .check import check
from .push import push
from .rollback import rollback
from .show import show
from .status import status
from .watch import watch

__all__ = ["COMMANDS", "config_app"]

COMMANDS = (check, show, watch, push, status, rollback)


def config_app() -> typer.Typer:
    """Return the group of commands."""
    app = typer.Typer(
        name="config",
        rich_markup_mode=None,
        no_args_is_help=True,
        help="Check, show and watch configurations, and steer those of running programs.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    for command in COMMANDS:
        app.command()(command)
    return app
