"""`reloadls demo`: the service at work, and the proof that what it tells is what is on disk."""

from .command import demo

__all__ = ["demo"]
