"""Watch the files that a language server registers: globs, registrations, and the watcher."""
