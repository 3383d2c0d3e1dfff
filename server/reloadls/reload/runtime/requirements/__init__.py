"""Install what the program's requirement files demand while it runs (`reloadls run --sync-requirements`)."""
