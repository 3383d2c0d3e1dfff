"""The effects of a module's statements outside of it, recorded while they run, and how to undo them.

While one of the program's modules is loaded, the few calls through which a module most often registers something with
the interpreter are noted, with the line they were made from. What a file was opened for, too.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _thread
import abc
import atexit
import codecs
import functools
import gc
import importlib
import logging
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from types import CodeType, FrameType, ModuleType
from typing import Any

from reloadls.base import PACKAGE
from reloadls.base.installed import is_in_package_folder
from reloadls.reload.engine.analysis.codes import is_module_body
from reloadls.reload.engine.objects.changes import Change
from reloadls.reload.engine.undo import Undo

__all__ = [
    "Effect",
    "Note",
    "Recorder",
    "executions",
    "forget_execution",
    "note_read",
    "is_link",
    "lister",
    "was_executed",
    "watch_executions",
]


@dataclass(slots=True, eq=False)
class Effect:
    """One thing that a statement did."""

    undo: Callable[[], object] | None = None
    redo: Callable[[], object] | None = None
    """What brings it back; without it, the undoing waits until nothing can fail any more."""
    path: str | None = None
    """The file that was read, if that is what was done."""
    folder: str | None = None
    """The folder that was listed, if that is what was done."""
    at_once: bool = False
    """The user asked for it to be undone just before its statement runs again."""
    names: frozenset[str] = frozenset()
    """What the user's own undoing reads of its module: it ends these."""
    line: int = 0
    """Where in its statement it was done, from 1."""
    change: Change | None = None
    """What it changed in a container or object."""
    bound: frozenset[str] = frozenset()
    """The names of its module that it bound without naming them in its text (`globals()[name] = …`)."""
    forks: bool = False
    """It made another process of this one: the statement must not run a second time."""
    target: tuple[Any, ...] = ()
    """What it has set: of two effects on the same, the later counts, and finds it as the first has left it."""
    lasting: Callable[[], str] = str
    """What is left of it now that can't be undone; nothing by default."""

    def take_back(self, undo: Undo) -> str:
        """Undo it, unless the commit fails. Returns what could not be undone."""
        if self.change is not None:
            undo.add(self.change.now())
            undo.add(self.change.forget_taken)
            whole = self.change.whole is not None
            what = f"the content of {type(self.change.owner).__name__}" if whole else "the order of a container"
            return "" if self.change.take_out() else what
        if self.undo is not None:
            self._undo(undo)
        return self.lasting()

    def is_on_same(self, other: Effect) -> bool:
        """Whether another is on the very same."""
        pairs = zip(self.target, other.target, strict=False)
        same = (one is another or (type(one) is type(another) is int and one == another) for one, another in pairs)
        return bool(self.target) and len(self.target) == len(other.target) and all(same)

    def _undo(self, undo: Undo) -> None:
        assert self.undo is not None
        if self.at_once:
            self.undo()
        elif self.redo is None:
            undo.at_the_end(self.undo)
        else:
            undo.add(self.redo)
            self.undo()


Note = Callable[[int, Effect], None]


class _Running(threading.local):
    """The modules whose statements run on a thread, the innermost last."""

    def __init__(self) -> None:
        self.stack: list[tuple[dict[str, Any], Note]] = []
        self.rest: list[tuple[dict[str, Any], Note, Callable[[], bool]]] = []
        """Those of the stack of which only the last statements are noted."""

    def drop_ended(self) -> None:
        for ended in [note for _, note, is_running in self.rest if not is_running()]:
            # By identity: two namespaces are not to be compared.
            self.rest = [each for each in self.rest if each[1] is not ended]
            self.stack[:] = [each for each in self.stack if each[1] is not ended]
            _end()


_running = _Running()
_lock = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: globals().update(_lock=threading.Lock()))
_in_force = 0
_plain: list[tuple[Any, str, Any]] = []
_audited = False


