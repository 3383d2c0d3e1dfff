"""LiveKit agents as sessions of a pool: many jobs of an `AgentServer` in one process, which follow edits.

    server = AgentServer()
    pool = host_sessions(server, max_sessions=50)

Needs `livekit-agents` 1.5 to 1.8: `pip install 'reloadls[livekit]'`.
"""

from __future__ import annotations

from .hosting import host_sessions
from .structure import UnsupportedLiveKit

__all__ = ["UnsupportedLiveKit", "host_sessions"]
