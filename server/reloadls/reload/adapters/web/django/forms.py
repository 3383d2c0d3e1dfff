"""Django's forms and admin classes: their `media` property refers to the class that is kept."""

from __future__ import annotations

import sys
from typing import ClassVar

from reloadls.reload.engine.adapting import Adapter
from reloadls.reload.engine.undo import Undo

__all__ = ["FormsAdapter"]


class FormsAdapter(Adapter):
    """Classes with media: forms, widgets, admin classes."""

    library: ClassVar[str] = "django.forms.widgets"

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """Recreate the property, which refers to its class."""
        widgets = sys.modules["django.forms.widgets"]
        media = vars(cls).get("media") if isinstance(cls, widgets.MediaDefiningClass) else None
        if isinstance(media, property) and getattr(media.fget, "__module__", "") == widgets.__name__:
            undo.set_class_attribute(cls, "media", widgets.media_property(cls))
