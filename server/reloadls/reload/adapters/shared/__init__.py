"""What adapters have in common: registrations, routes, applications and factories."""
