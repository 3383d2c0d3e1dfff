"""What statements did where no look at the object shows it: to those written in C, and to what functions are."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType, MethodDescriptorType, ModuleType, WrapperDescriptorType
from typing import Any

from reloadls.reload.engine.analysis.names import Chain
from reloadls.reload.engine.analysis.shapes import dump
from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.containers import CONTAINERS, home_of, is_a
from reloadls.reload.engine.objects.contents import content_of, leads_to
from reloadls.reload.engine.program.dependents import value_at
from reloadls.reload.engine.program.modules import LoadedModule

__all__ = ["Unseen", "unseen_acts", "waits_for_lock"]

_IMMUTABLE = (str, bytes, int, float, complex, range, tuple, frozenset, type, type(None), CodeType, FunctionType)
_ONLY_LOOKS = (
    *("get", "is", "has", "read", "find", "fetch", "peek", "tell", "fileno", "count", "index", "copy", "locked"),
    *("digest", "hexdigest", "qsize", "empty", "full", "match", "search", "items", "keys", "values", "commit", "flush"),
    *("rollback", "cache_clear", "info", "debug", "__"),
)
"""How the names of methods begin that change nothing which a fresh start would not have."""
_OVERWRITES = (
    *("set", "create_", "enable", "disable", "listen", "close", "reconfigure"),
    *("shutdown", "truncate", "seek", "start", "stop", "clear", "detach", "["),
)
"""The same of those whose second call takes the place of the first."""
_OF_ITSELF = frozenset(["__bases__", "__code__", "__defaults__", "__kwdefaults__", "__name__", "__qualname__"])
"""What a function or class is; these are not among its attributes."""
_OF_CONNECTIONS = ("create_", "set_", "enable_", "load_")
"""Methods of a connection to SQLite that change more than the database, of which a copy is kept."""
_QUESTIONS = ("select", "pragma", "explain", "begin", "create table if not exists", "vacuum", "analyze")


@dataclass(frozen=True, eq=False)
class Unseen:
    """One such act."""

    chain: Chain
    """The names that lead to the object."""
    owner: Any
    verb: str
    """The method, or `[...]`."""
    key: str
    """Its first argument, if that is a constant."""
    value: Any = None
    """What an attribute was set to."""

    def is_left(self, module: LoadedModule) -> bool:
        """Whether the object is still there, and may still be different for it."""
        if value_at(module, self.chain) is not self.owner:
            return False
        if self.verb in _OF_ITSELF:
            return getattr(self.owner, self.verb, None) is self.value
        locked = getattr(self.owner, "locked", None)
        return locked() is True if self.verb == "acquire" and callable(locked) else True

    def is_overwritten_by(self, other: Unseen) -> bool:
        """Whether another takes the place of this."""
        same = self.owner is other.owner and (self.verb, self.key) == (other.verb, other.key)
        return same and (self.verb.startswith(_OVERWRITES) or self.verb in _OF_ITSELF)

    def __str__(self) -> str:
        if self.verb in _OF_ITSELF:
            return f"what {'.'.join(self.chain)}.{self.verb} was set to"
        verb = self.verb if self.verb == "[...]" else f".{self.verb}(...)"
        return f"what {'.'.join(self.chain)}{verb} did"


def unseen_acts(module: LoadedModule, statement: Statement, now: Statement | None = None) -> list[Unseen]:
    """What a statement did that neither is taken back nor done over.

    Args:
        module: whose it is.
        statement: as it was run.
        now: what takes its place, if it is not gone.
    """
    binds = statement.facts.uses.binds
    found = [each for each in _acts(module, statement.facts.nodes) if each.chain[0] not in binds]
    again = [] if now is None or not found else list(_acts(module, now.facts.nodes))
    return [each for each in found if not any(each.is_overwritten_by(other) for other in again)]


def waits_for_lock(module: LoadedModule, statement: Statement) -> bool:
    """Whether a statement would wait for a lock that is held, perhaps forever."""
    if "acquire" not in statement.facts.words:
        return False
    calls = [each for node in _inner(statement.facts.nodes) for each in ast.walk(node) if isinstance(each, ast.Call)]
    for call in calls:
        chain = _chain_of(call.func)
        if chain is not None and len(chain) > 1 and chain[-1] == "acquire" and not (call.args or call.keywords):
            locked = getattr(value_at(module, chain[:-1]), "locked", None)
            if inspect.isbuiltin(locked) and locked():
                return True
    return False


def _acts(module: LoadedModule, nodes: Iterable[ast.stmt]) -> Iterator[Unseen]:
    for call in _calls(nodes):
        if isinstance(call.func, ast.Name) and call.func.id == "print":
            chain = next((_chain_of(each.value) for each in call.keywords if each.arg == "file"), None)
            chain = None if chain is None else (*chain, "write")
        else:
            chain = _chain_of(call.func)
        if chain is not None and len(chain) > 1:
            yield from _act(module, chain[:-1], chain[-1], _first_of(call))
    for target in _targets(nodes):
        chain = _chain_of(target.value)
        if chain is None:
            continue
        if isinstance(target, ast.Subscript):
            yield from _act(module, chain, "[...]", dump([target.slice]))
        elif target.attr in _OF_ITSELF:
            owner = value_at(module, chain)
            if is_a(owner, (FunctionType, type)):
                yield Unseen(chain, owner, target.attr, "", getattr(owner, target.attr))


def _act(module: LoadedModule, chain: Chain, verb: str, key: str) -> Iterator[Unseen]:
    owner = value_at(module, chain)
    if owner is None or is_a(owner, (*_IMMUTABLE, *CONTAINERS, ModuleType)):
        return
    method = inspect.getattr_static(type(owner), "__setitem__" if verb == "[...]" else verb, None)
    if not is_a(method, (MethodDescriptorType, WrapperDescriptorType)) or verb.startswith(_ONLY_LOOKS):
        return
    streams = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    if verb.startswith("write") and any(owner is each for each in streams):
        return
    if verb.startswith("execute") and key.lower().lstrip().startswith(_QUESTIONS):
        return
    inside = next(iter(leads_to(owner)), owner)
    if content_of(inside) is None or (verb.startswith(_OF_CONNECTIONS) and home_of(type(owner)) == "sqlite3"):
        yield Unseen(chain, owner, verb, key)


def _calls(nodes: Iterable[ast.stmt]) -> Iterator[ast.Call]:
    """The calls that are made for what they do."""
    for node in _inner(nodes):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield node.value


def _first_of(call: ast.Call) -> str:
    """The first argument, if it is a constant, and others say what becomes of that."""
    several = len(call.args) + len(call.keywords) > 1 or str(getattr(call.func, "attr", "")).startswith("execute")
    return str(call.args[0].value) if several and call.args and isinstance(call.args[0], ast.Constant) else ""


def _targets(nodes: Iterable[ast.stmt]) -> Iterator[ast.Subscript | ast.Attribute]:
    for node in _inner(nodes):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        yield from (each for each in targets if isinstance(each, (ast.Subscript, ast.Attribute)))


def _inner(nodes: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements, and those in their blocks that run with them."""
    waiting = [*reversed([*nodes])]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        yield node
        inner = [each for name in ("body", "orelse", "finalbody") for each in getattr(node, name, ())]
        waiting += reversed(inner)


def _chain_of(node: ast.expr) -> Chain | None:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else None
