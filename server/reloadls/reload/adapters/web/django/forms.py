"""Django's forms and admin classes: what a metaclass made around a class is made around the one kept."""

from __future__ import annotations

import sys
from typing import ClassVar

from reloadls.reload.engine.adapting import Adapter
from reloadls.reload.engine.undo import Undo

__all__ = ["FormsAdapter"]


class FormsAdapter(Adapter):
    """All that have media: forms, widgets, admin classes."""

    library: ClassVar[str] = "django.forms.widgets"

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """The property asks the class after its own."""
        widgets = sys.modules["django.forms.widgets"]
        media = vars(cls).get("media") if isinstance(cls, widgets.MediaDefiningClass) else None
        if isinstance(media, property) and getattr(media.fget, "__module__", "") == widgets.__name__:
            undo.set_class_attribute(cls, "media", widgets.media_property(cls))
