"""Inside the running program: it watches its files, has the engine take them up, and tells whoever listens."""
