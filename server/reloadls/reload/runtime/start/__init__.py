"""Start a program under hot reload: arguments, roots, and running it as `python` does."""
