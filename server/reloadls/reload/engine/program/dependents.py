"""Which statements depend on a changed name: those that read it while they ran, or called what reads it.

A *key* is a module's name and a qualified name in it. `Cls.attr` is an attribute of a class, `Cls.*` any of them, and
`Cls.@` or `function.@` what it says of itself: its members, signature or docstring.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import EnumMeta
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from reloadls.reload.engine.analysis.bytecode import all_names_in, stored_in
from reloadls.reload.engine.analysis.diff import is_block
from reloadls.reload.engine.analysis.inner import CALLED_AT_ONCE
from reloadls.reload.engine.analysis.names import IMPORT, Chain, Reads, chain_of
from reloadls.reload.engine.analysis.operands import operands
from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.changes import attributes_of
from reloadls.reload.engine.objects.containers import home_of, is_a, length
from reloadls.reload.engine.objects.reach import reaches

from .modules import LoadedModule, Modules
from .reflection import is_seen, looks_at, looks_at_names, statements_that_look

__all__ = ["Key", "Origin", "Use", "classes_with", "dependents", "depends", "dispatchers", "imported_from", "value_at"]

Key = tuple[str, str]
Origin = tuple[LoadedModule, Statement]
"""A statement and the module that it is in."""
Use = tuple[Key, bool]
"""What a function uses that is different; whether that is a function whose calls do something else, else a value."""
OnFunction = Callable[[LoadedModule, str, Use], None]


@dataclass(frozen=True, slots=True)
class _Changed:
    """One name that changed, and the words by which statements may mean it."""

    key: Key
    body: bool
    """A function whose calls do something else now; else a value."""
    words: frozenset[str]
    owner: type | None = None
    """The class whose attribute it is."""
    mentions: list[Origin] = field(default_factory=list)
    """The statements with one of those words."""
    homes: frozenset[str] = frozenset()
    """The modules of that class, and of those that inherit from it."""
    leading: frozenset[str] = frozenset()
    """The names of that class, its instances, and of what holds them, unless it is a method."""
    is_looked_at: bool = False
    """Whether what is given that class, or an instance of it, may look at its members at once."""

    def may_be(self, chain: Chain) -> bool:
        """Whether reading a chain may lead to it by one of its words."""
        return not self.words or not self.words.isdisjoint(chain)


def dependents(
    modules: Modules, key: Key, *, body: bool = False, on_function: OnFunction | None = None
) -> Iterator[Origin]:
    """The statements that would do something else now, if they ran again. Each at most once.

    Args:
        modules: the program.
        key: what changed.
        body: it is a function that was patched in place, so that only calling it differs.
        on_function: called for each function whose calls do something else now, and what it uses that is different.
    """
    known: set[tuple[Key, bool]] = set()
    waiting: list[_Changed] = []

    def follow(each: tuple[Key, bool]) -> None:
        if each not in known:
            known.add(each)
            waiting.append(_changed(modules, *each))
            for other in _of_function(modules.named(each[0][0]), each[0][1]) if each[1] else ():
                follow(other)

    follow((key, body))
    given: set[Statement] = set()
    while waiting:
        changed = waiting.pop()
        for origin in _classes_made_by(modules, changed.key):
            if origin[1] not in given:
                given.add(origin[1])
                yield origin
        for origin in (*_that_loaded(modules, changed), *_that_ran(modules, changed)):
            if origin[1] not in given:
                given.add(origin[1])
                yield origin
        for name, origin in _that_look(modules, changed):
            if name is not None:
                follow(((origin[0].name, name), True))
            elif origin[1] not in given:
                given.add(origin[1])
                yield origin
        for module, statement in _that_may_mean(changed):
            if statement not in given and _depends(modules, module, statement, changed):
                given.add(statement)
                yield module, statement
            for name in _functions_that_depend(modules, module, statement, changed):
                if on_function is not None:
                    on_function(module, name, (changed.key, changed.body))
                follow(((module.name, name), True))


_LIVE = (ModuleType, FunctionType, type)


def _that_loaded(modules: Modules, changed: _Changed) -> Iterator[Origin]:
    """The statements that had a module loaded whose name they don't say: of values that don't hold it, and loops."""
    module = modules.named(changed.key[0])
    if changed.body or module is None or "." in changed.key[1]:
        return
    own = {id(module.module), *map(id, list(module.namespace.values()))}
    for importer, _ in module.importers:
        line = module.imported_on(importer)
        statement = importer.source.at(line) if line is not None else None
        uses = statement.facts.uses if statement is not None else None
        if statement is None or uses is None or statement.facts.imports or statement.facts.is_definition:
            continue
        if changed.key[1] in statement.facts.words and not (module.by_hand and not uses.value):
            yield importer, statement
            continue
        if module.by_hand or not (uses.value and uses.binds):  # what is loaded by hand would be another module
            continue
        values = [importer.namespace.get(name) for name in uses.binds]
        held = [part for value in values for part in (value, *(_parts(value) if is_a(value, _TABLES) else ()))]
        if not any((id(each) in own and is_a(each, _LIVE)) or id(type(each)) in own for each in held):
            yield importer, statement


def _that_ran(modules: Modules, changed: _Changed) -> Iterator[Origin]:
    """The statements of plain values within which the function ran, however it was called."""
    for module in modules if changed.body else ():
        yield from ((module, each) for each in module.values_by(changed.key, modules.owns))


def _that_look(modules: Modules, changed: _Changed) -> Iterator[tuple[str | None, Origin]]:
    """The statements that look at all names of a module of which one changed, and the functions that do."""
    module = modules.named(changed.key[0])
    if changed.body or module is None or "." in changed.key[1]:
        return
    for statement in statements_that_look(module, changed.key[1]):
        uses = statement.facts.uses
        seen = looks_at_names(module, uses.now) and is_seen(module, changed.key[1], statement)
        if seen and uses.binds and changed.key[1] not in uses.binds:
            yield None, (module, statement)
        for name, reads in uses.later.items():
            if reads.namespace:
                yield name, (module, statement)


def _of_function(module: LoadedModule | None, name: str) -> list[tuple[Key, bool]]:
    """What a function that does something else makes different, too."""
    if module is None:
        return []
    binders = (each for each in module.source.statements if name in each.facts.uses.binds)
    found = [(key, True) for each in binders for key in dispatchers(module, each)]
    return [*found, *_of_class(module, name)]


def dispatchers(module: LoadedModule, statement: Statement) -> list[Key]:
    """The functions that what a statement defines was registered with, so that they call it, and its own names."""
    owners = [value_at(module, chain[:-1]) for chain in statement.facts.uses.now.decorators if len(chain) > 1]
    found = [(each.__module__, each.__qualname__) for each in owners if is_a(each, FunctionType)]
    return [*found, *((module.name, name) for name in statement.facts.uses.binds if found)]


_HOOKS: dict[str, Callable[[type], Iterable[type]]] = {
    "__init_subclass__": lambda cls: cls.__mro__[1:],
    "__new__": lambda cls: inspect.getmro(type(cls)),
    "__init__": lambda cls: inspect.getmro(type(cls)),
    "__prepare__": lambda cls: inspect.getmro(type(cls)),
    "__set_name__": lambda cls: [base for value in vars(cls).values() for base in type(value).__mro__],
}
"""Functions that run while a class is made -> the classes that bring them."""


def _classes_made_by(modules: Modules, key: Key) -> Iterator[Origin]:
    """The statements of classes whose making calls this function."""
    outer, _, last = key[1].rpartition(".")
    if last not in _HOOKS or not outer:
        return
    for module in modules:
        for statement in module.source.statements:
            for node in statement.facts.nodes:
                made = module.namespace.get(node.name) if isinstance(node, ast.ClassDef) else None
                if is_a(made, type) and any(
                    home_of(each) == key[0] and each.__qualname__ == outer for each in _HOOKS[last](made)
                ):
                    yield module, statement


def _of_class(module: LoadedModule, name: str) -> list[tuple[Key, bool]]:
    """What a method that does something else makes different, too.

    An instance that is made and used at once, and the methods of subclasses that call it through `super()`.
    """
    outer, _, last = name.rpartition(".")
    if not outer or "<locals>" in name or last in ("*", "@"):
        return []
    found: list[tuple[Key, bool]] = [((module.name, f"{outer}.*"), False)]
    for cls in _subclasses(module.namespace.get(outer)):
        function = vars(cls).get(last)
        if is_a(function, FunctionType) and "super" in function.__code__.co_names:
            found.append(((home_of(cls), f"{cls.__qualname__}.{last}"), True))
    return found


def _subclasses(cls: object) -> list[type]:
    found: list[type] = [cls] if is_a(cls, type) else []
    for each in found:
        below: list[type] = type.__subclasses__(each)
        found.extend(other for other in below if other not in found)
    return found[1:]


def depends(modules: Modules, module: LoadedModule, statement: Statement, key: Key) -> bool:
    """Whether a statement reads this very value, or calls this very function, when it runs."""
    return any(_depends(modules, module, statement, _of_key(modules, key, body)) for body in (False, True))


def imported_from(module: LoadedModule, node: ast.ImportFrom) -> str:
    """The full name of the module that a `from` statement takes from."""
    return _absolute(module, node.level, node.module or "")


def _absolute(module: LoadedModule, level: int, name: str) -> str:
    """The full name of a module that a name leads to from another one (PEP 328)."""
    if not level:
        return name
    package = str(module.namespace.get("__package__") or module.name.rpartition(".")[0])
    parts = package.split(".")
    base = parts[: len(parts) - level + 1]
    return ".".join([*base, *([name] if name else [])])


def _changed(modules: Modules, key: Key, body: bool) -> _Changed:
    """With the other names under which statements import it."""
    word = key[1].partition(".<locals>")[0].rpartition(".")[2]
    if word in ("*", "@"):
        word = key[1].split(".")[-2]
    words = {word, *([] if body else [key[0].rpartition(".")[2]])}
    if key[1].endswith(".*") and _is_looked_at(modules, key):
        words.update(_names_of_instances(modules, (key[0], key[1].removesuffix(".*"))))
    if key[1].endswith((".*", ".@")):
        module = modules.named(key[0])
        owner = None if module is None else _class_named(module, key[1][:-2])
        words.update(each.__name__ for each in _subclasses(owner))
    if body and _is_special(key[1]):
        words.update(_names_of_instances(modules, (key[0], key[1].rpartition(".")[0])))
    if key[1] == "__getattr__":
        words.add(key[0].rpartition(".")[2])
    if key[1].endswith(".__subclasses__"):
        words.add(key[1].split(".")[-2])
    leading = frozenset() if body or word.startswith("__") else frozenset(_names_leading_to(modules, key))
    words |= leading
    found = list(_that_mention(modules, frozenset(words)))
    tables = {name for origin in found for name in _tables(*origin)} if body else set()
    if not tables <= words:
        words |= tables
        found = list(_that_mention(modules, frozenset(words)))
    others: set[str] = set()
    for _, statement in found:
        for node in statement.facts.imports:
            others.update(
                alias.asname for alias in node.names if alias.asname and alias.name.rpartition(".")[2] in words
            )
    if not others <= words:
        words |= others
        found = list(_that_mention(modules, frozenset(words)))
    found += _that_ran_code_with(modules, leading) if leading else ()
    return replace(_of_key(modules, key, body, frozenset(words)), mentions=found, leading=leading)


def _that_ran_code_with(modules: Modules, names: frozenset[str]) -> Iterator[Origin]:
    """The statements within which functions ran whose code reads one of these names."""
    called = {each for module in modules for each in module.all_calls}
    reading = {each for each in called if not names.isdisjoint(_names_in_function(modules, *each))}
    for module in modules:
        for statement in module.source.statements if not reading.isdisjoint(module.all_calls) else ():
            if not reading.isdisjoint(module.calls.get(statement.facts, ())):
                yield module, statement


def _tables(module: LoadedModule, statement: Statement) -> Iterator[str]:
    """The names that a statement gives to what may hold functions."""
    if statement.facts.uses.value:
        yield from (name for name in statement.facts.uses.binds if is_a(module.namespace.get(name), _TABLES))


_TABLES = (dict, list, tuple, set, frozenset)
_MOST_HELD = 100
"""How many entries are looked at in a container that may hold a class."""


def _of_key(modules: Modules, key: Key, body: bool, words: frozenset[str] = frozenset()) -> _Changed:
    module = modules.named(key[0])
    owner = None if module is None else _class_named(module, key[1].rpartition(".")[0])
    kinds = [] if owner is None else [owner, *_subclasses(owner)]
    homes = frozenset(home_of(each) for each in (*kinds, *(owner.__mro__ if owner is not None else ())))
    is_looked_at = key[1].endswith(".*") and any(map(modules.reads_class, kinds))
    return _Changed(key, body, words, owner, homes=homes, is_looked_at=is_looked_at)


def _is_looked_at(modules: Modules, key: Key) -> bool:
    module = modules.named(key[0])
    cls = None if module is None else _class_named(module, key[1].removesuffix(".*"))
    return cls is not None and modules.reads_class(cls)


def _names_leading_to(modules: Modules, key: Key) -> Iterator[str]:
    """The names of the class that has an attribute, of its instances, and of containers of them."""
    module, (outer, _, last) = modules.named(key[0]), key[1].rpartition(".")
    cls = None if module is None or last in ("", "*", "@") else _class_named(module, outer)
    if cls is None or is_a(vars(cls).get(last), FunctionType):
        return
    for each in modules:
        for name, value in list(each.namespace.items()):
            if any(_is_or_has(part, cls) for part in (value, *_held_in(value))):
                yield name


def _held_in(value: Any) -> Iterable[Any]:
    """The values in a container, if it is short."""
    return _parts(value) if is_a(value, _TABLES) and length(value) <= _MOST_HELD else ()


def _is_or_has(value: Any, cls: type) -> bool:
    """Whether a value is a class, one that inherits from it, or an instance."""
    return cls in (inspect.getmro(value) if is_a(value, type) else type(value).__mro__)


def _names_of_instances(modules: Modules, key: Key) -> Iterator[str]:
    """The names of objects of a class."""
    module = modules.named(key[0])
    cls = None if module is None else _class_named(module, key[1])
    if cls is not None:
        for each in modules:
            yield from (name for name, value in list(each.namespace.items()) if cls in type(value).__mro__)


def _that_mention(modules: Modules, words: frozenset[str]) -> Iterator[Origin]:
    for module in modules:
        for statement in module.mentioning(words):
            yield module, statement


def _that_may_mean(changed: _Changed) -> Iterator[Origin]:
    """The statements whose words may stand for it: another module's own function of that name does not."""
    homes, words = changed.homes | {changed.key[0]}, changed.words
    # A value that another module imports is read there by a name of that module's own.
    imported = frozenset() if changed.body or "." in changed.key[1] else frozenset([changed.key[1]])
    last, foreign = None, words
    for module, statement in changed.mentions:
        if module is not last:
            last, foreign = module, frozenset(word for word in words if not _is_its_own(module, word))
        facts = statement.facts
        if (
            module.name in homes
            or changed.leading
            or not (foreign if facts.imports else foreign - imported).isdisjoint(facts.heads)
            or not words.isdisjoint(facts.members)
            or "*" in facts.words
        ):
            yield module, statement


