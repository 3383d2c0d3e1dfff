"""Random harm to what is open to others: `python -m tests.fuzz WHAT [SECONDS] [SEED]` prints what failed."""
