"""Starting a program under hot reload: arguments, roots, and running it as `python` would."""
