"""Applying batches while the program runs: safe points, pins, threads, and the report's lines."""
