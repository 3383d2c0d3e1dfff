"""Django: settings, URLs, middleware, templates, translations, models, signals, forms and the admin."""

from __future__ import annotations

from collections.abc import Iterable

from reloadls.reload.engine.adapting import Adapter

from .admin import AdminAdapter
from .forms import FormsAdapter
from .middleware import MiddlewareAdapter
from .models import ModelsAdapter
from .rest_framework import RestFrameworkAdapter
from .settings import SettingsAdapter
from .signals import SignalsAdapter
from .templates import LibrariesAdapter, TemplatesAdapter
from .translations import TranslationsAdapter
from .urls import UrlsAdapter

__all__ = ["django_adapters"]


def django_adapters() -> Iterable[Adapter]:
    """Return one adapter of each kind, in the order in which they are called."""
    return (
        SettingsAdapter(),
        ModelsAdapter(),
        SignalsAdapter(),
        FormsAdapter(),
        AdminAdapter(),
        LibrariesAdapter(),
        TemplatesAdapter(),
        TranslationsAdapter(),
        MiddlewareAdapter(),
        RestFrameworkAdapter(),
        UrlsAdapter(),
    )
