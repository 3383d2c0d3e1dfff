"""Who may come in: a client that shows the token, where one is needed."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping

from lsprotocol.types import InitializeParams

from reloadls.protocol import RequestFailed

__all__ = ["Gate", "pass_over_token"]

_WHERE = "what the service's token file holds (see 'reloadls serve --help')"


class Gate:
    """One client's way in.

    Args:
        token: what it must show; None lets everybody in.
        on_open: called once when it has.
        on_refused: called when what it showed is not good, before it is told.
    """

    def __init__(self, token: str | None, *, on_open: Callable[[], None], on_refused: Callable[[str], None]) -> None:
        self._token = None if token is None else token.encode()
        self._on_open = on_open
        self._on_refused = on_refused
        self._is_shut = False
        self.is_open = token is None

    def admit(self, params: InitializeParams) -> None:
        """Look at `initializationOptions.token`, and take it out: it is for nobody else. There is one try.

        Raises:
            RequestFailed: it is missing or wrong.
        """
        shown = pass_over_token(params)
        if self.is_open or (not self._is_shut and self.opens_with(shown)):
            return
        self._is_shut = True
        what = "is missing" if shown is None else "is wrong"
        self._on_refused(f"the token {what}")
        raise RequestFailed(f"the token {what}: initializationOptions.token must be {_WHERE}")

    def opens_with(self, shown: object) -> bool:
        """Return whether this is the token, and open if it is."""
        if self._token is None or not isinstance(shown, str):
            return False
        if not hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), self._token):
            return False
        if not self.is_open:
            self.is_open = True
            self._on_open()
        return True


def pass_over_token(params: InitializeParams) -> object:
    """Take `initializationOptions.token` out and return it: one who sends it where none is needed does no wrong."""
    options = params.initialization_options
    if not isinstance(options, Mapping) or "token" not in options:
        return None
    params.initialization_options = {key: value for key, value in options.items() if key != "token"}
    return options["token"]
