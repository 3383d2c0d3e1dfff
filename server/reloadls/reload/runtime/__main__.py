"""`python -m reloadls.reload.runtime …` is `reloadls run …`, without the rest of the command line."""

from __future__ import annotations

import sys

from reloadls.base.own_imports import install

if __name__ == "__main__":
    install()
    from .main import main
    from .start.arguments import HelpWanted

    try:
        sys.exit(main(sys.argv[1:]))
    except HelpWanted:
        sys.exit("See 'reloadls run --help'.")
