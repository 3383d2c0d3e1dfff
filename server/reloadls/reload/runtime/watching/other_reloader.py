"""Detect a reloader that the program runs itself, which restarts it at each save."""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Final

from reloadls.reload.runtime.own_threads import own_threads

__all__ = ["CHILD_VARIABLES", "other_reloader"]

_RELOADERS: Final = {
    "werkzeug._reloader": ("Flask's (or Werkzeug's) reloader", "leave out --debug, or add --no-reload"),
    "django.utils.autoreload": ("Django's reloader", "add --noreload"),
    "uvicorn.supervisors.basereload": ("uvicorn's reloader", "leave out --reload"),
    "gunicorn.reloader": ("gunicorn's reloader", "leave out --reload"),
    "watchfiles.run": ("watchfiles' reloader", "run the program without it"),
    "hupper.reloader": ("hupper", "run the program without it"),
    "tornado.autoreload": ("Tornado's reloader", "leave out autoreload or debug"),
    "sanic.worker.reloader": ("Sanic's reloader", "leave out --dev or --reload"),
    "jurigged.live": ("jurigged", "run the program without it"),
}
"""The module whose code waits for changes → the reloader's name, and how to switch it off."""
_QUART: Final = ("Quart's reloader", "give use_reloader=False to app.run, or leave out --reload")

CHILD_VARIABLES: Final = ("WERKZEUG_RUN_MAIN", "RUN_MAIN", "QUART_RUN_MAIN")
"""Environment variables of a process that such a reloader has started."""


def other_reloader() -> tuple[str, str] | None:
    """Return the name of a reloader that runs in some thread, and how to switch it off; None if there is none."""
    ours = own_threads()
    for thread, top in list(sys._current_frames().items()):
        frame: FrameType | None = None if thread in ours else top
        while frame is not None:
            name = frame.f_globals.get("__name__")
            if type(name) is str and name in _RELOADERS:
                return _RELOADERS[name]
            if name == "quart.utils" and frame.f_code.co_name == "run_reloader":
                return _QUART
            frame = frame.f_back
    # In the process that it starts, it is a task of the event loop, which no thread's frames show.
    return _QUART if os.environ.get("QUART_RUN_MAIN") == "true" and "quart.app" in sys.modules else None
