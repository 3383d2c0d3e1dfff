"""What produces hints. A source says where to look; only the snapshot says what changed."""

from reloadls.watch.sources.base import Hints, Source, SourceFailed

__all__ = ["Hints", "Source", "SourceFailed"]
