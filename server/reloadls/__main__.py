"""`python -m reloadls` is `reloadls`."""

from __future__ import annotations

import sys

from reloadls.cli import main

if __name__ == "__main__":
    sys.exit(main())
