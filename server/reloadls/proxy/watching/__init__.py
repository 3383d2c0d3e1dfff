"""What a language server asked to have watched: its globs, their folders, and what changed there."""
