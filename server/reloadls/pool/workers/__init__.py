"""Sessions in several processes: workers, what goes to them, and what becomes of them."""
