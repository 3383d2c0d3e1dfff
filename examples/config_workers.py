"""FastAPI with four workers that share one configuration.

    uvicorn config_workers:app --workers 4

One worker, the leader, reads the sources; `together=True` has a change take effect in all four or in none. Edit
app.toml, then ask `curl localhost:8000` again and again: no answer is older than the one before it. See the workers
with `reloadls config status`, and go back with `reloadls config rollback`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import BaseModel, Field, SecretStr

from reloadls.config import Environment, LiveConfig, TomlFile


class Settings(BaseModel):
    """What the service needs."""

    greeting: str = "hello"
    limit: int = Field(10, ge=1, le=100)
    api_token: SecretStr = SecretStr("")


config = LiveConfig(
    Settings, [TomlFile("app.toml", required=False), Environment("APP_")], group="config-workers", together=True
)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Follow the sources while the worker serves."""
    async with config:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def index() -> dict[str, str | int]:
    """Answer with one view of the configuration, whatever changes meanwhile."""
    with config.hold() as settings:
        return {"greeting": settings.greeting, "limit": settings.limit, "worker": os.getpid()}
