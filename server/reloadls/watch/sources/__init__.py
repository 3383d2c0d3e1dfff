"""Sources produce hints. A source says where to look; only the snapshot decides what changed."""

from reloadls.watch.sources.base import Hints, Source, SourceFailed

__all__ = ["Hints", "Source", "SourceFailed"]
