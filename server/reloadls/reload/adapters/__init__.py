"""Adapters: what the engine needs to know about a library, one module for each library."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from reloadls.reload.engine.adapting import Adapter

from .aiogram import AiogramAdapter
from .apscheduler import ApschedulerAdapter
from .blinker import BlinkerAdapter
from .celery import CeleryAdapter
from .click import ClickAdapter
from .configuration import ConfigurationAdapter
from .data.cattrs import CattrsAdapter
from .data.dependency_injector import DependencyInjectorAdapter
from .data.injector import InjectorAdapter
from .data.marshmallow import MarshmallowAdapter
from .data.models import PeeweeAdapter, PonyAdapter, TortoiseAdapter
from .data.msgspec import MsgspecAdapter
from .data.plum import PlumAdapter
from .data.pydantic import PydanticAdapter
from .data.sqlalchemy import SqlalchemyAdapter
from .discord import DiscordAdapter
from .dramatiq import DramatiqAdapter
from .gradio import GradioAdapter
from .jinja import JinjaAdapter
from .pluggy import PluggyAdapter
from .shared.serving import FalconAdapter, LitestarAdapter, TornadoAdapter
from .structlog import StructlogAdapter
from .telegram import TelegramAdapter
from .textual import TextualAdapter
from .typer import TyperAdapter
from .web.aiohttp import AiohttpAdapter
from .web.bottle import BottleAdapter
from .web.dash import DashAdapter
from .web.django import django_adapters
from .web.fastapi import FastapiAdapter
from .web.flask import FlaskAdapter
from .web.graphql import GrapheneAdapter, StrawberryAdapter
from .web.pyramid import PyramidAdapter
from .web.sanic import SanicAdapter
from .web.starlette import StarletteAdapter

__all__ = ["Adapter", "adapters"]


@cache
def adapters() -> Iterable[Adapter]:
    """Return one adapter of each kind, in the order in which they are called.

    All engines of the process share them, because they patch the process's libraries. An adapter does not import its
    library; it waits until the program does.
    """
    starlette = StarletteAdapter()
    return (
        PydanticAdapter(),
        starlette,
        FastapiAdapter(starlette),
        FlaskAdapter(),
        ClickAdapter(),
        TyperAdapter(),
        ConfigurationAdapter(),
        JinjaAdapter(),
        SqlalchemyAdapter(),
        CeleryAdapter(),
        AiohttpAdapter(),
        LitestarAdapter(),
        TornadoAdapter(),
        FalconAdapter(),
        DashAdapter(),
        BottleAdapter(),
        PyramidAdapter(),
        SanicAdapter(),
        MarshmallowAdapter(),
        CattrsAdapter(),
        MsgspecAdapter(),
        BlinkerAdapter(),
        PluggyAdapter(),
        TextualAdapter(),
        ApschedulerAdapter(),
        StrawberryAdapter(),
        GrapheneAdapter(),
        DiscordAdapter(),
        AiogramAdapter(),
        TelegramAdapter(),
        DramatiqAdapter(),
        TortoiseAdapter(),
        PeeweeAdapter(),
        PonyAdapter(),
        GradioAdapter(),
        StructlogAdapter(),
        PlumAdapter(),
        InjectorAdapter(),
        DependencyInjectorAdapter(),
        *django_adapters(),
    )
