"""What the top-level statements of a source text are, and which of them an edit leaves as they were.

An edit is parsed only where it is: statements above and below the lines that differ keep their `Facts`, so the cost of
a save depends on what was changed, not on how long the file is.
"""

from __future__ import annotations
import __future__

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from types import CodeType

from .depth import any_depth
from .names import IMPORT, Chain, Uses, own_nodes, uses_of
from .shapes import Shape, dump, shape_of

__all__ = ["Facts", "Source", "Statement", "body_of", "has_handled", "parse", "reparse", "statements_in"]

_FUTURES = {name: getattr(__future__, name).compiler_flag for name in __future__.all_feature_names}


_WORD = re.compile(r"\w+")


class Facts:
    """What is known of a statement wherever it stands: its text and tree. Statements on one line are one."""

    def __init__(self, nodes: tuple[ast.stmt, ...], text: str, line: int) -> None:
        self.nodes = nodes
        self.text = text
        self.line = line
        """The line of the tree's first node."""
        self.height = text.count("\n") + 1

    @cached_property
    def key(self) -> str:
        """The same for two statements that mean the same: without comments, blanks and lines."""
        return dump(self.nodes)

    @cached_property
    def words(self) -> frozenset[str]:
        """All names in it, and more; `*` for a star import."""
        star = ["*"] if "import" in self.text and "*" in self.text else []
        return frozenset((*_WORD.findall(self.text), *star))

    @cached_property
    def shape(self) -> Shape:
        """The same for two statements that differ in the bodies of functions only."""
        return shape_of(self.nodes)

    @cached_property
    def uses(self) -> Uses:
        """The names it binds and reads."""
        return uses_of(self.nodes)

    @property
    def is_class(self) -> bool:
        """It is a class and no more."""
        return len(self.nodes) == 1 and isinstance(self.nodes[0], ast.ClassDef)

    @property
    def is_definition(self) -> bool:
        """It is a function or class and no more."""
        return len(self.nodes) == 1 and isinstance(self.nodes[0], (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))

    @cached_property
    def heads(self) -> frozenset[str]:
        """The names of its module that it reads, also when its functions run."""
        return frozenset(chain[0] for chain in self._chains())

    @cached_property
    def members(self) -> frozenset[str]:
        """The attributes that it reads of those names, and all words of its imports."""
        words = {name for chain in self._chains() for name in chain[1:]}
        for head in self.heads:
            words.update(head.removeprefix(IMPORT).split(".") if head.startswith(IMPORT) else ())
        for node in self.imports:
            words.update((getattr(node, "module", None) or "").split("."))
            for alias in node.names:
                words.update((*alias.name.split("."), alias.asname or ""))
        return frozenset(words)

    def _chains(self) -> Iterator[Chain]:
        for reads in (self.uses.now, *self.uses.later.values()):
            yield from reads.reads
            yield from reads.handed
            yield from ((name,) for name in reads.kept)

    def place(self, line: int) -> None:
        """Have its tree begin at this line."""
        if line != self.line:
            for node in self.nodes:
                ast.increment_lineno(node, line - self.line)
            self.line = line

    @cached_property
    def imports(self) -> tuple[ast.ImportFrom | ast.Import, ...]:
        """The import statements in it, but for those in functions and classes."""
        if "import" not in self.text:
            return ()
        return tuple(each for each in own_nodes(self.nodes) if isinstance(each, (ast.ImportFrom, ast.Import)))

    @cached_property
    def imported(self) -> frozenset[str]:
        """The names that it binds by importing, in the module's own scope."""
        return frozenset(alias.asname or alias.name.partition(".")[0] for each in self.imports for alias in each.names)

    @any_depth
    def compile(self, path: str, flags: int, imported: Collection[str] = ()) -> CodeType:
        """Its code, with the lines of its tree; raises SyntaxError for what only the compiler sees.

        Args:
            path: its file.
            flags: of the compiler.
            imported: names that the module imports. Calls of their attributes are compiled in another way, so that
                code is comparable only with code that was compiled with the same knowledge.
        """
        known = sorted(self.words.intersection(imported) - self.imported)
        tree = ast.Module(body=[*self.nodes, *_never_imported(known, self.nodes[-1])], type_ignores=[])
        code: CodeType = compile(tree, path, "exec", flags=flags, dont_inherit=True)
        return code


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A statement at its place."""

    facts: Facts
    first: int
    """Its first line, decorators included, from 1."""

    @property
    def last(self) -> int:
        """Its last line."""
        return self.first + self.facts.height - 1

    def compile(self, path: str, flags: int, imported: Collection[str] = ()) -> CodeType:
        """Its code, with the lines of where it stands; see `Facts.compile`."""
        self.facts.place(self.first)
        return self.facts.compile(path, flags, imported)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A source text and its statements, in order."""

    lines: Sequence[str]
    statements: tuple[Statement, ...]
    flags: int
    """Of the compiler: what `from __future__` asks for."""

    def imported(self) -> frozenset[str]:
        """The names that its statements import."""
        return frozenset().union(*(each.facts.imported for each in self.statements))

    def at(self, line: int) -> Statement | None:
        """The statement that covers a line."""
        return next((each for each in self.statements if each.first <= line <= each.last), None)