class Recorder:
    """Notes what a module does while its statements run."""

    @staticmethod
    @contextmanager
    def noting(namespace: dict[str, Any], note: Note) -> Iterator[None]:
        """Have `note(line, effect)` called for all that is done while the block runs, on this thread.

        Args:
            namespace: of the module; the line is that of its own frame.
            note: called with each.
        """
        _running.stack.append((namespace, note))
        _audit()
        _begin()
        try:
            yield
        finally:
            _end()
            _running.stack.pop()

    @staticmethod
    def note_rest(namespace: dict[str, Any], note: Note, is_running: Callable[[], bool]) -> None:
        """The same for a module that is in the middle of its statements on this thread, until `is_running` says no."""
        _running.rest.append((namespace, note, is_running))
        _running.stack.insert(0, (namespace, note))
        _audit()
        _begin()

    @staticmethod
    def note_at(namespace: dict[str, Any], line: int, effect: Effect) -> None:
        """Note something for a line of the module that runs in this namespace."""
        for space, note in reversed(_running.stack):
            if space is namespace:
                note(line, effect)
                return

    @staticmethod
    def note(effect: Effect) -> bool:
        """Note something for the statement that runs on this thread; False if none does."""
        return _note(effect, sys._getframe(1))


def _note(effect: Effect, frame: FrameType | None) -> bool:
    if _running.rest:
        _running.drop_ended()
    spaces = {id(namespace): note for namespace, note in _running.stack}
    while frame is not None:
        if id(frame.f_globals) in spaces and is_module_body(frame.f_code):
            spaces[id(frame.f_globals)](frame.f_lineno, effect)
            return True
        frame = frame.f_back
    return False


def note_read(path: str, frame: FrameType | None) -> None:
    """A statement that runs has a file read, whose code a frame runs within."""
    _note(Effect(path=path), frame)


def forget_execution(path: str) -> None:
    """A source file was run by an import that the engine knows of, and that may have failed."""
    _executed.pop(os.path.abspath(path), None)


def watch_executions() -> None:
    """Have `was_executed` know of all that is run from now on."""
    _audit()


def _audit() -> None:
    global _audited  # noqa: PLW0603 - an audit hook is for the process, and for good
    if not _audited:
        _audited = True
        sys.addaudithook(_on_audit)


_executed: dict[str, float] = {}
"""The source files whose code was run by `exec`, as modules' code is, by the import system or by hand; and when, in
seconds since the epoch."""


def executions() -> dict[str, float]:
    """The source files that were run in this process past the engine, and when each was last."""
    return dict(_executed)


def was_executed(path: str) -> bool:
    """Whether the code of a source file was run in this process since an engine was made."""
    ending = os.sep + os.path.basename(path)
    # Where a path really leads costs a call to the system for each folder on the way: few are asked.
    return any((each.endswith(ending) or is_link(each)) and os.path.realpath(each) == path for each in list(_executed))


@lru_cache(maxsize=8192)
def is_link(file: str) -> bool:
    """Whether the file that a module was loaded from is a link; asked once, since every edit asks it of all modules."""
    return os.path.islink(file)


def _on_audit(event: str, args: tuple[Any, ...]) -> None:
    if event not in _HEARD:
        return
    if event == "exec":
        code = args[0]
        if isinstance(code, CodeType) and code.co_name == "<module>" and code.co_filename.endswith(".py"):
            _executed[os.path.abspath(code.co_filename)] = time.time()
        return
    if event in _LISTS:
        _on_list(args[0], sys._getframe(1))
        return
    if not _running.stack:
        return
    if event in _NOTED:
        _NOTED[event](sys._getframe(1), *args)
        return
    if event != "open":
        return
    path, mode = args[0], args[1]
    if isinstance(path, (str, bytes)) and (mode is None or "r" in str(mode)):
        name = os.fsdecode(path)
        as_code = name.endswith(".pyc") or (name.endswith(".py") and _reads_code(sys._getframe(1)))
        makes = type(args[2]) is int and args[2] & os.O_CREAT
        if not as_code and not makes and _is_or_may_come(name := os.path.realpath(name)):
            _note(Effect(path=name), sys._getframe(1))


