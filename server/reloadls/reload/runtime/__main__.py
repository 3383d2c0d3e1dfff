"""`python -m reloadls.reload.runtime …` is `reloadls run …`, without the rest of the command line."""

from __future__ import annotations

import sys

from reloadls.base.own_imports import install

if __name__ == "__main__":
    install()
    from .arguments import HelpWanted
    from .main import main

    try:
        sys.exit(main(sys.argv[1:]))
    except HelpWanted:
        sys.exit("See 'reloadls run --help'.")
