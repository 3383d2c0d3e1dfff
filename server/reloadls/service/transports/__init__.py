"""The transports of the service: standard streams, TCP, WebSocket, Unix domain socket."""

from .authentication import strip_token
from .errors import ServeError
from .listening import Listening, listen
from .sockets import Limits, serve_clients
from .stdio import serve_stdio
from .token_file import default_token_file, make_new_token, read_or_make_token

__all__ = [
    "ServeError",
    "Limits",
    "Listening",
    "default_token_file",
    "listen",
    "make_new_token",
    "read_or_make_token",
    "serve_clients",
    "serve_stdio",
    "strip_token",
]
