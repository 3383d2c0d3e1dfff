"""`python -m reloadls`, as the extension runs it."""

from __future__ import annotations

import sys

from reloadls.service.main import main

if __name__ == "__main__":
    sys.exit(main())
