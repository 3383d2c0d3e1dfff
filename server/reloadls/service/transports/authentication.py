"""Authenticate a client by its token, where the transport requires one."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any

from reloadls.protocol import RequestFailed

__all__ = ["Authenticator", "strip_token"]

_EXPECTED = "what the service's token file holds (see 'reloadls serve --help')"


class Authenticator:
    """Checks the token of one client.

    Args:
        token: the expected token; None accepts every client.
        on_accepted: called once when the client is authenticated.
        on_refused: called with the reason when the token is missing or wrong, before the error is sent.
    """

    def __init__(
        self, token: str | None, *, on_accepted: Callable[[], None], on_refused: Callable[[str], None]
    ) -> None:
        self._token = None if token is None else token.encode()
        self._on_accepted = on_accepted
        self._on_refused = on_refused
        self._failed = False
        self.is_authenticated = token is None

    def admit(self, params: Any) -> Any:
        """Check `initializationOptions.token`; a client has one attempt.

        Args:
            params: the params of `initialize` as received, before any other processing.

        Returns:
            The params without the token.

        Raises:
            RequestFailed: the token is missing or wrong.
        """
        shown, rest = _take_token(params)
        if self.is_authenticated or (not self._failed and self.accepts(shown)):
            return rest
        self._failed = True
        what = "is missing" if shown is None else "is wrong"
        self._on_refused(f"the token {what}")
        raise RequestFailed(f"the token {what}: initializationOptions.token must be {_EXPECTED}")

    def accepts(self, shown: object) -> bool:
        """Return whether `shown` is the token, and authenticate the client if it is."""
        if self._token is None or not isinstance(shown, str):
            return False
        if not hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), self._token):
            return False
        if not self.is_authenticated:
            self.is_authenticated = True
            self._on_accepted()
        return True


def strip_token(params: Any) -> Any:
    """Remove the token from the params of `initialize`, for transports that require none.

    Args:
        params: the params as received.
    """
    return _take_token(params)[1]


def _take_token(params: Any) -> tuple[object, Any]:
    options = params.get("initializationOptions") if isinstance(params, Mapping) else None
    if not isinstance(options, Mapping) or "token" not in options:
        return None, params
    rest = {key: value for key, value in options.items() if key != "token"}
    return options["token"], {**params, "initializationOptions": rest}
