"""The corpus of real programs: each is run under `reloadls run` and edited as a developer does."""
