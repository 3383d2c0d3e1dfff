"""Apply batches while the program runs: safe points, pins, and the lines on stderr."""
