"""Code that only decides which function is called, and looks like the function that it stands in for."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from types import CodeType, FunctionType

__all__ = ["copy_of", "dispatching", "has_same_signature"]

_KINDS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE
_VARIABLE = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
_CHOOSE = "reloadls: chooses the function"


def copy_of(function: FunctionType, code: CodeType) -> FunctionType:
    """A function that runs this code with all that another one has: globals, closure, attributes."""
    copy = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__qualname__, copy.__module__, copy.__doc__ = function.__qualname__, function.__module__, function.__doc__
    vars(copy).update(vars(function))
    return copy


def has_same_signature(one: CodeType, other: CodeType) -> bool:
    """Whether two functions take the same arguments and are of the same kind."""
    return _signature(one) == _signature(other) and len(one.co_freevars) == len(other.co_freevars)


def dispatching(code: CodeType, choose: Callable[[], FunctionType]) -> CodeType | None:
    """Code that calls `choose()` with its arguments, for the function that has the given code.

    It is chosen when the function is called, also for coroutine functions and generators: the code says to be of that
    kind, but returns what the chosen one returns. Its signature and place are those of the given code.

    Returns:
        The code; None if it can't be made.
    """
    try:
        made = _compiled(code)
    except SyntaxError:  # a parameter without a name, as comprehensions have
        return None
    return made.replace(
        co_consts=tuple(choose if each == _CHOOSE else each for each in made.co_consts),
        co_flags=made.co_flags | code.co_flags & _KINDS,
        co_freevars=code.co_freevars,
        co_name=code.co_name,
        co_qualname=code.co_qualname,
    )


def _signature(code: CodeType) -> tuple[object, ...]:
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
    return (*counts, code.co_flags & (_KINDS | _VARIABLE), _parameters(code))


def _parameters(code: CodeType) -> tuple[str, ...]:
    more = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + more]


def _compiled(code: CodeType) -> CodeType:
    free = ", ".join(f"free_{index}" for index, _ in enumerate(code.co_freevars))
    parameters, arguments = _texts(code)
    text = f"""
def outer({free}):
    def inner({parameters}):
        reloadls_choose = {_CHOOSE!r}
        return reloadls_choose()({arguments})
        {f"({free},)" if free else "pass"}
"""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):
            node.lineno = node.end_lineno = code.co_firstlineno  # type: ignore[attr-defined]
    [outer] = _inside(compile(tree, code.co_filename, "exec", dont_inherit=True))
    [inner] = _inside(outer)
    return inner


def _inside(code: CodeType) -> list[CodeType]:
    return [each for each in code.co_consts if isinstance(each, CodeType)]


def _texts(code: CodeType) -> tuple[str, str]:
    """The parameters and the arguments as source text."""
    names = list(_parameters(code))
    keyword_only = code.co_argcount + code.co_kwonlyargcount
    positional, keywords, rest = names[: code.co_argcount], names[code.co_argcount : keyword_only], names[keyword_only:]
    only = code.co_posonlyargcount
    parameters = [*positional[:only], *(["/"] if only else []), *positional[only:]]
    arguments = list(positional)
    if code.co_flags & inspect.CO_VARARGS:
        star = f"*{rest.pop(0)}"
        parameters.append(star)
        arguments.append(star)
    elif keywords:
        parameters.append("*")
    parameters += keywords
    arguments += [f"{name}={name}" for name in keywords]
    if rest:
        parameters.append(f"**{rest[0]}")
        arguments.append(f"**{rest[0]}")
    return ", ".join(parameters), ", ".join(arguments)
