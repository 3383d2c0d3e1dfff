"""Times as reports and adverts have them: ISO 8601, UTC, milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["utc_text"]


def utc_text(at: datetime | None = None) -> str:
    """Return a time as text, such as ``2026-01-01T00:00:00.000Z``.

    Args:
        at: a time in UTC; now by default.
    """
    at = datetime.now(UTC) if at is None else at
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