def _is_or_may_come(path: str) -> bool:
    """Whether a file is there, or is looked for where it may be made."""
    return os.path.isfile(path) or (not os.path.lexists(path) and os.path.isdir(os.path.dirname(path)))


def _reads_code(frame: FrameType) -> bool:
    """Whether what opens a source file imports it, or looks for a line of it, and does not take it as data."""
    file = frame.f_code.co_filename
    return file.startswith(("<frozen ", PACKAGE)) or frame.f_globals.get("__name__") in ("tokenize", "linecache")


_LISTS = ("os.listdir", "os.scandir")
_MOST_LISTED = 2_000
_listed: dict[str, tuple[str, int] | None] = {}
"""Folders -> the file and line from which each was listed first; None if only the interpreter's own code did."""
_OWN = (os.path.dirname(os.__file__) + os.sep, PACKAGE + os.sep)


def lister(folder: str) -> tuple[str, int] | None:
    """The file and line of the program, or of a library, that first listed a folder: it may look for modules there."""
    return next((found for each, found in list(_listed.items()) if found and os.path.realpath(each) == folder), None)


def _on_list(path: Any, frame: FrameType | None) -> None:
    if not isinstance(path, (str, type(None))):
        return
    if frame is not None and (frame.f_code.co_filename.startswith("<frozen importlib") or _is_metadata(frame)):
        return  # how each import finds its file, and packages are found that are installed
    if _running.stack:
        _note(Effect(folder=os.path.realpath(path or os.curdir)), frame)
    folder = os.path.abspath(path or os.curdir)
    if folder in _listed or len(_listed) >= _MOST_LISTED:
        return
    while frame is not None and _is_own(frame.f_code.co_filename):
        frame = frame.f_back
    _listed[folder] = None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def _is_metadata(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).startswith("importlib")


def _is_own(path: str) -> bool:
    return path.startswith(("<", *_OWN)) and not is_in_package_folder(path)


# -- what the interpreter itself reports


def _put_variable(frame: FrameType, name: Any, value: Any = None) -> None:
    """`os.putenv`; what is done through `os.environ` is seen there."""
    if frame.f_globals.get("__name__") == "os":
        return
    before = _variables.get(os.fsdecode(name), os.environ.get(os.fsdecode(name)))
    after = None if value is None else os.fsdecode(value)
    key = os.fsdecode(name)
    _variables[key] = after
    _note(Effect(partial(_set_variable, key, before), partial(_set_variable, key, after)), frame)


_variables: dict[str, str | None] = {}
"""What statements have put past `os.environ`."""


def _set_variable(name: str, value: str | None) -> None:
    _variables[name] = value
    if value is None:
        os.unsetenv(name)
    else:
        os.putenv(name, value)


def _set_limit(frame: FrameType, which: int, limits: Any) -> None:
    module: Any = sys.modules["resource"]
    before = module.getrlimit(which)
    after = tuple(limits)
    left: list[str] = []

    def set_to(value: Any) -> None:
        left.clear()
        try:
            module.setrlimit(which, value)
        except (OSError, ValueError):  # a hard limit can't be raised again
            left.append("a limit of the process's resources")

    _note(Effect(partial(set_to, before), partial(set_to, after), lasting=lambda: "".join(left)), frame)


def _add_audit_hook(frame: FrameType, *_: Any) -> None:
    _note(Effect(lasting=lambda: "an audit hook, which can't be removed"), frame)


def _fork(frame: FrameType, *_: Any) -> None:
    name = str(frame.f_globals.get("__name__"))
    if name != "os" and name.partition(".")[0] != "multiprocessing":  # those begin something else in the child
        _note(Effect(forks=True, lasting=lambda: "a process that it forked"), frame)


_NOTED: dict[str, Callable[..., None]] = {
    "os.putenv": _put_variable,
    "os.unsetenv": _put_variable,
    "resource.setrlimit": _set_limit,
    "sys.addaudithook": _add_audit_hook,
    "os.fork": _fork,
    "os.forkpty": _fork,
}
"""Audit event -> what notes it, given the frame that caused it."""
_HEARD = frozenset(["exec", "open", *_LISTS, *_NOTED])


