"""`import reloadls.reload.auto` makes the program that imports it reload itself, as `reloadls run` does.

What counts as the program's own is below the working directory, or the folders in the variable RELOADLS_ROOTS, written
as those of PATH are. Its lines on stderr are left out if RELOADLS_QUIET is set. A second import does nothing, nor does
one under `reloadls run`. Where reloading is not possible, that is logged, and the program runs as always.
"""

from __future__ import annotations

from reloadls.base.own_imports import install, load_apart

from .runtime.start.own_modules import load_all

install()
load_apart(load_all)

from .runtime.automatic import start  # noqa: E402 - none of its imports may find the program's files

start()
