"""What the watch tests share."""

from __future__ import annotations

import pytest

from reloadls.watch.sources import choose as make


@pytest.fixture
def without_net(monkeypatch: pytest.MonkeyPatch) -> None:
    """No safety net: so that it hides no loss."""
    monkeypatch.setattr(make, "SAFETY_NET_FLOOR_S", 1000.0)
