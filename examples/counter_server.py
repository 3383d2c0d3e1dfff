"""A server that counts its requests: `reloadls run uvicorn counter_server:app`. Edit `greeting`: the counter stays."""

from __future__ import annotations

from fastapi import FastAPI

app = FastAPI()
REQUESTS = {"count": 0}


def greeting() -> str:
    """Return the text of each response."""
    return "hello"


@app.get("/")
def index() -> str:
    """Count, and greet."""
    REQUESTS["count"] += 1
    return f"{greeting()} {REQUESTS['count']}"
