"""Programs that run under hot reload: found, connected to, queried, and reported to clients."""
