"""Hints from Linux's inotify and mount table, read by the event loop without a thread."""
