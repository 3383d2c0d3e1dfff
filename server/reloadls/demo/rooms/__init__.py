"""The third act: 200 live sessions of a pool, edits that reach them, one pinned, one that crashes, and a drain."""
