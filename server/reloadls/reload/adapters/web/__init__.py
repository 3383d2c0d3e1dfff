"""Web frameworks."""
