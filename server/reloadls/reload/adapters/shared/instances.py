"""Call a function with each new object of a library's class."""

from __future__ import annotations

import functools
import logging
from typing import Any

__all__ = ["on_created"]

_log = logging.getLogger(__name__)


def on_created(cls: type, then: Any) -> None:
    """Call `then` with each new object of a class."""
    plain = cls.__init__  # type: ignore[misc]
    listeners: list[Any] | None = getattr(plain, "__reloadls_listeners__", None)
    if listeners is not None:
        listeners.append(then)
        return
    listeners = [then]

    @functools.wraps(plain)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        plain(self, *args, **kwargs)
        for each in listeners:
            try:
                each(self)
            except Exception:  # the program continues, although later edits may be reported as live when they are not
                _log.warning("hot reload can't track an object of %s", type(self).__qualname__, exc_info=True)

    __init__.__reloadls_listeners__ = listeners  # type: ignore[attr-defined]
    cls.__init__ = __init__  # type: ignore[misc]
