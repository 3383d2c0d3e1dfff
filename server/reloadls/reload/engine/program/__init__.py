"""The program as it runs: its modules and imports, what depends on what, and the effects of its statements."""
