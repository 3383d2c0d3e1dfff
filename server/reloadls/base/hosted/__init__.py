"""What this process hosts and others can see, such as session pools and live configurations."""

from __future__ import annotations

from .registry import Hosted, HostedRegistry, Kind, Status, hosted

__all__ = ["Hosted", "HostedRegistry", "Kind", "Status", "hosted"]
