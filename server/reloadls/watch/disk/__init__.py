"""Access to file systems: calls that end in bounded time, mounts, links, timestamps and spelling."""
