"""State on disk, so that the next start reports what changed in between."""
