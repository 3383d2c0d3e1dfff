"""What all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long an example takes says nothing on a busy machine; each test has its hard timeout.
settings.register_profile("reloadls", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("reloadls")
