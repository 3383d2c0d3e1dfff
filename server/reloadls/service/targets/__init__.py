"""Programs that run under hot reload: discovery, connections, queries, and reports for clients."""
