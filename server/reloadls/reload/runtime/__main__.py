"""`python -m reloadls.reload.runtime …` is `reloadls run …` without the rest of the command line."""

from __future__ import annotations

import sys

from reloadls.base.own_imports import install

if __name__ == "__main__":
    install()
    from .main import main
    from .start.arguments import HelpRequested

    try:
        sys.exit(main(sys.argv[1:]))
    except HelpRequested:
        sys.exit("See 'reloadls run --help'.")
