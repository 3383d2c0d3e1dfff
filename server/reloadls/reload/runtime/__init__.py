"""What makes a program reload itself: it watches, applies at a safe point, and answers on a local socket."""
