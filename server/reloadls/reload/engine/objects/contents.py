"""The content of objects that change in place but hold no others: buffers, iterators, databases in memory."""

from __future__ import annotations

import os
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from gc import get_referents
from io import BytesIO, StringIO
from itertools import count
from types import FrameType, GeneratorType
from typing import Any

from reloadls.reload.engine.objects.containers import home_of, is_a

__all__ = [
    "content_of",
    "goes_on",
    "is_iterator",
    "is_overwritten",
    "leads_elsewhere",
    "leads_to",
    "may_have_content",
    "set_content",
]

_UNSET = object()
_LARGE = 1 << 18
"""Bytes of a database of which no copy is kept."""


def content_of(value: Any) -> Any:
    """The whole content of an object that is changed in place but holds no objects; None of any other."""
    kind = type(value)
    if kind in _WHOLE:
        return _WHOLE[kind][0](value)
    if issubclass(kind, bytearray):
        return bytearray.__getitem__(value, slice(None))
    if is_iterator(value):
        return _place(value)
    found = _late(kind)
    return None if found is None else found[0](value)


def set_content(value: Any, content: Any) -> bool:
    """Have it hold that instead; whether it can."""
    if content is _UNSET or content is None:
        return False
    kind = type(value)
    if issubclass(kind, bytearray):
        bytearray.__setitem__(value, slice(None), content)
        return True
    access = _WHOLE.get(kind) or _late(kind)
    if access is None:
        return _go_back(value, content)
    return access[1](value, content) is not False


def may_have_content(kind: type) -> bool:
    """Whether `content_of` may return something for the objects of a class."""
    return (
        kind in _WHOLE
        or issubclass(kind, bytearray)
        or kind in _ITERATORS
        or home_of(kind) == "itertools"
        or _late(kind) is not None
    )


def leads_elsewhere(kind: type) -> bool:
    """Whether `leads_to` may return something for the objects of a class."""
    cursor = getattr(sys.modules.get("sqlite3"), "Cursor", None)
    return is_a(cursor, type) and issubclass(kind, cursor)


def leads_to(value: Any) -> Iterable[Any]:
    """What is changed through an object that is written in C."""
    return (value.connection,) if leads_elsewhere(type(value)) else ()


def is_iterator(value: Any) -> bool:
    """Whether it is one of the interpreter's iterators, of which it can be seen how far they have come."""
    return type(value) in _ITERATORS or home_of(type(value)) == "itertools"


def goes_on(value: Any) -> bool:
    """Whether it is used up by the program all the time, so that what it was before means nothing any more."""
    return f"{home_of(type(value))}.{type(value).__qualname__}" == "random.Random"


def is_overwritten(value: Any) -> bool:
    """Whether each change of it replaces all that was there."""
    return type(value) is ContextVar


def _text(value: StringIO) -> Any:
    return None if value.closed else (value.getvalue(), value.tell())


def _set_text(value: Any, content: Any) -> bool:
    if value.closed:
        return False
    value.seek(0)
    value.truncate()
    value.write(content[0])
    value.seek(content[1])
    return True


def _value(variable: ContextVar[Any]) -> Any:
    try:
        return variable.get()
    except LookupError:
        return _UNSET


_Access = tuple[Callable[[Any], Any], Callable[[Any, Any], object]]
_WHOLE: dict[type, _Access] = {
    array: (lambda value: value[:], lambda value, content: value.__setitem__(slice(None), content)),
    StringIO: (_text, _set_text),
    BytesIO: (lambda value: None if value.closed else (value.getvalue(), value.tell()), _set_text),
    ContextVar: (_value, lambda variable, content: variable.set(content)),
}


# -- iterators


def _makes() -> Iterator[int]:
    yield 0


_SET_BACK: tuple[type, ...] = (
    type(iter([])),
    type(iter(())),
    type(iter("")),
    type(iter("é")),
    type(iter(b"")),
    type(reversed([])),
)
_ITERATORS: frozenset[type] = frozenset(
    [
        *_SET_BACK,
        *(GeneratorType, enumerate, zip, map, filter, type(iter(range(0))), type(iter(range(1 << 70)))),
        *(type(iter({})), type(iter({}.values())), type(iter({}.items())), type(iter(set()))),
    ]
)


