"""Where the figures come from: kernel, processor, file system, versions, date."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["surroundings"]


def surroundings(folder: str) -> dict[str, str | int | float]:
    """What a reader has to know of this machine; `folder` is where the work is done."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "file_system": _file_system(folder),
        "load_before": round(os.getloadavg()[0], 2),
        "inotify_queue": _number("/proc/sys/fs/inotify/max_queued_events"),
        "inotify_watches": _number("/proc/sys/fs/inotify/max_user_watches"),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _file_system(folder: str) -> str:
    mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    above = [mount for mount in mounts if os.path.commonpath([mount[1], folder]) == mount[1]]
    return max(above, key=lambda mount: len(mount[1]))[2]


def _number(path: str) -> int:
    return int(Path(path).read_text(encoding="ascii"))
