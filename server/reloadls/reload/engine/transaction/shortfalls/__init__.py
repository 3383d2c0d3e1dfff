"""What falls short of a fresh start after a commit, and is noted."""
