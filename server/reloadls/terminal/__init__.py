"""Shared by the commands: exit codes, safe text, output lines, and output that never blocks the loop."""
