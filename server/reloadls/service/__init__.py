"""Who hears of it: the JSON-RPC service, its sessions and transports."""

from reloadls.service.server import ReloadServer

__all__ = ["ReloadServer"]
