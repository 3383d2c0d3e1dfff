"""Django's translations: a compiled catalog is read again when it changes."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import ClassVar

from reloadls.reload.engine.adapting import Adapter
from reloadls.reload.engine.undo import Undo

__all__ = ["TranslationsAdapter"]


class TranslationsAdapter(Adapter):
    """The loaded catalogs."""

    library: ClassVar[str] = "django.utils.translation.trans_real"

    def file_changed(self, path: str, undo: Undo) -> bool:
        """Clear the catalogs, as Django's own reloader does."""
        if os.path.splitext(path)[1] != ".mo" or "django.conf" not in sys.modules:
            return False
        reloader = importlib.import_module("django.utils.translation.reloader")
        return bool(reloader.translation_file_changed(None, Path(path)))
