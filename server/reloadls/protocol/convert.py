"""Convert between plain JSON data and message classes: strict when reading, sparse when writing.

Reading coerces nothing ("oops" is not a list of letters, True not an integer, 5 not a string), for LSP's types and ours
alike, and every error names field and reason (`explain`). Writing omits a field that equals its default, except where
LSP requires its null or the field is marked `always`.
"""

from __future__ import annotations

import collections.abc
import copy
import enum
import logging
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.cols import homogenous_tuple_structure_factory
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from lsprotocol.types import InitializeParams, is_special_property
from pygls.protocol import default_converter

from reloadls.wire.text import show
from reloadls.wire.uris import from_uri

from .errors import InvalidParams, Mismatch
from .explain import Step, camel, explain, locate
from .messages import PARAMS_TYPES

__all__ = ["explain", "make_converter", "paths_from", "structure_initialize", "structure_params"]

_log = logging.getLogger(__name__)
_MAX_UNKNOWN_CAPABILITIES: Final = 100

_MAX_PROCESS_ID: Final = 2**31 - 1
_OPTIONAL: Final = frozenset({"trace", "clientInfo", "locale", "workDoneToken"})
"""Fields of `initialize` that are dropped if they are invalid: nothing depends on them."""
_OF_EVERY_REQUEST: Final = frozenset({"workDoneToken", "partialResultToken", "_meta"})
"""Params that every request may have."""

Hook = Callable[[Any, Any], Any]

_SCALARS: Final[Mapping[type, tuple[tuple[type, ...], str]]] = {
    str: ((str,), "a string"),
    int: ((int,), "an integer"),
    float: ((int, float), "a number"),
    bool: ((bool,), "true or false"),
}


@lru_cache(maxsize=1)
def make_converter() -> Converter:
    """Return the converter of all endpoints of the process: it holds no state, but is expensive to build."""
    converter: Converter = default_converter()  # type: ignore[no-untyped-call]  # pygls has no types here
    converter.register_unstructure_hook_factory(attrs.has, lambda cls: _unstructure_hook(cls, converter))
    converter.register_structure_hook_factory(attrs.has, lambda cls: _object_hook(cls, converter))
    converter.register_structure_hook_factory(_is_array, lambda cls: _array_hook(cls, converter))
    converter.register_structure_hook_factory(_is_text_or_object, lambda cls: _text_or_object_hook(cls, converter))
    converter.register_structure_hook_factory(_is_enum, _enum_hook)
    converter.register_structure_hook_factory(_is_literal, _literal_hook)
    for scalar, (allowed, name) in _SCALARS.items():
        converter.register_structure_hook(scalar, _scalar_hook(allowed, name))
    return converter


def structure_params(converter: Converter, params: object, cls: Any) -> Any:
    """Convert params to `cls`; None counts as an empty object.

    Args:
        converter: the converter.
        params: plain data.
        cls: the class of the params.

    Raises:
        InvalidParams: names the first invalid field.
    """
    try:
        return converter.structure({} if params is None else params, cls)
    except Exception as exc:
        raise InvalidParams(*explain(exc)) from exc


def structure_initialize(converter: Converter, params: object) -> InitializeParams:
    """Convert the params of `initialize`, dropping capabilities that this LSP version does not know.

    Editors announce capabilities ahead of the specification. Neither those nor fields that only describe the client
    (its name, trace level, folder names) may make `initialize` fail.

    Args:
        converter: the converter.
        params: plain data.

    Raises:
        InvalidParams: a field other than a capability is invalid.
    """
    params = _normalized(copy.deepcopy(params))
    for _ in range(_MAX_UNKNOWN_CAPABILITIES):
        try:
            return converter.structure({} if params is None else params, InitializeParams)
        except Exception as exc:
            path, reason = locate(exc)
            if path and path[0] in _OPTIONAL and isinstance(params, dict) and path[0] in params:
                del params[path[0]]
                continue
            if path[:1] != ["capabilities"] or len(path) < 2 or not _drop(params, path):
                raise InvalidParams(*explain(exc)) from exc
            _log.info("ignoring a client capability: %s %s", explain(exc)[0], reason)
    raise InvalidParams("capabilities", "holds too many fields that LSP does not know")


def _normalized(params: Any) -> Any:
    """Return the params of `initialize` with a usable process ID and usable folder names."""
    if not isinstance(params, dict):
        return params
    number = params.get("processId")
    # JSON parsers turn a number of more than 64 bits into a float.
    if isinstance(number, int | float) and not isinstance(number, bool) and not 0 < number <= _MAX_PROCESS_ID:
        _log.info("ignoring the process ID %s", show(number))
        params["processId"] = None
    elif isinstance(number, float) and number.is_integer():  # as Lua encodes integers
        params["processId"] = int(number)
    if "capabilities" in params and params["capabilities"] is None:
        params["capabilities"] = {}
    if params.get("workspaceFolders") == {}:  # as Emacs Lisp encodes an empty array
        params["workspaceFolders"] = []
    folders = params.get("workspaceFolders")
    for folder in folders if isinstance(folders, list) else ():
        if isinstance(folder, dict) and not isinstance(folder.get("name"), str):
            folder["name"] = ""
    return params


