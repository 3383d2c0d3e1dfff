"""Which names a statement binds, and which it reads and calls, now or when its functions run.

A *chain* is a name and the attributes read from it: `config.LIMIT` is `("config", "LIMIT")`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from .depth import any_depth

__all__ = ["BUILTIN_MUTATORS", "IMPORT", "Chain", "Reads", "Uses", "chain_of", "has_local", "own_nodes", "uses_of"]

Chain = tuple[str, ...]

IMPORT = "import "
"""How a chain begins that a function reads of a module which it imports itself: `("import a.b", "name")`."""

BUILTIN_MUTATORS = frozenset({"append", "add", "insert", "extend", "update", "setdefault", "appendleft", "register"})


@dataclass(slots=True)
class Reads:
    """What some code reads of its module."""

    reads: set[Chain] = field(default_factory=set)
    calls: set[Chain] = field(default_factory=set)
    """Those that it calls; they are among `reads`, too."""
    handed: set[Chain] = field(default_factory=set)
    """The same for names and attributes."""
    kept: set[str] = field(default_factory=set)
    """Names whose value it does more with than calling it or reading an attribute: hands on, stores, compares."""
    decorators: set[Chain] = field(default_factory=set)
    """Calls whose result is called once, with the function that is defined."""
    made: set[Chain] = field(default_factory=set)
    """Calls whose result goes on into an expression: of a class, its instance is not what is kept."""
    namespace: bool = False
    """It looks at all names of its module: `globals()`, `dir()`."""
    tables: set[Chain] = field(default_factory=set)
    """What holds functions that it calls: `TABLE[key]()`, `[each() for each in STEPS]`."""


@dataclass(slots=True)
class Uses:
    """The names of one statement."""

    binds: set[str] = field(default_factory=set)
    passing: set[str] = field(default_factory=set)
    """Those that are no more than a loop's variable."""
    now: Reads = field(default_factory=Reads)
    """What running the statement reads."""
    later: dict[str, Reads] = field(default_factory=dict)
    """Qualified name of a function that it defines -> what calling that reads."""
    star: bool = False
    """It binds all that another module has to give."""
    value: bool = False
    """It is made for the value it binds, not for what running it does."""


@any_depth
def uses_of(nodes: Iterable[ast.stmt]) -> Uses:
    """The names of statements that stand on one line, or of one."""
    uses = Uses()
    nodes = tuple(nodes)
    reader = _Reader(uses, uses.now, _Scope(None, frozenset(), uses.binds, uses))
    for node in nodes:
        reader.visit(node)
    uses.value = all(isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) for node in nodes)
    return uses


class _Scope:
    """Where a name is looked up: a module, a class body, a function."""

    def __init__(
        self,
        outer: _Scope | None,
        local: frozenset[str],
        binds: set[str],
        uses: Uses,
        qualname: str = "",
        *,
        imported: Mapping[str, Chain] = MappingProxyType({}),
    ) -> None:
        self.outer = outer
        self.local = local
        self.binds = binds
        self.uses = uses
        self.qualname = qualname
        self.imported = imported
        """What its own imports give to its names."""

    def is_global(self, name: str) -> bool:
        return self.resolved((name,)) == (name,)

    def resolved(self, chain: Chain) -> Chain | None:
        """The chain as its module reads it; None if it begins with a variable."""
        scope: _Scope | None = self
        while scope is not None:
            if chain[0] in scope.local:
                begin = scope.imported.get(chain[0])
                return None if begin is None else (*begin, *chain[1:])
            scope = scope.outer
        return chain

    def inner_name(self, name: str) -> str:
        return f"{self.qualname}.{name}" if self.qualname else name


