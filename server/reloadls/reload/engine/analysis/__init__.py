"""What source text says: statements, names, shapes, and what an edit changed. Pure."""