# -- calls


def _begin() -> None:
    global _in_force  # noqa: PLW0603 - what is replaced is the interpreter's
    with _lock:
        _in_force += 1
        if _in_force == 1:
            _replace(atexit, "register", _register_exit)
            _replace(atexit, "unregister", partial(_lasts, "exit functions were unregistered"))
            _replace(os, "umask", _set_mask)
            _replace(gc, "freeze", _freeze)
            _replace(_thread, "start_new_thread", _start_new_thread)
            _replace(codecs, "register", _register_codec)
            _replace(codecs, "register_error", _register_error_handler)
            for name in ("nice", "setpriority", "sched_setaffinity", "setsid", "setuid", "setgid", "chroot"):
                if hasattr(os, name):
                    _replace(os, name, partial(_lasts, f"os.{name}(...)"))
            for name in ("pthread_sigmask", "siginterrupt", "set_wakeup_fd"):
                if hasattr(signal, name):
                    _replace(signal, name, partial(_lasts, f"signal.{name}(...)"))
            if hasattr(os, "register_at_fork"):
                _replace(os, "register_at_fork", _register_at_fork)
            _replace(abc.ABCMeta, "register", _register_class)
            _replace(signal, "signal", _set_signal)
            _replace(_signal, "signal", _set_signal)
            _replace(logging.Logger, "addHandler", _add_handler)
            _replace(threading.Thread, "start", _start_thread)
            _replace(logging.Filterer, "addFilter", _add_filter)
            # Another thread may be in the middle of loading it.
            if loop := getattr(sys.modules.get("asyncio.base_events"), "BaseEventLoop", None):
                _replace(loop, "create_task", _create_task)
            for module, kind, name, noting in _IF_LOADED:
                if owner := getattr(sys.modules.get(module), kind, None):
                    _replace(owner, name, noting)
                elif module not in _awaited:
                    _await(module, kind, name, noting)


_awaited: set[str] = set()


def _await(module: str, kind: str, name: str, noting: Callable[[Any], Any]) -> None:
    """Replace a call of a module once that is loaded, if something is noted then."""
    from reloadls.reload.engine.program.library_imports import when_loaded  # noqa: PLC0415 - adapters stand above the engine

    def loaded(found: ModuleType) -> None:
        with _lock:
            if _in_force:
                _replace(getattr(found, kind), name, noting)

    _awaited.add(module)
    when_loaded(module, loaded)


def _end() -> None:
    global _in_force  # noqa: PLW0603
    with _lock:
        _in_force -= 1
        if _in_force == 0:
            while _plain:
                owner, name, value = _plain.pop()
                setattr(owner, name, value)


def _replace(owner: Any, name: str, noting: Callable[[Any], Any]) -> None:
    plain = getattr(owner, name)
    _plain.append((owner, name, plain))
    setattr(owner, name, noting(plain))


def _lasts(what: str, plain: Any) -> Any:
    """A call that nothing takes back."""

    @functools.wraps(plain)
    def call(*args: Any, **named: Any) -> Any:
        found = plain(*args, **named)
        _note(Effect(lasting=lambda: what), sys._getframe(1))
        return found

    return call


def _set_mask(plain: Any) -> Any:
    @functools.wraps(plain)
    def umask(mask: int) -> int:
        before: int = plain(mask)
        _note(Effect(lambda: plain(before), lambda: plain(mask)), sys._getframe(1))
        return before

    return umask


def _freeze(plain: Any) -> Any:
    @functools.wraps(plain)
    def freeze() -> None:
        plain()
        _note(Effect(gc.unfreeze, plain), sys._getframe(1))

    return freeze


def _start_new_thread(plain: Any) -> Any:
    @functools.wraps(plain)
    def start_new_thread(function: Any, *args: Any) -> int:
        number: int = plain(function, *args)
        code = getattr(function, "__code__", None)

        def lasting() -> str:
            frame = sys._current_frames().get(number)
            while frame is not None and frame.f_back is not None:
                frame = frame.f_back
            runs = frame is not None and (code is None or frame.f_code is code)
            return "a thread that it started is still running" if runs else ""

        caller = sys._getframe(1)
        if caller.f_globals.get("__name__") != "threading":
            _note(Effect(lasting=lasting), caller)
        return number

    return start_new_thread


