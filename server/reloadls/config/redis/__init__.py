"""Configuration that many machines share, in Redis."""