def _place(iterator: Any) -> Any:
    """How far an iterator has come, as far as that can be seen without running it."""
    kind = type(iterator)
    if kind is count:
        numbers = [each for each in get_referents(iterator) if each is not kind]
        return repr(iterator) if all(type(each) in (int, float) for each in numbers) else None
    if kind is GeneratorType:
        return _place_of_generator(iterator)
    if kind in _SET_BACK:
        return (iterator.__reduce__()[2:] or ("ended",))[0]
    if hasattr(iterator, "__length_hint__"):
        return iterator.__length_hint__()
    inner = [each for each in get_referents(iterator) if type(each) in _ITERATORS or type(each) is count]
    return (tuple(_place(each) for each in inner),) if inner else None


def _place_of_generator(generator: GeneratorType[Any, Any, Any]) -> Any:
    frame = generator.gi_frame
    if not isinstance(frame, FrameType):
        return ("ended",)
    if generator.gi_running:
        return None
    inner = generator.gi_yieldfrom
    seen = [id(each) for each in frame.f_locals.values()]
    return (frame.f_lasti, *seen, _place(inner) if type(inner) in _ITERATORS else id(inner))


def _go_back(iterator: Any, content: Any) -> bool:
    if type(iterator) not in _SET_BACK or type(content) is not int:
        return False
    iterator.__setstate__(content)
    return bool(_place(iterator) == content)  # not one that has ended


# -- of modules that are known once they are loaded


def _late(kind: type) -> _Access | None:
    for module, name, access in _LATE:
        found = getattr(sys.modules.get(module), name, None)
        if is_a(found, type) and issubclass(kind, found):
            return access
    return None


def _database(connection: Any) -> Any:
    """A database in memory, or the number of its changes where it is large; None of one that is in a file."""
    sqlite = sys.modules["sqlite3"]
    try:
        # Not by the connection's own method, which may make rows by the program's code.
        rows = sqlite.Cursor(connection).execute("PRAGMA database_list").fetchall()
        if any(os.path.isabs(row[2]) for row in rows):
            return None
        data = _serialized(connection)
    except Exception:  # closed, of another thread, or without a way to copy it
        return None
    settings = (connection.row_factory, connection.text_factory, connection.isolation_level)
    return (data if len(data) <= _LARGE else connection.total_changes, settings)


def _serialized(connection: Any) -> bytes:
    sqlite = sys.modules["sqlite3"]
    try:
        data: bytes = sqlite.Connection.serialize(connection)
    except sqlite.OperationalError:  # an empty one
        return b""
    if len(data) < _HEADER:
        return data
    whole = bytearray(data)
    for start, end in _COUNTERS:
        whole[start:end] = bytes(end - start)
    return bytes(whole)


_HEADER = 100
_COUNTERS = ((24, 28), (40, 44), (92, 100))
"""Where in it SQLite counts changes: a copy that is put back counts on."""


def _set_database(connection: Any, content: Any) -> bool:
    data, settings = content
    if type(data) is not bytes:
        return False
    try:
        if data != _serialized(connection):
            _put_database(connection, data)
        connection.row_factory, connection.text_factory, connection.isolation_level = settings
    except Exception:
        return False
    return True


def _put_database(connection: Any, data: bytes) -> None:
    # A connection that was itself deserialized would no longer serialize what is not committed.
    sqlite = sys.modules["sqlite3"]
    source = sqlite.connect(":memory:")
    try:
        if data:
            source.deserialize(data)
        else:
            source.execute("CREATE TABLE one (word)")
            source.execute("DROP TABLE one")
        if connection.in_transaction:
            sqlite.Connection.rollback(connection)
        source.backup(connection)
    finally:
        source.close()


_DECIMAL = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")


def _context(context: Any) -> Any:
    traps = tuple(sorted(each.__name__ for each, on in context.traps.items() if on))
    return (*(getattr(context, name) for name in _DECIMAL), traps)


def _set_context(context: Any, content: Any) -> bool:
    for name, value in zip(_DECIMAL, content[:-1], strict=True):
        setattr(context, name, value)
    for each in list(context.traps):
        context.traps[each] = each.__name__ in content[-1]
    return True


def _set_random(generator: Any, content: Any) -> bool:
    generator.setstate(content)
    return True


def _random(generator: Any) -> Any:
    return generator.getstate() if goes_on(generator) else None


_LATE: tuple[tuple[str, str, _Access], ...] = (
    ("sqlite3", "Connection", (_database, _set_database)),
    ("decimal", "Context", (_context, _set_context)),
    ("random", "Random", (_random, _set_random)),
)
