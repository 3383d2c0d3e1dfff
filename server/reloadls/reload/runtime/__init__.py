"""Hot reload inside the running program: watch its files, apply changes with the engine, report to clients."""
