"""What `setup` prepares for all sessions of a process."""

from __future__ import annotations

from typing import Any

__all__ = ["Shared"]


class Shared(dict[str, Any]):
    """A dictionary whose items are attributes, too: `shared.model` is `shared["model"]`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"setup has put no {name!r} into shared") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"setup has put no {name!r} into shared") from None