def _is_its_own(module: LoadedModule, name: str) -> bool:
    """Whether a name means a function or a class that its module defines, and nothing around it."""
    names = module.namespace
    value = names.get(name)
    if type(value) is FunctionType:
        return value.__globals__ is names and not value.__dict__
    return is_a(value, type) and home_of(value) == module.module.__name__


def _depends(modules: Modules, module: LoadedModule, statement: Statement, changed: _Changed) -> bool:
    uses = statement.facts.uses
    if changed.key[1] == "__getattr__" and _asks_module(modules, module, statement, changed.key[0]):
        return True
    if changed.body:
        if _made_instance(modules, module, statement, changed):
            return False
        is_for_value = uses.value or statement.facts.is_definition
        called = _calls(modules, module, uses.now, changed, value=is_for_value)
        called = called or _operates(module, statement, changed)
        called = called or _hands_function(modules, module, statement, changed)
        return called or (
            uses.value
            and (_reads_property(module, uses.now, changed.key) or _hands_table(modules, module, statement, changed))
        )
    return (
        bool(statement.facts.imports and _imports_it(module, statement, changed.key))
        or _reads(modules, module, uses.now, changed, value=uses.value)
        or _made_value(module, statement, changed)
        or _reads_through(modules, module, statement, changed)
    )


