"""Running calls that have got a default value which is another one after a commit."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.objects.running import frames
from reloadls.reload.engine.objects.values import same_value
from reloadls.reload.engine.program.modules import LoadedModule, Modules

__all__ = ["Given", "given_defaults"]


class Given(NamedTuple):
    """A default that a running call has got."""

    module: LoadedModule
    code: CodeType
    argument: str
    value: Any

    def is_another_now(self) -> bool:
        """Whether the next call gets another one."""
        function = _function(self.module, self.code)
        defaults = {} if function is None else _defaults(function)
        if self.argument not in defaults:
            return False
        now = defaults[self.argument]
        return now is not self.value and not same_value(now, self.value)


def given_defaults(modules: Modules) -> list[Given]:
    """The defaults that the running calls of the program's functions have got."""
    return list({(id(each.code), each.argument): each for each in _given(modules)}.values())


def _given(modules: Modules) -> Iterator[Given]:
    for frame in frames():
        module = modules.named(str(dict.get(frame.f_globals, "__name__")))
        if module is None or module.namespace is not frame.f_globals:
            continue
        function = _function(module, frame.f_code)
        if function is None:
            continue
        for argument, value in _defaults(function).items():
            if frame.f_locals.get(argument) is value:
                yield Given(module, frame.f_code, argument, value)


def _function(module: LoadedModule, code: CodeType) -> FunctionType | None:
    first, *rest = code.co_qualname.split(".")
    value: Any = module.namespace.get(first)
    for name in rest:
        value = type.__getattribute__(value, "__dict__").get(name) if is_a(value, type) else None
    value = value.__func__ if is_a(value, (staticmethod, classmethod)) else value
    return value if is_a(value, FunctionType) else None


def _defaults(function: FunctionType) -> dict[str, Any]:
    code, values = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount][code.co_argcount - len(values) :]
    return {**dict(zip(names, values, strict=False)), **(function.__kwdefaults__ or {})}
