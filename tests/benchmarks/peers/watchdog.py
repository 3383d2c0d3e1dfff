"""watchdog: an `Observer` with its defaults, recursive."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from typing import Any

from tests.benchmarks.peers.telling import calling, ready, started, tell


class Handler:
    """Takes each event as it is dispatched."""

    def dispatch(self, event: Any) -> None:
        if event.is_directory:
            return
        if event.event_type == "moved":
            tell([("deleted", os.fsdecode(event.src_path)), ("created", os.fsdecode(event.dest_path))])
        elif event.event_type in {"created", "modified", "deleted"}:
            tell([(event.event_type, os.fsdecode(event.src_path))])


def main(root: str) -> None:
    observers: Any = importlib.import_module("watchdog.observers")
    calling()
    observer = observers.Observer()
    observer.schedule(Handler(), root, recursive=True)
    observer.start()
    started()
    ready()
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1])
