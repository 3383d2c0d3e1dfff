"""A client in front of a language server, with file watching added.

| module | answers |
|---|---|
| `main` | a whole process; `session`: what stands between the two ends |
| `messages` | where does a message begin and end? |
| `rewrite` | what is changed in one? |
| `globs`, `places`, `watches` | what does a pattern match, where does it begin, and what must be watched for all? |
| `supply`, `watching` | what is to be done about watching, and what has changed? |
| `doubles` | was that said already? |
| `spelling` | which path does a URI mean, and how does the editor spell it? |
| `pipes`, `duplex`, `child` | how do bytes and processes come and go? |
| `sidecar`, `diagnostics` | our own service on the same connection, and what both say of one file |
| `check`, `editor` | trying a server out |

What is imported before the first message is passed on is kept small: the watch core, and the protocol package for its
URIs, are loaded beside the traffic, and not at all for a client that watches well by itself.
"""
