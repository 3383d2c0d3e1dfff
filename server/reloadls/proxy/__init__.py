"""A client in front of a language server, with file watching added.

| module | purpose |
|---|---|
| `main` | run a proxy process; `session`: pass messages between editor and server |
| `messages` | split bytes into messages without losing one |
| `rewrite` | change single messages (pure) |
| `settings` | the proxy's settings, and changes of what is watched |
| `watching/` | globs, registrations, and the watcher for them |
| `deduplicator` | report each change once, by the editor or by the proxy |
| `pipes`, `child` | descriptors and the server process |
| `sidecar`, `diagnostics` | the reloadls service on the same connection, and merged diagnostics |
| `check`, `editor` | `--check`: test a server |

Few modules are imported before the first message passes. The watch core is loaded on another thread, and not at all for
a client that watches files itself.
"""