_BY_NAME = frozenset(["getattr", "hasattr", "vars", "dir", "__dict__", "getmembers", "attrgetter"])
"""What reads attributes whose names the code does not say."""


def _reads_through(modules: Modules, module: LoadedModule, statement: Statement, changed: _Changed) -> bool:
    """Whether a statement reads an attribute of a class in another way than by the name of the class.

    By a parameter of a function that ran within it, a variable of a loop, a table, or what a function gave back.
    """
    uses, facts = statement.facts.uses, statement.facts
    if not changed.leading or facts.is_definition or facts.imports:
        return False
    names = set(facts.words)
    for home, function in module.calls.get(facts, ()):
        if not _makes_it(modules, home, function, changed.owner):
            names.update(_names_in_function(modules, home, function))
    attribute = changed.key[1].rpartition(".")[2]
    if names.isdisjoint(changed.leading):
        return False
    if attribute in names:
        return True
    as_made = (name in module.copies or module.is_as_made(name) for name in uses.binds)
    return not names.isdisjoint(_BY_NAME) and (not uses.value or all(as_made))


def _makes_it(modules: Modules, home: str, name: str, owner: type | None) -> bool:
    """Whether a function is a constructor of a class, or of one that it inherits from: an instance stays as it is."""
    outer, _, last = name.rpartition(".")
    module = modules.named(home)
    cls = _class_named(module, outer) if module is not None and last in _CONSTRUCTORS else None
    return cls is not None and owner is not None and (cls in owner.__mro__ or owner in inspect.getmro(cls))