def has_handled(statement: Statement, lines: Collection[int]) -> bool:
    """Whether an exception was handled in a statement.

    Args:
        statement: where it stands.
        lines: those that have run.
    """
    moved = statement.first - statement.facts.line
    nodes = (
        [each for node in statement.facts.nodes for each in ast.walk(node)] if "except" in statement.facts.text else []
    )
    return any(isinstance(each, ast.ExceptHandler) and each.body[0].lineno + moved in lines for each in nodes)


def _never_imported(names: Sequence[str], last: ast.stmt) -> list[ast.stmt]:
    """A statement that says that these are imported, and is never run."""
    if not names:
        return []
    imports = ast.Import(names=[ast.alias(name=name) for name in names])
    never = ast.If(test=ast.Constant(value=False), body=[imports], orelse=[])
    for node in ast.walk(never):
        ast.copy_location(node, last)
    return [never]


def parse(text: str, path: str) -> Source:
    """Take a whole text apart. Raises SyntaxError, with its place; ValueError for a null character."""
    lines = text.split("\n")
    statements = tuple(_statements(ast.parse(text, path).body, lines, 0))
    return Source(lines, statements, _flags(statements))


def reparse(before: Source, text: str, path: str) -> Source:
    """Take a text apart that was `before` a moment ago; raises as `parse`."""
    lines = text.split("\n")
    head, tail = _kept(before, lines)
    start = head[-1].last if head else 0
    moved = len(lines) - len(before.lines)
    end = tail[0].first - 1 + moved if tail else len(lines)
    tree = _tree("\n".join(lines[start:end]))
    if tree is None:  # what is wrong, or goes on beyond the edit, shows in the whole
        return parse(text, path)
    middle = _statements(tree.body, lines, start)
    statements = (*head, *middle, *(Statement(each.facts, each.first + moved) for each in tail))
    return Source(lines, statements, _flags(statements))


def _tree(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def _kept(before: Source, lines: Sequence[str]) -> tuple[list[Statement], list[Statement]]:
    """The statements wholly above and wholly below the lines that differ."""
    old = before.lines
    shorter = min(len(old), len(lines))
    above = next((i for i in range(shorter) if old[i] != lines[i]), shorter)
    limit = shorter - above
    below = next((i for i in range(limit) if old[-1 - i] != lines[-1 - i]), limit)
    head = [each for each in before.statements if each.last <= above]
    tail = [each for each in before.statements if each.first > len(old) - below and each.first > above]
    return head, tail


def body_of(statement: Statement) -> tuple[Statement, ...]:
    """The statements in the body of a class, with lines from 1 at the class's first."""
    [node] = statement.facts.nodes
    assert isinstance(node, ast.ClassDef)
    return statements_in(statement, node.body)


def statements_in(statement: Statement, body: Iterable[ast.stmt]) -> tuple[Statement, ...]:
    """Statements inside of another, with lines from 1 at that one's first."""
    return tuple(_statements(body, statement.facts.text.split("\n"), 1 - statement.facts.line))


def _statements(body: Iterable[ast.stmt], lines: Sequence[str], offset: int) -> Iterator[Statement]:
    """The statements of a tree whose line 1 is line `offset` + 1 of the text."""
    for nodes in _by_line(body):
        first, last = _first_line(nodes[0]), _last_line(nodes[-1])
        text = "\n".join(lines[offset + first - 1 : offset + last])
        yield Statement(Facts(nodes, text, first), offset + first)


def _by_line(body: Iterable[ast.stmt]) -> Iterator[tuple[ast.stmt, ...]]:
    """Statements that share a line, together."""
    group: list[ast.stmt] = []
    for node in body:
        if group and _first_line(node) > _last_line(group[-1]):
            yield tuple(group)
            group = []
        group.append(node)
    if group:
        yield tuple(group)


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _last_line(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _flags(statements: Iterable[Statement]) -> int:
    names = (
        alias.name
        for statement in statements
        for node in statement.facts.nodes
        if isinstance(node, ast.ImportFrom) and node.module == "__future__" and not node.level
        for alias in node.names
    )
    return reduce(int.__or__, (_FUTURES.get(name, 0) for name in names), 0)
