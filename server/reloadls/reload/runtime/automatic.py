"""Start hot reload in a program that is already running (`import reloadls.reload.auto`)."""

from __future__ import annotations

import logging
import os
import sys

from reloadls.reload.reloader import HotReloader

from .endpoint.program_info import ProgramInfo
from .process_runtime import Commit, is_set_up, set_up
from .start.roots import existing_roots

__all__ = ["start"]

_log = logging.getLogger("reloadls.reload")


def start() -> None:
    """Start the runtime unless this process has one; log a warning if that is not possible."""
    if is_set_up():
        return
    try:
        wanted = [path for path in os.environ.get("RELOADLS_ROOTS", "").split(os.pathsep) if path]
        roots = existing_roots(wanted or [os.getcwd()])

        def make(commit: Commit) -> HotReloader:
            return HotReloader(roots, commit=commit)

        set_up(make, ProgramInfo(name=_name(), roots=roots), quiet=bool(os.environ.get("RELOADLS_QUIET")))
    except NotADirectoryError as error:
        _log.warning("hot reload is off: RELOADLS_ROOTS contains %s, which is not a folder", error)
    except Exception as error:  # the program must run in any case
        _log.warning("hot reload is off: %s: %s", type(error).__name__, error)


def _name() -> str:
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name != "__main__":
        return str(spec.name).removesuffix(".__main__")
    return os.path.basename(getattr(main, "__file__", None) or sys.argv[0]) or "python"
