"""APScheduler: a statement's jobs are removed before it runs again, or when it is removed."""

from __future__ import annotations

import functools
import sys
from contextlib import suppress
from functools import partial
from types import ModuleType
from typing import Any, ClassVar

from reloadls.reload.engine.adapting import Adapter
from reloadls.reload.engine.program.effects import Effect, Recorder
from reloadls.reload.engine.program.library_imports import when_loaded

__all__ = ["ApschedulerAdapter"]


class ApschedulerAdapter(Adapter):
    """The jobs that the program's statements add to schedulers of APScheduler 3."""

    library: ClassVar[str] = "apscheduler.schedulers.base"

    def __init__(self) -> None:
        when_loaded(self.library, self._watch)

    def _watch(self, module: ModuleType) -> None:
        scheduler = getattr(module, "BaseScheduler", None)
        if scheduler is None:
            return
        plain = scheduler.add_job

        @functools.wraps(plain)
        def add_job(self: Any, *args: Any, **kwargs: Any) -> Any:
            job = plain(self, *args, **kwargs)
            Recorder.note(Effect(partial(_remove, self, job), partial(_put_back, self, job)))
            return job

        scheduler.add_job = add_job


def _remove(scheduler: Any, job: Any) -> None:
    with suppress(sys.modules["apscheduler.jobstores.base"].JobLookupError):  # the program has already removed it
        scheduler.remove_job(job.id)


def _put_back(scheduler: Any, job: Any) -> None:
    stopped = scheduler.state == sys.modules["apscheduler.schedulers.base"].STATE_STOPPED
    store = job._jobstore_alias or "default"
    if stopped:
        scheduler._pending_jobs.append((job, store, True))
    else:
        scheduler._real_add_job(job, store, True)