_CONSTRUCTORS = frozenset(["__init__", "__new__", "__post_init__"])


def _names_in_function(modules: Modules, home: str, name: str) -> Iterable[str]:
    """The names that a function reads; what it sets itself is its own."""
    module = modules.named(home)
    outer, _, last = name.partition(".<locals>")[0].rpartition(".")
    owner: Any = None if module is None else _class_named(module, outer) if outer else module.module
    for function in _inside_of_attribute(vars(owner).get(last) if owner is not None else None):
        yield from (each for each in all_names_in(function.__code__) if each not in stored_in(function.__code__))


def _made_value(module: LoadedModule, statement: Statement, changed: _Changed) -> bool:
    """Whether a statement binds an instance without state of a class that is another now, or a container of such."""
    uses = statement.facts.uses
    if not (changed.key[1].endswith(".*") and uses.value and uses.binds):
        return False
    values = [module.namespace.get(name) for name in uses.binds]
    made = any(_is_of(type(part), changed.key) for value in values for part in (value, *_held_in(value)))
    return made and all(map(module.is_as_made, uses.binds))


def _made_instance(modules: Modules, module: LoadedModule, statement: Statement, changed: _Changed) -> bool:
    """Whether a statement binds an instance with state of the class whose method changed: it is not made anew for that.

    `db = Database.get()`, as with `db = Database()`.
    """
    uses, owner = statement.facts.uses, changed.owner
    if owner is None or not uses.value or len(uses.binds) != 1:
        return False
    [name] = uses.binds
    kind = type(module.namespace.get(name))
    return owner in kind.__mro__ and not modules.makes_values(kind) and not module.is_as_made(name)


