"""What the engine can't know of a library by itself: one small module for each library."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from reloadls.reload.engine.adapting import Adapter

from .aiohttp import AiohttpAdapter
from .blinker import BlinkerAdapter
from .bottle import BottleAdapter
from .cattrs import CattrsAdapter
from .celery import CeleryAdapter
from .click import ClickAdapter
from .dash import DashAdapter
from .discord import DiscordAdapter
from .django import django_adapters
from .fastapi import FastapiAdapter
from .flask import FlaskAdapter
from .jinja import JinjaAdapter
from .marshmallow import MarshmallowAdapter
from .msgspec import MsgspecAdapter
from .pluggy import PluggyAdapter
from .pydantic import PydanticAdapter
from .serving import FalconAdapter, LitestarAdapter, TornadoAdapter
from .sqlalchemy import SqlalchemyAdapter
from .starlette import StarletteAdapter
from .textual import TextualAdapter
from .typer import TyperAdapter

__all__ = ["Adapter", "adapters"]


@cache
def adapters() -> Iterable[Adapter]:
    """One of each, in the order in which they are asked. An adapter imports its library only once that is loaded.

    They are the same for all engines of the process, as the libraries that they watch are.
    """
    starlette = StarletteAdapter()
    return (
        PydanticAdapter(),
        starlette,
        FastapiAdapter(starlette),
        FlaskAdapter(),
        ClickAdapter(),
        TyperAdapter(),
        JinjaAdapter(),
        SqlalchemyAdapter(),
        CeleryAdapter(),
        AiohttpAdapter(),
        LitestarAdapter(),
        TornadoAdapter(),
        FalconAdapter(),
        DashAdapter(),
        BottleAdapter(),
        MarshmallowAdapter(),
        CattrsAdapter(),
        MsgspecAdapter(),
        BlinkerAdapter(),
        PluggyAdapter(),
        TextualAdapter(),
        DiscordAdapter(),
        *django_adapters(),
    )