def _drop(data: Any, path: list[Step]) -> bool:
    """Remove the last existing part of a path from the data."""
    for step in path[:-1]:
        inner = data[step]
        if not isinstance(inner, dict | list):
            break
        data = inner
    else:
        step = path[-1]
    if isinstance(data, dict) and step not in data:
        return False
    del data[step]
    return True


def _unstructure_hook(cls: Any, converter: Converter) -> Callable[[Any], Any]:
    overrides = {
        field.name: override(
            rename=camel(field.name),
            omit_if_default=not (field.metadata.get("always") or is_special_property(cls, field.name)),
        )
        for field in attrs.fields(cls)
    }
    # cattrs types its overrides by position, which a dict can't express.
    return make_dict_unstructure_fn(cls, converter, **overrides)  # type: ignore[arg-type]


def _object_hook(cls: Any, converter: Converter) -> Hook:
    overrides = {field.name: override(rename=camel(field.name)) for field in attrs.fields(cls)}
    structure = make_dict_structure_fn(
        cls,
        converter,
        _cattrs_forbid_extra_keys=cls in PARAMS_TYPES,
        **overrides,  # type: ignore[arg-type]  # as above
    )

    strict = cls in PARAMS_TYPES

    def hook(value: Any, _cls: Any) -> Any:
        if value == []:  # as Lua, PHP and Emacs Lisp encode an empty object
            value = {}
        if not isinstance(value, dict):
            raise Mismatch(f"must be an object, not {show(value)}")
        if strict and not _OF_EVERY_REQUEST.isdisjoint(value):
            value = {key: part for key, part in value.items() if key not in _OF_EVERY_REQUEST}
        return structure(value, cls)

    return hook


def _is_text_or_object(cls: Any) -> bool:
    """Return whether `cls` is a string, a message class of ours, or either's null."""
    options = set(get_args(cls)) - {NoneType} if get_origin(cls) is UnionType else set()
    return len(options) == 2 and str in options and all(option is str or attrs.has(option) for option in options)


def _text_or_object_hook(cls: Any, converter: Converter) -> Hook:
    (inner,) = set(get_args(cls)) - {NoneType, str}

    def hook(value: Any, _cls: Any) -> Any:
        if isinstance(value, str) or (value is None and NoneType in get_args(cls)):
            return value
        if not isinstance(value, dict | list):
            raise Mismatch(f"must be a string or an object, not {show(value)}")
        return converter.structure(value, inner)

    return hook


def _is_array(cls: Any) -> bool:
    origin, args = get_origin(cls), get_args(cls)
    return origin in (list, collections.abc.Sequence) or (origin is tuple and args[1:] == (...,))


def _array_hook(cls: Any, converter: Converter) -> Hook:
    array: Any = tuple[get_args(cls)[0], ...]  # type: ignore[misc]  # a type made at run time
    structure = homogenous_tuple_structure_factory(array, converter)

    def hook(value: Any, _cls: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise Mismatch(f"must be an array, not {show(value)}")
        return structure(value, cls)

    return hook


def _scalar_hook(allowed: tuple[type, ...], name: str) -> Hook:
    def hook(value: Any, cls: Any) -> Any:
        # cattrs dispatches by base class, and LSP's enumerations are strings and integers, too.
        if _is_enum(cls):
            return _enum_hook(cls)(value, cls)
        # By exact type: a bool is an int in Python, but not in JSON.
        if type(value) not in allowed:
            raise Mismatch(f"must be {name}, not {show(value)}")
        return value

    return hook


def _is_enum(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, enum.Enum)


@cache
def _enum_hook(cls: Any) -> Hook:
    values = [member.value for member in cls]

    def hook(value: Any, _cls: Any) -> Any:
        if not any(type(value) is type(known) and value == known for known in values):
            raise Mismatch(_one_of(values, value))
        return cls(value)

    return hook


def _is_literal(cls: Any) -> bool:
    return get_origin(cls) is Literal


def _literal_hook(cls: Any) -> Hook:
    values = get_args(cls)

    def hook(value: Any, _cls: Any) -> Any:
        if not any(type(value) is type(known) and value == known for known in values):
            raise Mismatch(_one_of(values, value))
        return value

    return hook


def _one_of(values: collections.abc.Sequence[object], value: object) -> str:
    return f"must be one of {', '.join(map(show, values))}, not {show(value)}"


def paths_from(uris: tuple[str, ...] | list[str], *, field: str) -> list[str]:
    """Return the paths of file URIs.

    Args:
        uris: the URIs.
        field: the params field that holds them, for errors.

    Raises:
        InvalidParams: names the first URI that is not a file URI.
    """
    paths = []
    for index, uri in enumerate(uris):
        try:
            paths.append(from_uri(uri))
        except ValueError as exc:
            raise InvalidParams(f"{field}[{index}]", str(exc)) from None
    return paths
