"""What several packages need, with nothing but the standard library."""
