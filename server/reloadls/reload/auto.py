"""Make the program that imports this module reload itself, as `reloadls run` does.

The program's own code is what lies below the working directory, or below the folders in `RELOADLS_ROOTS` (separated as
in `PATH`). `RELOADLS_QUIET` suppresses the lines on stderr. A second import does nothing; neither does an import under
`reloadls run`. If reloading is not possible, a warning is logged and the program runs as usual.
"""

from __future__ import annotations

from reloadls.base.own_imports import install, load_apart

from .runtime.start.own_modules import load_all

install()
load_apart(load_all)

from .runtime.automatic import start  # noqa: E402 - none of its imports may find the program's files

start()
