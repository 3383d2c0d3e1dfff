"""The JSON-RPC service: transports, client sessions, running programs."""

from reloadls.service.server import ReloadServer

__all__ = ["ReloadServer"]
