"""One small program per watcher, each told to watch one path and speaking one line protocol.

`python -m tests.benchmarks.peers.NAME ROOT [SETTING]`, or `node NAME.mjs ROOT`. Lines of JSON on standard output, times
in nanoseconds of CLOCK_MONOTONIC:

- `{"calling": t}`: all is imported and connected; the watcher's start is called now.
- `{"started": t, "pids": [...]}`: that call gave control back; the processes are those that watch.
- `{"ready": t}`: it watches, as far as that can be known.
- `{"t": t, "events": [[kind, path], ...]}`: it reported this; `kind` is created, modified or deleted, `path` absolute.
- `{"lost": t}`: it said that it lost something, or gave up watching.
- `{"failed": text}`: it can't.
"""
