"""The public API is what `public_api.txt` says: a change of a name or a signature is meant, and is in the changelog.

Write it anew with ``RELOADLS_TEST_WRITE_API=1``.
"""

from __future__ import annotations

import importlib
import inspect
import os
import typing
from collections.abc import Iterator
from pathlib import Path

_MODULES = ("reloadls", "reloadls.config", "reloadls.pool", "reloadls.reload", "reloadls.protocol")
_EXPECTED = Path(__file__).with_name("public_api.txt")


def _signature(thing: object) -> str:
    try:
        return str(inspect.signature(thing))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""


def _members(owner: type) -> Iterator[tuple[str, object]]:
    for name in sorted(vars(owner)):
        if not name.startswith("_") or name in ("__aenter__", "__enter__", "__aiter__"):
            yield name, inspect.getattr_static(owner, name)


def _lines() -> Iterator[str]:
    for module_name in _MODULES:
        module = importlib.import_module(module_name)
        for name in sorted(module.__all__):
            thing = getattr(module, name)
            at = f"{module_name}.{name}"
            if not inspect.isclass(thing):
                yield at + (_signature(thing) if inspect.isroutine(thing) else "")
                continue
            yield f"class {at}{'' if issubclass(thing, BaseException) else _signature(thing)}"
            if typing.get_origin(thing) is None and not issubclass(thing, (BaseException, dict)):
                for member, what in _members(thing):
                    if inspect.isroutine(what):
                        yield f"    {member}{_signature(what)}"
                    elif isinstance(what, (staticmethod, classmethod)):
                        yield f"    {member}{_signature(what.__func__)}"
                    elif isinstance(what, property):
                        yield f"    {member}"


def test_the_public_api_is_as_listed() -> None:
    found = "\n".join(_lines()) + "\n"
    if os.environ.get("RELOADLS_TEST_WRITE_API"):
        _EXPECTED.write_text(found)
    assert found == _EXPECTED.read_text()