def _register_codec(plain: Any) -> Any:
    @functools.wraps(plain)
    def register(search: Any) -> None:
        plain(search)
        _note(Effect(lambda: codecs.unregister(search), lambda: plain(search)), sys._getframe(1))

    return register


def _register_error_handler(plain: Any) -> Any:
    @functools.wraps(plain)
    def register_error(name: str, handler: Any) -> None:
        try:
            before = codecs.lookup_error(name)
        except LookupError:
            before = partial(_no_handler, name)
        plain(name, handler)
        effect = Effect(
            lambda: plain(name, before), lambda: plain(name, handler), target=("error", sys.intern(str(name)))
        )
        _note(effect, sys._getframe(1))

    return register_error


def _no_handler(name: str, _: UnicodeError) -> Any:
    raise LookupError(f"unknown error handler name '{name}'")


def _register_at_fork(plain: Any) -> Any:
    @functools.wraps(plain)
    def register_at_fork(**calls: Any) -> None:
        switches = {name: _AtExit(each, (), {}) for name, each in calls.items()}
        plain(**switches)

        def turn(*, off: bool) -> None:
            for each in switches.values():
                each.turn(off=off)

        _note(Effect(partial(turn, off=True), partial(turn, off=False)), sys._getframe(1))

    return register_at_fork


def _register_exit(plain: Any) -> Any:
    def register(function: Any, *args: Any, **kwargs: Any) -> Any:
        entry = _AtExit(function, args, kwargs)
        plain(entry)
        _note(Effect(partial(entry.turn, off=True), partial(entry.turn, off=False)), sys._getframe(1))
        return function

    return register


def _register_class(plain: Any) -> Any:
    def register(cls: Any, subclass: Any) -> Any:
        before = _registered(cls)
        plain(cls, subclass)
        effect = Effect(target=("subclass", cls, subclass))
        if subclass not in before:
            effect.undo, effect.redo = partial(_unregister_class, plain, cls, subclass), partial(plain, cls, subclass)
        _note(effect, sys._getframe(1))
        return subclass

    return register


def _unregister_class(plain: Any, cls: Any, subclass: Any) -> None:
    registered = _registered(cls)
    abc.ABCMeta._abc_registry_clear(cls)  # type: ignore[attr-defined]
    for each in registered:
        if each is not None and each is not subclass:
            plain(cls, each)
    abc.ABCMeta._abc_caches_clear(cls)  # type: ignore[attr-defined]


def _registered(cls: Any) -> list[Any]:
    """What was registered with an abstract class."""
    get: Any = importlib.import_module("_abc")._get_dump
    return [each() for each in get(cls)[0]]


class _AtExit:
    """One registration, distinguishable from another of the same function; `unregister` knows it by that."""

    def __init__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._function = function
        self._args = args
        self._kwargs = kwargs
        self._off = False

    def turn(self, *, off: bool) -> None:
        self._off = off

    def __call__(self) -> None:
        if not self._off:
            self._function(*self._args, **self._kwargs)

    def __eq__(self, other: object) -> bool:
        return other is self or bool(self._function == other)

    def __hash__(self) -> int:
        return hash(self._function)


def _set_signal(plain: Any) -> Any:
    def set_signal(number: Any, handler: Any) -> Any:
        before = plain(number, handler)
        if sys._getframe(1).f_globals.get("__name__") == "signal":
            return before  # it is noted there

        def back() -> None:
            if signal.getsignal(number) is handler:
                plain(number, before if before is not None else signal.SIG_DFL)

        _note(Effect(back, lambda: plain(number, handler), target=("signal", int(number))), sys._getframe(1))
        return before

    return set_signal


