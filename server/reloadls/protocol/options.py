"""Parse a client's options; mistakes in them are reported and never stop the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs
from attrs import frozen

from reloadls.wire.text import show

from .errors import Mismatch
from .explain import camel, did_you_mean

__all__ = ["OptionProblem", "Options", "parse_options"]


@frozen(kw_only=True)
class Options:
    """What to watch, and how. Durations in milliseconds."""

    paths: tuple[str, ...] | None = None
    """Files or folders, as given: absolute, `file://`, or relative to the first workspace folder.
    None: the workspace folders, else the working directory."""
    include: tuple[str, ...] = ()
    """Gitignore-style patterns; only matches are reported. Empty: everything."""
    exclude: tuple[str, ...] = ()
    """Added to the built-in ones."""
    use_gitignore: bool = True
    debounce_ms: int = 200
    """Quiet time after the last change before a batch is sent, 1 to 60000."""
    max_wait_ms: int = 2000
    """A batch is sent at the latest this long after its first change; at least `debounce_ms`."""
    force_polling: bool | None = None
    """Poll instead of native notifications. None: decide by the file system."""
    poll_delay_ms: int = 300
    """Time between polls, 50 to 60000."""
    watched_files: bool = True
    """Also send `workspace/didChangeWatchedFiles`."""


_MAX_UNKNOWN: Final = 20
"""More unknown fields than this are reported as one problem: a suggestion for each costs time."""
_LONGEST_NAME: Final = 100


@frozen
class OptionProblem:
    """One invalid option; `message` names the field, the value and what is allowed."""

    field: str
    message: str


def parse_options(raw: object, previous: Options | None = None) -> tuple[Options, list[OptionProblem]]:
    """Parse the options that a client sent. Never raises.

    An absent field keeps its value in `previous`. Null means the default; so does an invalid value, which also gives a
    problem. `maxWaitMs` is raised to `debounceMs` automatically unless it was sent, too.

    Args:
        raw: plain data.
        previous: the current options; None: the defaults.

    Returns:
        The options, and the invalid ones.
    """
    options = previous or Options()
    if raw is None or raw == []:  # as Lua, PHP and Emacs Lisp encode an empty object
        return options, []
    if not isinstance(raw, Mapping):
        return options, [OptionProblem("", f"the options must be an object, not {show(raw)}")]
    problems: list[OptionProblem] = []
    values: dict[str, Any] = {}
    unknown = [key for key in raw if key not in _READERS]
    if len(unknown) > _MAX_UNKNOWN:
        message = f"{len(unknown)} fields are not known, such as {show(unknown[0])}"
        problems.append(OptionProblem(str(unknown[0])[:_LONGEST_NAME], message))
        raw = {key: value for key, value in raw.items() if key in _READERS}
    for key, value in raw.items():
        try:
            name, read = _field(key)
            values[name] = _DEFAULTS[name] if value is None else read(value)
        except Mismatch as exc:
            problems.append(OptionProblem(exc.field or key, f"{exc.field or key} {exc.reason}"))
            if key in _READERS:
                values[_READERS[key][0]] = _DEFAULTS[_READERS[key][0]]
    return _fit_max_wait(attrs.evolve(options, **values), raw, problems), problems


def _field(key: object) -> tuple[str, Callable[[object], object]]:
    if not isinstance(key, str) or key not in _READERS:
        name = str(key)[:_LONGEST_NAME]
        raise Mismatch(f"is not a known field; {did_you_mean(name, list(_READERS))}", field=name)
    return _READERS[key]


def _fit_max_wait(options: Options, raw: Mapping[Any, Any], problems: list[OptionProblem]) -> Options:
    if options.max_wait_ms >= options.debounce_ms:
        return options
    if raw.get("maxWaitMs") is not None and all(problem.field != "maxWaitMs" for problem in problems):
        reason = f"maxWaitMs must be at least debounceMs ({options.debounce_ms}), not {options.max_wait_ms}"
        problems.append(OptionProblem("maxWaitMs", reason))
    return attrs.evolve(options, max_wait_ms=max(options.debounce_ms, _DEFAULTS["max_wait_ms"]))


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Mismatch(f"must be true or false, not {show(value)}")
    return value


def _integer(low: int, high: int | None) -> Callable[[object], int]:
    allowed = f"an integer from {low} to {high}" if high else "an integer of at least debounceMs"

    def read(value: object) -> int:
        if type(value) is not int or value < low or (high is not None and value > high):
            raise Mismatch(f"must be {allowed}, not {show(value)}")
        return value

    return read


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise Mismatch(f"must be an array of strings, not {show(value)}")
    return tuple(_text(item, index) for index, item in enumerate(value))


def _text(item: object, index: int) -> str:
    if not isinstance(item, str) or not item or "\0" in item:
        raise Mismatch(f"must hold only strings that are not empty and without NUL, not {show(item)} at [{index}]")
    return item


_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(attrs.asdict(Options(), recurse=False))

_READERS: Final[Mapping[str, tuple[str, Callable[[object], object]]]] = MappingProxyType(
    {
        camel(name): (name, read)
        for name, read in {
            "paths": _strings,
            "include": _strings,
            "exclude": _strings,
            "use_gitignore": _boolean,
            "debounce_ms": _integer(1, 60_000),
            "max_wait_ms": _integer(1, None),
            "force_polling": _boolean,
            "poll_delay_ms": _integer(50, 60_000),
            "watched_files": _boolean,
        }.items()
    }
)
"""Name on the wire -> (field, reader)."""
