"""What runs while a configuration is live: reading, fetching, deciding, and calling back."""
