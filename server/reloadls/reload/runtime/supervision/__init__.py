"""Restarts: a small process that replaces the program when an edit can't be applied live, and keeps its sockets."""
