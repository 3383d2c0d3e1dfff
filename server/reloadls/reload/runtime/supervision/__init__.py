"""The restart rung: a small process that replaces the program where it can't be reloaded, and keeps its sockets."""
