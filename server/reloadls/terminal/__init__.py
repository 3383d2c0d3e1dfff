"""What the commands share: exit codes, safe text, lines and output that never blocks."""