def _add_handler(plain: Any) -> Any:
    def add_handler(logger: Any, handler: Any) -> None:
        new = all(each is not handler for each in logger.handlers)
        plain(logger, handler)
        effect = Effect(target=("handler", logger, handler))
        if new:
            effect.undo, effect.redo = lambda: _take_out(logger.handlers, handler), lambda: plain(logger, handler)
        _note(effect, sys._getframe(1))

    return add_handler


def _take_out(handlers: list[Any], handler: Any) -> None:
    """Not by `removeHandler`: in the newest Pythons, that gives the logger another list."""
    handlers[:] = [each for each in handlers if each is not handler]


def _add_filter(plain: Any) -> Any:
    def add_filter(filterer: Any, each: Any) -> None:
        new = all(known is not each for known in filterer.filters)
        plain(filterer, each)
        effect = Effect(target=("filter", filterer, each))
        if new:
            effect.undo, effect.redo = lambda: filterer.removeFilter(each), lambda: plain(filterer, each)
        _note(effect, sys._getframe(1))

    return add_filter


def _start_thread(plain: Any) -> Any:
    def start(thread: Any) -> None:
        plain(thread)
        stops = callable(getattr(thread, "cancel", None))  # a Timer; a thread can't be stopped from outside
        pooled = type(thread).__module__ == "threading" and "_worker" in str(getattr(thread, "_target", ""))
        weak = weakref.ref(thread)
        if (stop := _stop_of_log(thread)) is not None:
            _note(Effect(stop), sys._getframe(1))
            return

        def lasting() -> str:
            known = weak()
            ends = stops or pooled or known is None or not known.is_alive()
            return "" if ends or known is None else f"the thread {known.name} that it started is still running"

        _note(Effect(_cancel(weak) if stops else None, lasting=lasting), sys._getframe(1))

    return start


def _stop_of_log(thread: Any) -> Callable[[], object] | None:
    """Ends a thread that hands log records on: what configures logging again starts another."""
    listener = getattr(getattr(thread, "_target", None), "__self__", None)
    if not hasattr(listener, "enqueue_sentinel"):  # a QueueListener
        return None
    weak = weakref.ref(thread)

    def stop() -> None:
        if listener is not None and listener._thread is weak():
            listener.stop()

    return stop


def _submit(plain: Any) -> Any:
    def submit(*args: Any, **kwargs: Any) -> Any:
        future = plain(*args, **kwargs)

        weak = weakref.ref(future)

        def lasting() -> str:
            known = weak()
            return (
                "a call that it gave to an executor is still running" if known is not None and known.running() else ""
            )

        _note(Effect(_cancel(weak), lasting=lasting), sys._getframe(1))
        return future

    return submit


def _cancel(weak: weakref.ref[Any]) -> Callable[[], object]:
    """What cancels a thing if it is still there. It is not kept: it may hold results, processes, descriptors."""

    def cancel() -> None:
        if (known := weak()) is not None:
            known.cancel()

    return cancel


def _start_process(plain: Any) -> Any:
    def start(process: Any, *args: Any, **kwargs: Any) -> None:
        plain(process, *args, **kwargs)

        def lasting() -> str:
            known = weak()
            alive = known is not None and (known.is_alive() if hasattr(known, "is_alive") else known.poll() is None)
            return f"the process {pid} that it started is still running" if alive else ""

        weak, pid = weakref.ref(process), process.pid
        _note(Effect(lasting=lasting), sys._getframe(1))

    return start


def _create_task(plain: Any) -> Any:
    def create_task(*args: Any, **kwargs: Any) -> Any:
        task = plain(*args, **kwargs)
        if _running.stack:
            weak = weakref.ref(task)

            def cancel() -> None:
                if (known := weak()) is not None:
                    known.get_loop().call_soon_threadsafe(known.cancel)

            _note(Effect(cancel), sys._getframe(1))
        return task

    return create_task


_IF_LOADED = (
    ("concurrent.futures.thread", "ThreadPoolExecutor", "submit", _submit),
    ("subprocess", "Popen", "__init__", _start_process),
    ("multiprocessing.process", "BaseProcess", "start", _start_process),
)
