"""Which paths count: include, exclude and gitignore patterns. Pure, except for reading git's settings."""
