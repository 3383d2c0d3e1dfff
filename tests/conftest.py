"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes says nothing on a busy machine; each test has its hard timeout.
settings.register_profile("reloadls", deadline=None)
settings.load_profile("reloadls")
