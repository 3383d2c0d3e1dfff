"""Live configuration."""
