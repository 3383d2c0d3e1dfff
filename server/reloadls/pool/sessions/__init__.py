"""One session: its life, its task, its end, and the two views of it."""