def _operates(module: LoadedModule, statement: Statement, changed: _Changed) -> bool:
    """Whether a statement computes with an object whose special method does something else: `a + b`, `len(a)`."""
    if changed.owner is None or not _is_special(changed.key[1]) or not statement.facts.uses.binds:
        return False
    values = (value_at(module, chain) for chain in operands(statement.facts.nodes) if changed.may_be(chain))
    return any(changed.owner in type(value).__mro__ for value in values)


def _is_special(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last.startswith("__") and last.endswith("__") and last not in ("__init__", "__new__", "__init_subclass__")


def _functions_that_depend(
    modules: Modules, module: LoadedModule, statement: Statement, changed: _Changed
) -> Iterator[str]:
    """The names by which something is called that does something else now."""
    uses = statement.facts.uses
    for name, reads in uses.later.items():
        if changed.owner is not None and _reads_of_self(module, name, changed):
            yield name
        elif changed.body:
            if _calls(modules, module, reads, changed, value=True) or (
                _is_called_at_once(reads) and any(_is_handed(module, reads, changed))
            ):
                yield name
        elif _reads(modules, module, reads, changed):
            yield name
    if changed.body:
        outer = changed.key[1].partition(".<locals>")[0]
        maker = replace(changed, key=(changed.key[0], outer)) if outer != changed.key[1] else None
        if maker is not None and _calls(modules, module, uses.now, maker, value=True):
            # What a decorator or a factory made. The instances of a class that it made are not made anew for that.
            made = (each for each in uses.binds if not is_a(module.namespace.get(each), type))
            yield from (each for each in made if not _is_given_back(module, statement, each))
        for node in statement.facts.imports:
            if isinstance(node, ast.ImportFrom) and imported_from(module, node) == changed.key[0]:
                yield from (alias.asname or alias.name for alias in node.names if alias.name == changed.key[1])


def _is_given_back(module: LoadedModule, statement: Statement, name: str) -> bool:
    """Whether a decorator gave back the function that it was given, with nothing on it."""
    value = module.namespace.get(name)
    return (
        type(value) is FunctionType
        and any(value.__code__ is code for code in module.codes.get(statement.facts, ()))
        and not value.__dict__
    )


def _reads_property(module: LoadedModule, reads: Reads, key: Key) -> bool:
    """Whether it reads an attribute that a function computes."""
    for chain in reads.reads:
        owner = value_at(module, chain[:-1]) if len(chain) > 1 and chain[-1] == key[1].rpartition(".")[2] else None
        for each in _inside_of_attribute(inspect.getattr_static(type(owner), chain[-1], None)):
            if (each.__globals__.get("__name__"), each.__code__.co_qualname) == key:
                return True
    return False


def _inside_of_attribute(value: Any) -> Iterator[FunctionType]:
    """The functions of a method, a property or a cached property."""
    for part in (value, *(getattr(value, name, None) for name in ("func", "fget"))):
        yield from _inside(part)


def _reads_of_self(module: LoadedModule, name: str, changed: _Changed) -> bool:
    """Whether a method reads an attribute of its own class, as `self.name`."""
    outer, _, last = name.rpartition(".")
    if not outer or last in ("__init__", "__new__"):
        return False
    cls = _class_named(module, outer)
    if cls is None or changed.owner is None or not (changed.owner in cls.__mro__ or cls in changed.owner.__mro__):
        return False
    attribute = changed.key[1].rpartition(".")[2]
    return any(attribute in each.__code__.co_names for each in _inside_of_attribute(vars(cls).get(last)))


def _class_named(module: LoadedModule, name: str) -> type | None:
    value: Any = module.namespace.get(name.partition(".")[0]) if name else None
    for part in name.split(".")[1:]:
        value = vars(value).get(part) if is_a(value, type) else None
    return value if is_a(value, type) else None


def _asks_module(modules: Modules, module: LoadedModule, statement: Statement, name: str) -> bool:
    """Whether a statement reads names of a module that only its `__getattr__` has."""
    asked = modules.named(name)
    if asked is None or asked is module:
        return False
    for node in statement.facts.imports:
        if isinstance(node, ast.ImportFrom) and imported_from(module, node) == name:
            return any(alias.name != "*" and alias.name not in asked.namespace for alias in node.names)
    chains = (chain for chain in statement.facts.uses.now.reads if len(chain) > 1)
    return any(_is_module(value_at(module, chain[:-1]), name) and chain[-1] not in asked.namespace for chain in chains)


def _imports_it(module: LoadedModule, statement: Statement, key: Key) -> bool:
    return any(
        imported_from(module, node) == key[0] and any(alias.name in (key[1], "*") for alias in node.names)
        for node in statement.facts.imports
        if isinstance(node, ast.ImportFrom)
    )


def _reads(modules: Modules, module: LoadedModule, reads: Reads, changed: _Changed, *, value: bool = False) -> bool:
    key = changed.key
    if key[1].endswith(".@"):
        is_it = partial(_is_keyed, key=(key[0], key[1].removesuffix("@") + "*"))
        find = partial(value_at, module)
        return value and looks_at(reads, find, modules.owns, is_it, makers=changed.owner is None)
    if key[1].endswith(".*"):
        made, handed, calls = (filter(changed.may_be, each) for each in (reads.made, reads.handed, reads.calls))
        instances = (chain for chain in made if value or not modules.stores(value_at(module, chain)))
        iterated = (chain for chain in handed if is_a(value_at(module, chain), EnumMeta))
        called = ((chain, value_at(module, chain)) for chain in calls)
        asked = (chain for chain, each in called if is_a(each, EnumMeta) or modules.makes_values(each))
        if any(_is_class(module, chain, key) for chain in (*instances, *iterated, *asked)):
            return True
        kinds = _kinds_handed(module, reads) if changed.is_looked_at else ()
        return any(_is_of(kind, key) and modules.reads_class(kind) for kind in kinds)
    if _looks_at_all(modules, module, reads, changed, value=value):
        return True
    name, is_here = key[1].rpartition(".")[2], key[0] == module.name
    for chain in reads.reads:
        if name in chain and (len(chain) > 1 or is_here) and key in keys_of(modules, module, chain):
            return True
    return False


def _is_module(value: Any, name: str) -> bool:
    return is_a(value, ModuleType) and value.__name__ == name


def _looks_at_all(modules: Modules, module: LoadedModule, reads: Reads, changed: _Changed, *, value: bool) -> bool:
    """Whether it hands a module on, of which any name may be read then, or looks at its names or at subclasses."""
    key, find = changed.key, partial(value_at, module)
    kept = reads.kept & changed.words if changed.words else reads.kept
    if any(_is_module(module.namespace.get(each), key[0]) for each in kept):
        return True
    if looks_at(reads, find, modules.owns, partial(_is_module, name=key[0])):
        return True
    if not value or not key[1].endswith(".__subclasses__"):
        return False
    listed = partial(_is_keyed, key=(key[0], key[1].replace("__subclasses__", "*")))
    return looks_at(reads, find, modules.owns, listed, words=_LISTS_SUBCLASSES)


_LISTS_SUBCLASSES = frozenset(["__subclasses__"])


def _is_keyed(value: Any, key: Key) -> bool:
    """Whether a value is the class or function that `name.*` stands for."""
    if is_a(value, type):
        return _is_of(value, key)
    return any(
        (str(each.__globals__.get("__name__")), f"{each.__code__.co_qualname}.*") == key for each in _inside(value)
    )


def _is_class(module: LoadedModule, chain: Chain, key: Key) -> bool:
    value = value_at(module, chain)
    return is_a(value, type) and _is_of(value, key)


def _is_of(cls: type, key: Key) -> bool:
    return any((home_of(base), f"{base.__qualname__}.*") == key for base in cls.__mro__)


def _kinds_handed(module: LoadedModule, reads: Reads) -> Iterator[type]:
    """The classes that are handed on, and those of which instances are."""
    for chain in reads.handed:
        value = value_at(module, chain)
        yield value if is_a(value, type) else type(value)


def _calls(modules: Modules, module: LoadedModule, reads: Reads, changed: _Changed, *, value: bool) -> bool:
    key = changed.key
    for chain in reads.calls:
        if not changed.may_be(chain):
            continue
        for_value = value or chain in reads.made
        if len(chain) > 1 and not for_value and not is_a(value_at(module, chain[:-1]), (ModuleType, type)):
            # A method of an instance counts where the call is made for its value: `LIMIT = table.size()`,
            # `app.include(area.router())`. What is there for what it does (`server.start()`) isn't done once more
            # because the method was edited.
            continue
        function = value_at(module, chain)
        names = [(module.name, chain[0])] if len(chain) == 1 else list(keys_of(modules, module, chain))[1:]
        names += [(str(each.__globals__.get("__name__")), each.__code__.co_qualname) for each in _inside(function)]
        if key in names and _runs(function, chain, reads):
            return True
        if chain in reads.decorators and any(
            key[0] == name[0] and key[1].rpartition(".<locals>.")[0] == name[1] for name in names
        ):
            return True
        if chain in reads.made and any(
            key[0] == name[0] and key[1].startswith(f"{name[1]}.<locals>.") for name in names
        ):
            return True
    return any(_holds(value_at(module, chain), key) for chain in reads.tables if changed.may_be(chain))


def _holds(table: Any, key: Key) -> bool:
    """Whether a function is in a container, as it is, wrapped, or with some of its arguments."""
    if not is_a(table, _TABLES):
        return False
    for each in _parts(table):
        for function in _inside(each.func if is_a(each, partial) else each):
            if (function.__globals__.get("__name__"), function.__code__.co_qualname) == key:
                return True
    return False


def _parts(table: Any) -> Iterable[Any]:
    kind: Any = next(each for each in _TABLES if is_a(table, each))
    return (dict.values if kind is dict else kind.__iter__)(table)


def _hands_table(modules: Modules, module: LoadedModule, statement: Statement, changed: _Changed) -> bool:
    """Whether a value was made by handing the program's code a table with the function, and holds nothing of it."""
    uses = statement.facts.uses
    tables = [value_at(module, chain) for chain in uses.now.handed if changed.may_be(chain)]
    tables = [table for table in tables if _holds(table, changed.key)]
    makers = (value_at(module, chain) for chain in uses.now.calls) if tables else ()
    if not any(is_a(each, (FunctionType, type)) and modules.owns(str(each.__module__)) for each in makers):
        return False
    parts = {id(part) for table in tables for part in (table, *_parts(table))}
    return not any(reaches(module.namespace.get(name), parts) for name in uses.binds)


def _is_called_at_once(reads: Reads) -> bool:
    return any(chain[-1] in CALLED_AT_ONCE for chain in reads.calls)


def _is_handed(module: LoadedModule, reads: Reads, changed: _Changed) -> Iterator[Any]:
    """The function that changed, where it is given to a call or stored, not called."""
    for chain in reads.handed:
        value = value_at(module, chain) if changed.may_be(chain) else None
        for each in _inside(value):
            if (each.__globals__.get("__name__"), each.__code__.co_qualname) == changed.key:
                yield value


def _hands_function(modules: Modules, module: LoadedModule, statement: Statement, changed: _Changed) -> bool:
    """Whether a value was made by handing the function to what calls it, and holds nothing of it."""
    uses = statement.facts.uses
    if not uses.binds or not (uses.value or is_block(statement.facts.nodes[0])):
        return False
    given = {id(each) for each in _is_handed(module, uses.now, changed)}
    if not given:
        return False
    makers = (value_at(module, chain) for chain in uses.now.calls)
    owned = any(is_a(each, FunctionType) and modules.owns(str(each.__module__)) for each in makers)
    keeps = any(effect.change is not None for effect in module.effects.get(statement.facts, ()))
    if not (owned and not keeps) and not _is_called_at_once(uses.now):
        return False
    return not all(reaches(module.namespace.get(name), given) for name in uses.binds)


def _inside(function: Any) -> Iterator[FunctionType]:
    """A function, and those that it wraps."""
    for _ in range(10):
        if is_a(function, FunctionType):
            yield function
        function = function.__func__ if is_a(function, _Methods) else _wrapped(function)
        if function is None:
            return


_Methods = (MethodType, staticmethod, classmethod)


def _runs(function: Any, chain: Chain, reads: Reads) -> bool:
    """Whether calling a function runs its body: of a coroutine or generator, only what takes the values does."""
    if inspect.isgeneratorfunction(function):
        return chain in reads.made
    if inspect.iscoroutinefunction(function):
        return any(other[-1] in ("run", "run_until_complete") for other in reads.calls)
    return True


def keys_of(modules: Modules, module: LoadedModule, chain: Chain) -> Iterator[Key]:
    """All the keys that reading a chain reads."""
    yield (module.name, chain[0])
    value = _begin(module, chain)
    for name in chain[1:]:
        if is_a(value, ModuleType):
            yield (value.__name__, name)
            value = vars(value).get(name)
        elif is_a(value, type):
            yield from ((home_of(base), f"{base.__qualname__}.{name}") for base in value.__mro__ if name in vars(base))
            yield (home_of(value), f"{value.__qualname__}.{name}")
            value = inspect.getattr_static(value, name, None)
        elif (behind := modules.module_behind(value)) is not None:
            yield (behind, name)
            return
        else:
            yield from _keys_of_class(value, name)
            value = inspect.getattr_static(value, name, None)


def _keys_of_class(instance: Any, name: str) -> Iterator[Key]:
    """The keys that reading an object's attribute reads where its class has the value, and the object none."""
    kind: type = type(instance)
    if name in (attributes_of(instance) or ()):
        return
    value = inspect.getattr_static(kind, name, None)
    if not hasattr(type(value), "__get__"):  # what a function or descriptor answers is for those who call it
        yield from ((home_of(base), f"{base.__qualname__}.{name}") for base in kind.__mro__)


def value_at(module: LoadedModule, chain: Chain) -> Any:
    """What a chain leads to now, without running any code of the program."""
    value = _begin(module, chain)
    for name in chain[1:]:
        value = vars(value).get(name) if is_a(value, ModuleType) else inspect.getattr_static(value, name, None)
    return value


def _begin(module: LoadedModule, chain: Chain) -> Any:
    """What the first name of a chain means now."""
    if not chain[0].startswith(IMPORT):
        return module.namespace.get(chain[0])
    name = chain[0].removeprefix(IMPORT)
    level = len(name) - len(name.lstrip("."))
    return sys.modules.get(_absolute(module, level, name[level:]))


def _wrapped(value: Any) -> Any:
    if is_a(value, (type, ModuleType, BuiltinFunctionType)):
        return None
    return inspect.getattr_static(value, "__wrapped__", None)


def classes_with(modules: Modules, base: type) -> Iterable[Origin]:
    """The statements of classes that are made from this one by more than inheritance: decorated, or by a metaclass."""
    for module, statement in _that_mention(modules, frozenset({base.__name__})):
        for node in statement.facts.nodes:
            if not isinstance(node, ast.ClassDef):
                continue
            made = module.namespace.get(node.name)
            # What a `TypedDict` inherits from is copied into it.
            named = (value_at(module, chain) for each in node.bases if (chain := chain_of(each)))
            inherits = is_a(made, type) and any(each is base for each in (*made.__mro__[1:], *named))
            if inherits and (node.decorator_list or home_of(type(made)) not in ("builtins", "abc")):
                yield module, statement
