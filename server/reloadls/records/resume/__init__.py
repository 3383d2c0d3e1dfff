"""How a stream continues from a clock: the last changes, in memory and on disk."""
