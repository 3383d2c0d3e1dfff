"""The demo's second act: a web application under load is edited ten times, and once must be started anew."""
