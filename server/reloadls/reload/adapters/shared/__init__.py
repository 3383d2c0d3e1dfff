"""What adapters share: registrations, routes, applications and factories."""