class _Reader(ast.NodeVisitor):
    """Walks what runs when a piece of code runs; functions that it makes are walked by readers of their own."""

    def __init__(self, uses: Uses, into: Reads, scope: _Scope, *, in_function: bool = False) -> None:
        self.uses = uses
        self.into = into
        self.scope = scope
        self.in_function = in_function
        self._tabled: set[int] = set()
        """The ids of the nodes that `_tables` has looked at."""

    # -- names

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._read((node.id,), kept=True)
            self._hand_on((node.id,))
        else:
            self._bind(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = chain_of(node)
        if chain is None:
            self._visit_inside(node.value)
        else:
            self._read(chain)
            self._hand_on(chain)

    def _hand_on(self, chain: Chain) -> None:
        if resolved := self.scope.resolved(chain):
            self.into.handed.add(resolved)

    def visit_Call(self, node: ast.Call) -> None:
        self._call(node, made=False)

    def _is_namespace(self, node: ast.expr) -> bool:
        """Whether an expression is the dictionary of the module's names, or the list of them."""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.args or node.keywords:
            return False
        here = not self.in_function and not self.scope.qualname
        return node.func.id == "globals" or (here and node.func.id in ("locals", "vars", "dir"))

    def visit_Compare(self, node: ast.Compare) -> None:
        for each in (node.left, *node.comparators):
            if self._is_namespace(each) and isinstance(node.left, ast.Constant):  # `"name" in globals()`
                self._read((str(node.left.value),))
            else:
                self.visit(each)

    def _call(self, node: ast.Call, *, made: bool) -> None:
        chain = chain_of(node.func)
        self.into.namespace = self.into.namespace or self._is_namespace(node)
        if isinstance(node.func, ast.Attribute) and self._is_namespace(node.func.value):
            if node.func.attr in ("items", "values", "keys", "copy"):
                self.into.namespace = True
            elif node.args and isinstance(node.args[0], ast.Constant):
                self._read((str(node.args[0].value),))
            for each in (*node.args, *node.keywords):
                self.visit(each)
            return
        if chain is None:
            self._tables(node.func)
            self._visit_argument(node.func)
        else:
            self._read(chain, called=True, made=made)
        if isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr"):
            self._attribute_by_name(*node.args[:2])
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        if isinstance(node.func, ast.Name) and node.func.id in ("exec", "eval"):
            arguments = [each for each in arguments if not self._is_namespace(each)]
        for argument in arguments:
            self._visit_argument(argument)
            if isinstance(argument, ast.Lambda) and _calls_one_of(
                {each.arg for each in _arguments(argument.args)}, [argument.body]
            ):
                self._tables(*arguments)  # `reduce(lambda value, step: step(value), STEPS, 1)`
        for statement in _given_as_text(node) if not self.in_function else ():
            self.visit(statement)

    def _attribute_by_name(self, owner: ast.expr | None = None, name: ast.expr | None = None) -> None:
        """`getattr(owner, "name", default)` reads it as `owner.name` does."""
        chain = chain_of(owner) if owner is not None else None
        if chain is not None and isinstance(name, ast.Constant):
            self._read((*chain, str(name.value)))

    def _loop(self, target: ast.expr, iterated: ast.expr, body: Iterable[ast.AST]) -> None:
        """A loop that calls what it goes through: `for step in STEPS: step()`."""
        if _calls_one_of({each.id for each in ast.walk(target) if isinstance(each, ast.Name)}, body):
            self._tables(iterated)

    def _tables(self, *nodes: ast.expr) -> None:
        """What is called comes out of one of these expressions; those that hold no functions don't matter."""
        for each in (part for node in nodes if id(node) not in self._tabled for part in ast.walk(node)):
            self._tabled.add(id(each))
            chain = chain_of(each) if isinstance(each, (ast.Name, ast.Attribute)) else None
            if chain is not None and (resolved := self.scope.resolved(chain)):
                self.into.tables.add(resolved)

    def _visit_inside(self, node: ast.expr) -> None:
        """An expression of which only a part, or what it answers, goes on."""
        if isinstance(node, ast.Call):
            self._call(node, made=True)
        elif isinstance(node, ast.Attribute) and chain_of(node) is None:
            self._visit_inside(node.value)
        else:
            self.visit(node)

    def _visit_argument(self, node: ast.expr) -> None:
        if isinstance(node, ast.Lambda):  # it may well be called before the call returns
            self._signature(node.args)
            self._function(node, "<lambda>", self.into)
        else:
            self._visit_inside(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self._visit_inside(node.left)
        self._visit_inside(node.right)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if self._is_namespace(node.value):
            if isinstance(node.ctx, ast.Load):
                if isinstance(node.slice, ast.Constant):
                    self._read((str(node.slice.value),))
                else:
                    self.into.namespace = True
        else:
            if chain_of(node.value) == ("sys", "modules") and isinstance(node.slice, ast.Name):
                self.into.namespace = self.into.namespace or node.slice.id == "__name__"
            self._visit_inside(node.value)
        self.visit(node.slice)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        for each in node.values:
            if isinstance(each, ast.FormattedValue):
                self._visit_inside(each.value)

    def _read(self, chain: Chain, *, called: bool = False, made: bool = False, kept: bool = False) -> None:
        resolved = self.scope.resolved(chain)
        if resolved is None:
            return
        self.into.reads.add(resolved)
        if called:
            self.into.calls.add(resolved)
        if made:
            self.into.made.add(resolved)
        if kept and len(resolved) == 1:
            self.into.kept.add(resolved[0])

    def _bind(self, name: str) -> None:
        if self.scope.is_global(name):
            self.scope.binds.add(name)

    # -- what binds

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._read((node.target.id,))
        self.generic_visit(node)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        before = set(self.scope.binds)
        self.visit(node.target)
        self.uses.passing |= self.scope.binds - before
        self._loop(node.target, node.iter, node.body)
        self._visit_inside(node.iter)
        for each in (*node.body, *node.orelse):
            self.visit(each)

    visit_AsyncFor = visit_For  # noqa: N815

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._bind(alias.asname or alias.name.partition(".")[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name == "*":
                self.uses.star = True
            else:
                self._bind(alias.asname or alias.name)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self.generic_visit(node)  # its name is unbound at its end

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        if node.name:
            self._bind(node.name)
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name:
            self._bind(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self._bind(node.rest)
        self.generic_visit(node)

    # -- what makes a scope

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            chain = chain_of(decorator)
            if chain is None:
                self.visit(decorator)
                made = chain_of(decorator.func) if isinstance(decorator, ast.Call) else None
                self.into.decorators.update([made] if made else ())
            else:
                self._read(chain, called=True)
        self._signature(node.args)
        if node.returns:
            self.visit(node.returns)
        self._bind(node.name)
        self._function(node, node.name, self._later(node.name))

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._signature(node.args)
        self._function(node, "<lambda>", self._later("<lambda>"))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for each in (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)):
            chain = chain_of(each)
            if chain is None:
                self._visit_inside(each)
            else:
                self._read(chain, called=each in node.decorator_list)
        self._bind(node.name)
        name = self.scope.inner_name(node.name)
        # The names of a class body are seen by its own statements, but not by its methods.
        body = _Scope(self.scope, frozenset(_bound(node.body)), set(), self.uses, name)
        reader = _Reader(self.uses, self.into, body, in_function=self.in_function)
        for statement in node.body:
            reader.visit(statement)

    def _visit_comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        targets = {each.id for part in node.generators for each in ast.walk(part.target) if isinstance(each, ast.Name)}
        for part in node.generators:
            self._loop(part.target, part.iter, (node,))
        inner = _Scope(self.scope, frozenset(targets), self.scope.binds, self.uses, self.scope.qualname)
        _Reader(self.uses, self.into, inner, in_function=self.in_function).generic_visit(node)

    visit_ListComp = _visit_comprehension  # noqa: N815
    visit_SetComp = _visit_comprehension  # noqa: N815
    visit_DictComp = _visit_comprehension  # noqa: N815
    visit_GeneratorExp = _visit_comprehension  # noqa: N815

    def _signature(self, arguments: ast.arguments) -> None:
        for default in (*arguments.defaults, *(each for each in arguments.kw_defaults if each)):
            self.visit(default)
        for argument in _arguments(arguments):
            if argument.annotation:
                self.visit(argument.annotation)

    def _later(self, name: str) -> Reads:
        """Where to write what a function reads. A nested one is recorded by its own name, as its calls come later."""
        return self.uses.later.setdefault(self.scope.inner_name(name), Reads())

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, name: str, into: Reads) -> None:
        body = node.body if isinstance(node.body, list) else [ast.Expr(node.body)]
        declared = {name for each in own_nodes(body) if isinstance(each, ast.Global) for name in each.names}
        local = {argument.arg for argument in _arguments(node.args)} | _bound(body)
        outer: _Scope | None = self.scope
        if outer is not None and outer.qualname and not self.in_function:
            outer = _beyond_classes(outer)
        inside = self.scope.inner_name(name) + ".<locals>"
        imported = _imported_by(body)
        scope = _Scope(outer, frozenset(local - declared), set(), self.uses, inside, imported=imported)
        reader = _Reader(self.uses, into, scope, in_function=True)
        for statement in body:
            reader.visit(statement)
        called = {chain[0] for each in body for chain in _called(each)}
        for inner in own_nodes(body):
            if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)) and inner.name in called:
                reader._function(inner, inner.name, into)


def has_local(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, name: str) -> bool:
    """Whether a name means a variable of a function in it."""
    body = function.body if isinstance(function.body, list) else [ast.Expr(function.body)]
    return name in {argument.arg for argument in _arguments(function.args)} | _bound(body)


def _beyond_classes(scope: _Scope) -> _Scope:
    while scope.outer is not None:
        scope = scope.outer
    return scope


def chain_of(node: ast.expr) -> Chain | None:
    """A name and the attributes that are read from it; None for another expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return (node.id, *reversed(parts))


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [*found, *(each for each in (arguments.vararg, arguments.kwarg) if each)]


def own_nodes(body: Iterable[ast.stmt]) -> Iterable[ast.AST]:
    """All nodes of a scope in their order, without those of the scopes inside."""
    waiting: list[ast.AST] = list(reversed([*body]))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting.extend(list(ast.iter_child_nodes(node))[::-1])


def _bound(body: Iterable[ast.stmt]) -> set[str]:
    """The names that a function or class body binds for itself."""
    names: set[str] = set()
    elsewhere: set[str] = set()
    for node in own_nodes(body):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif (isinstance(node, ast.ExceptHandler) and node.name) or (
            isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name
        ):
            names.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            names.add(node.rest)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            elsewhere.update(node.names)
    return names - elsewhere


def _imported_by(body: Iterable[ast.stmt]) -> dict[str, Chain]:
    """What the imports of a function give to its variables."""
    found: dict[str, Chain] = {}
    for node in own_nodes(body):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or name] = (IMPORT + name,)
        elif isinstance(node, ast.ImportFrom):
            home = IMPORT + "." * node.level + (node.module or "")
            found.update({alias.asname or alias.name: (home, alias.name) for alias in node.names})
        elif isinstance(node, ast.Assign) and (name := _loaded_by(node.value)):
            found.update({each.id: (IMPORT + name,) for each in node.targets if isinstance(each, ast.Name)})
    return found


def _loaded_by(node: ast.expr) -> str:
    """The module that a call loads by its name, as `importlib.import_module("name")`; empty for anything else."""
    chain = chain_of(node.func) if isinstance(node, ast.Call) and node.args else None
    if not (isinstance(node, ast.Call) and chain):
        return ""
    given = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
    if chain[-1] not in ("import_module", "__import__") or not isinstance(given, str):
        return ""
    return given if chain[-1] == "import_module" else given.partition(".")[0]


def _given_as_text(call: ast.Call) -> list[ast.stmt]:
    """The statements that `exec` or `eval` runs in the same scope, where the call says which."""
    if not (isinstance(call.func, ast.Name) and call.func.id in ("exec", "eval") and len(call.args) == 1):
        return []
    [text] = call.args
    if call.keywords or not isinstance(text, ast.Constant) or not isinstance(text.value, str):
        return []
    return parsed(text.value)


def parsed(text: str) -> list[ast.stmt]:
    """The statements of a text that a program runs; none if it can't be run, which the program finds out itself."""
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _calls_one_of(names: set[str], nodes: Iterable[ast.AST]) -> bool:
    """Whether code calls what one of these names means."""
    return any(len(chain) == 1 and chain[0] in names for node in nodes for chain in _called(node))


def _called(node: ast.AST) -> set[Chain]:
    chains = (chain_of(each.func) for each in ast.walk(node) if isinstance(each, ast.Call))
    return {chain for chain in chains if chain is not None}
