"""What the engine knows of each loaded module: its source as it runs, its code, and what its statements did."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO, IncrementalNewlineDecoder
from math import inf
from threading import Condition, get_ident
from tokenize import detect_encoding
from types import CodeType, FrameType, FunctionType, MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType

from reloadls.base import PACKAGE
from reloadls.base.installed import command_folders, installed_folders, is_installed
from reloadls.base.paths import is_within
from reloadls.reload.engine.analysis.codes import is_module_body
from reloadls.reload.engine.objects.containers import home_of, is_a
from reloadls.reload.engine.objects.values import copy_of, is_immutable
from reloadls.reload.engine.undo import MISSING

from .effects import Effect, forget_execution, is_link, was_executed

if TYPE_CHECKING:
    from reloadls.reload.engine.analysis.mentions import Mentions
    from reloadls.reload.engine.analysis.statements import Facts, Source, Statement

__all__ = ["Codes", "LoadedModule", "Modules", "read_text"]

_LAST = 1 << 40
_NO_LINE = -1
"""Stands for the line of a statement that a commit runs: it may not have been there when its module was loaded."""
_CONSTRUCTORS = frozenset(["__init__", "__new__", "__post_init__"])
_NONE: Mapping[Any, Any] = MappingProxyType({})
_MOST_BY_HAND = 16
"""How many modules of one file are followed that the program runs by hand."""
_PACKAGE = os.path.realpath(PACKAGE)


def read_text(data: bytes) -> str:
    """A source file's text: its own encoding, any line ends. Raises SyntaxError as the interpreter would."""
    try:
        # As importlib.util.decode_source, which imports tokenize anew each time.
        encoding = detect_encoding(BytesIO(data).readline)[0]
        return IncrementalNewlineDecoder(None, translate=True).decode(data.decode(encoding))
    except SyntaxError:
        raise
    except Exception as error:  # the file names its codec, which may raise anything
        raise SyntaxError(f"can't be decoded: {error}") from error


Codes = dict["Facts", tuple[CodeType, ...]]
"""A statement -> the code objects that it makes, on the lines where they are now."""


Called = tuple[str, str]
"""A function, by the name of its module and its own qualified name."""
State = tuple[
    str,
    "Source",
    Codes,
    dict["Facts", list[Effect]],
    dict["Facts", "Facts"],
    set["Facts"],
    dict["Facts", set[Called]],
    dict[str, object],
]


@dataclass(eq=False)
class LoadedModule:
    """A module as it runs."""

    name: str
    path: str
    module: ModuleType
    text: str
    """Its source, as last applied."""
    code: CodeType | None
    """As it was loaded, until its statements are first asked for."""
    order: float
    """Its place among the modules by when they had been loaded."""
    by_hand: bool = False
    """The program has run it past the import system: it need not be in `sys.modules`, and others may have its name."""
    loading_in: int | None = None
    """The thread that runs its statements for the first time."""
    in_circle: bool = False
    """An edit has made a circle of imports that it is in."""
    importers: list[tuple[LoadedModule, int]] = field(default_factory=list)
    """The modules in the middle of which it was loaded, with the line on which each was."""
    noted: list[tuple[int, Effect]] = field(default_factory=list)
    """Line -> what was done there while it was loaded."""
    effects: dict[Facts, list[Effect]] = field(default_factory=dict)
    recorded: bool = False
    """What its statements changed was noted while it was loaded."""
    recorded_to: int = 0
    """The first line of which it was not noted, where that was so of a part only."""
    ran: Collection[int] = ()
    """The lines that ran while it was loaded, as far as that is known."""
    noted_calls: dict[int, set[Called]] = field(default_factory=dict)
    """Line -> the functions of the program that ran within it while it was loaded."""
    calls: dict[Facts, set[Called]] = field(default_factory=dict)
    """The same for statements, and for when they ran again."""
    all_calls: set[Called] = field(default_factory=set)
    """All functions that have ever run within its statements."""
    copies: dict[str, object] = field(default_factory=dict)
    """Name -> a copy of the container of plain data that it was bound to, as it was then."""
    handled: set[Facts] = field(default_factory=set)
    """Statements in which an exception was handled when they last ran."""
    watched: set[Facts] = field(default_factory=set)
    """Statements of which that was noted in another way: in that part, or when they ran again."""
    left_behind: dict[str, list[ReferenceType[Any]]] = field(default_factory=dict)
    """Name -> objects that it meant once, and that something went on to hold."""
    _source: Source | None = None
    _at_load: Source | None = None
    """Its statements as they were loaded: a frame that runs them knows those lines, wherever edits have moved them."""
    _became: dict[Facts, Facts] = field(default_factory=dict)
    """What each of those is now."""
    _codes: Codes = field(default_factory=dict)
    _mentions: Mentions | None = None

    @property
    def namespace(self) -> dict[str, Any]:
        """Its names."""
        return vars(self.module)

    @property
    def source(self) -> Source:
        """Its statements, as they run."""
        if self._source is None:
            from reloadls.reload.engine.analysis.statements import parse  # noqa: PLC0415 - only a program that is edited waits for it

            self._source = self._at_load = parse(self.text, self.path)
            self._became = {each.facts: each.facts for each in self._source.statements}
            self._attribute(self._source)
        return self._source

    @property
    def codes(self) -> Codes:
        """The code of its statements."""
        _ = self.source
        return self._codes

    def take(self, text: str, source: Source, codes: Codes, came_from: Mapping[Facts, Facts]) -> None:
        """It runs this from now on.

        Args:
            text: its source.
            source: the same, taken apart.
            codes: what its statements make.
            came_from: each statement that was there before -> what it was.
        """
        _ = self.codes
        self.text = text
        self._source = source
        self._codes = codes
        now = {before: facts for facts, before in came_from.items()}
        self._became = {first: now[last] for first, last in self._became.items() if last in now}
        self.watched = {facts for facts, before in came_from.items() if before in self.watched}
        self.handled |= {facts for facts, before in came_from.items() if before in self.handled}
        self.calls = {facts: self.calls[before] for facts, before in came_from.items() if before in self.calls}
        self.effects = {
            facts: self.effects[before] for facts, before in came_from.items() if before in self.effects
        } | {before: effects for before, effects in self.effects.items() if before not in came_from.values()}

    def state(self) -> State:
        """All that `take` changes."""
        return (
            self.text,
            self.source,
            dict(self.codes),
            {facts: list(effects) for facts, effects in self.effects.items()},
            self._became,
            set(self.handled),
            dict(self.calls),
            dict(self.copies),
        )

    def restore(self, state: State) -> None:
        """It runs again what it ran then."""
        self.text, self._source, self._codes, self.effects, self._became, self.handled, self.calls, self.copies = state

    def _attribute(self, source: Source) -> None:
        """Say of each code object, and of all that was done while loading, which statement it belongs to."""
        from reloadls.reload.engine.analysis.codes import inner_codes  # noqa: PLC0415
        from reloadls.reload.engine.analysis.statements import has_handled  # noqa: PLC0415

        code = self.code or compile(self.text, self.path, "exec", dont_inherit=True)
        self.code = None
        found: dict[Facts, list[CodeType]] = {each.facts: [] for each in source.statements}
        for inner in inner_codes(code):
            if statement := source.at(inner.co_firstlineno):
                found[statement.facts].append(inner)
        self._codes = {facts: tuple(codes) for facts, codes in found.items()}
        for line, effect in self.noted:
            if statement := source.at(line):
                effect.line = line - statement.first + 1
                self.effects.setdefault(statement.facts, []).append(effect)
        self.noted = []
        noted_calls, self.noted_calls = self.noted_calls, {}
        for line, calls in list(noted_calls.items()):  # the thread that loads it may note more
            if statement := source.at(line):
                self.calls.setdefault(statement.facts, set()).update(calls)
        if self.ran:
            self.handled = {each.facts for each in source.statements if has_handled(each, self.ran)}
            self.ran = ()
        self.watched.update(each.facts for each in source.statements if each.last < self.recorded_to)

    def end_recording(self, line: int) -> None:
        """What its statements change is noted up to a line of its text as it was loaded, and no further."""
        self.recorded_to = line
        later = [each.facts for each in self._at_load.statements if each.last >= line] if self._at_load else []
        self.watched.difference_update(self._became[facts] for facts in later if facts in self._became)

    def knows_changes_of(self, facts: Facts) -> bool:
        """Whether all that a statement changed is among its effects."""
        return self.recorded or facts in self.watched

    @property
    def has_effects(self) -> bool:
        """Whether its statements have changed anything outside of it."""
        return bool(self.noted) or any(self.effects.values())

    def bound_by(self, facts: Facts, *parts: Statement) -> set[str]:
        """The names that a statement, or parts of it, bound without naming them in its text."""
        if facts.uses.star:
            return set()
        effects = self.effects.get(facts, ())
        inside = (each for each in effects if not parts or any(part.first <= each.line <= part.last for part in parts))
        return {name for effect in inside for name in effect.bound}

    def mentioning(self, words: frozenset[str]) -> tuple[Statement, ...]:
        """Its statements with any of these words, and those with a star import."""
        if self._mentions is None:
            if "*" not in self.text and not any(word in self.text for word in words):
                return ()  # it need not be taken apart
            from reloadls.reload.engine.analysis.mentions import Mentions  # noqa: PLC0415 - as in `source`

            self._mentions = Mentions()
        if self._mentions.source is not self._source or self._source is None:
            self._mentions.follow(self.source)
        return self._mentions.of(words)

    def files_read(self) -> set[str]:
        """The files that its statements have opened."""
        noted = {effect.path for _, effect in self.noted if effect.path}
        return noted | {effect.path for effects in self.effects.values() for effect in effects if effect.path}

    def readers_of(self, path: str) -> list[Statement]:
        """Its statements that have opened a file."""
        if path not in self.files_read():
            return []
        source = self.source
        return [
            each
            for each in source.statements
            if any(effect.path == path for effect in self.effects.get(each.facts, ()))
        ]

    def called(self, line: int, module: str, function: str) -> None:
        """A function of the program runs within one of its lines, while it is loaded."""
        self.noted_calls.setdefault(line, set()).add((module, function))
        self.all_calls.add((module, function))

    def called_by(self, facts: Facts, function: Called) -> None:
        """A function of the program runs within a statement that runs again."""
        self.calls.setdefault(facts, set()).add(function)
        self.all_calls.add(function)

    def made(self, name: str, copy: object) -> None:
        """A name was bound to a container of plain data."""
        self.copies[name] = copy

    def values_by(self, function: Called, owns: Callable[[str], bool]) -> Iterator[Statement]:
        """Its statements within which a function ran that may run again without harm to what the program keeps.

        Classes, values that are as they were made, and calls that did nothing but to put such data, and objects of it,
        into containers and attributes. An object is not made anew for its constructor.

        Args:
            function: the module and qualified name.
            owns: whether a module of this name is the program's.
        """
        if function not in self.all_calls:
            return  # it need not be taken apart
        objects = function[1].rpartition(".")[2] not in _CONSTRUCTORS
        for each in self.source.statements:
            if function not in self.calls.get(each.facts, ()):
                continue
            names = each.facts.uses.binds
            as_made = (self.is_as_made(name, owns if objects else None) for name in names)
            puts = self._only_puts(each.facts)
            is_value = names and (each.facts.uses.value or puts) and all(as_made)
            if each.facts.is_class or is_value or (not names and (puts or self._only_sorts(each.facts))):
                yield each

    def values_by_calls(self) -> Iterator[Statement]:
        """Its statements of plain data, as it was made, within which functions of the program ran."""
        for each in self.source.statements if self.all_calls else ():
            uses = each.facts.uses
            if uses.value and uses.binds and self.calls.get(each.facts) and all(map(self.is_as_made, uses.binds)):
                yield each

    def _only_puts(self, facts: Facts) -> bool:
        effects = self.effects.get(facts, ())
        return bool(effects) and all(effect.change is not None and effect.change.is_plain for effect in effects)

    def _only_sorts(self, facts: Facts) -> bool:
        """Whether a statement does no more than to put a list in order, which it may have been in."""
        changes = [effect.change for effect in self.effects.get(facts, ())]
        sorts = [each for each in changes if each is not None and each.reordered and not (each.added or each.removed)]
        return len(sorts) == len(changes) and any(chain[-1] == "sort" for chain in facts.uses.now.calls)

    def is_as_made(self, name: str, owns: Callable[[str], bool] | None = None) -> bool:
        """Whether a name means plain data that can't change, or has not since it was made.

        Args:
            name: the name.
            owns: objects of such data count, too, whose classes are of modules of which this is true.
        """
        copy = copy_of(self.namespace.get(name, MISSING), owns)
        return copy is not MISSING and (is_immutable(copy) or self.copies.get(name) == copy)

    def listers_of(self, folder: str) -> list[Statement]:
        """Its statements that have listed a folder."""
        statements = self.source.statements
        listed = {facts for facts, effects in self.effects.items() if any(each.folder == folder for each in effects)}
        return [each for each in statements if each.facts in listed]

    def lines_of_effects(self) -> Iterator[tuple[Effect, int]]:
        """Each effect, and the first line of the statement that brought it about."""
        first = {id(each.facts): each.first for each in reversed(self.source.statements)}
        for facts, effects in self.effects.items():
            if (line := first.get(id(facts))) is not None:
                for effect in effects:
                    yield effect, line
        for line, effect in self.noted:
            yield effect, line

    def running(self) -> Statement | None:
        """The statement that is being run: of a script, the one that the program lives in."""
        line = None
        frames: list[FrameType | None] = list(sys._current_frames().values())
        while frames:
            frame = frames.pop()
            while frame is not None:
                if frame.f_globals is self.namespace and is_module_body(frame.f_code, self.path):
                    line = frame.f_lineno  # the outermost is what the module was loaded by
                frame = frame.f_back  # ends as None: a frame that knew itself would live on
        return None if line is None else self._now(line)

    def comes_after(self, line: int, other: LoadedModule, place: int) -> bool:
        """Whether a statement on a line of this module runs after the one on a line of another, at a fresh start."""
        if other is self:
            return line > place
        if (within := other.imported_on(self)) is not None:
            return line > within
        if (within := self.imported_on(other)) is not None:
            return place < within
        if self._was_imported_by(other) or other._was_imported_by(self):
            return self._was_imported_by(other)
        return self.order > other.order

    def place(self, imported: Mapping[LoadedModule, tuple[LoadedModule, int]] = _NONE) -> tuple[float, ...]:
        """Where in the program its statements are run, to be compared with that of another module.

        Args:
            imported: modules that others import before what imported them first: the importer, and its line now.
        """
        if self in imported:
            importer, line = imported[self]
            return (*importer.place(imported), line, self.order)
        for importer, line in self.importers[:1]:
            statement = importer._importing(self, line)
            if statement is not None:
                return (*importer.place(imported), statement.first, self.order)
            return (*importer.place(imported), inf, self.order)  # what imports it now comes after that
        return (self.order,)

    def _was_imported_by(self, importer: LoadedModule) -> bool:
        """Whether a module had this one loaded and imports it no more: what does now comes after that."""
        return any(each is importer for each, _ in self.importers) and self.imported_on(importer) is None

    def imported_on(self, importer: LoadedModule) -> int | None:
        """The line where the statement of a module is now that had this one loaded; None if none of it did."""
        begun = next((line for each, line in self.importers if each is importer), None)
        statement = importer._importing(self, begun) if begun is not None else None
        return None if statement is None else statement.first

    def _importing(self, module: LoadedModule, line: int) -> Statement | None:
        """The statement that had another module loaded from a line, or the one that imports it now."""
        statement = self._now(line)
        if statement is not None:
            return statement
        word = module.name.rpartition(".")[2]
        return next((each for each in self.source.statements if word in each.facts.words and each.facts.imports), None)

    def _now(self, line: int) -> Statement | None:
        """The statement that stood on a line when the module was loaded, where it is now."""
        source = self.source
        begun = self._at_load.at(line) if self._at_load is not None else None
        facts = self._became.get(begun.facts) if begun is not None else None
        return next((each for each in source.statements if each.facts is facts), None)

    def at_its_place(self, statement: Statement) -> CodeType:
        """A statement compiled for where it stands; raises SyntaxError."""
        return statement.compile(self.path, self.source.flags, self.source.imported())


class Modules:
    """The program's own modules, in the order in which they had been loaded."""

    def __init__(self, roots: Iterable[str], *, follow: bool = False) -> None:
        self.roots = tuple(roots)
        self._follow = follow
        self._installed = (*installed_folders(), _PACKAGE) if follow else _installed_folders(self.roots)
        self._by_name: dict[str, LoadedModule] = {}
        self._in_order: tuple[LoadedModule, ...] | None = None
        self._loaded = Condition()
        self._count = 0
        self.module_behind: Callable[[Any], str | None] = lambda _: None
        """The module whose names are the attributes of an object, if it is such a one."""
        self.makes_values: Callable[[Any], bool] = lambda _: False
        self.reads_class: Callable[[type], bool] = lambda _: False
        """Whether what a class makes has no state, and says what the class does."""
        self.stores: Callable[[Any], bool] = lambda _: False
        """Whether instances of a class are rows of a database: making them again makes others."""

    def __iter__(self) -> Iterator[LoadedModule]:
        with self._loaded:
            if self._in_order is None:
                self._in_order = tuple(sorted(self._by_name.values(), key=lambda module: module.order))
            return iter(self._in_order)

    def __len__(self) -> int:
        return len(self._by_name)

    def covers(self, path: str) -> bool:
        """Whether a file is the program's own: not installed, and under a root unless all such files are followed."""
        return not self._is_installed(path) and (self._follow or is_within(path, self.roots))

    def _is_installed(self, path: str) -> bool:
        return is_installed(path, self._installed)

    def survey(self) -> tuple[int, list[tuple[str, str]]]:
        """How many files are followed, and which loaded ones that could be edited are not: the path, and why."""
        followed = {each.path for each in self if self.covers(each.path)}
        others = {}
        folders: dict[str, str] = {}
        for name in list(sys.modules):
            path = _file_of(sys.modules.get(name), folders)
            if path is None or path in followed or self._is_installed(path) or is_within(path, (_PACKAGE,)):
                continue
            if not path.endswith(".py"):
                if os.path.dirname(path) not in command_folders():  # as coverage has it, which replaces `__main__`
                    others[path] = "compiled"
            elif not os.path.exists(path) and os.path.isfile(os.path.dirname(path)):
                others[path] = "in an archive"
            elif self.covers(path):
                others[path] = "not loaded by an ordinary import"
            elif not is_within(path, installed_folders()):
                others[path] = "not below a root"
        return len(followed), sorted(others.items())

    def may_hold(self, folder: str) -> bool:
        """Whether files of the program's own may be in a folder or below it."""
        return self.covers(folder) or any(is_within(root, (folder,)) for root in self.roots)

    def named(self, name: str) -> LoadedModule | None:
        """The module with this name, if it is loaded and the program's own."""
        found = self._by_name.get(name)
        return found if found is not None and (found.by_hand or _is_imported(found)) else None

    def of(self, module: object) -> LoadedModule | None:
        """What is known of a module object."""
        if not is_a(module, ModuleType):
            return None
        return next((each for each in self._by_name.values() if each.module is module), None)

    def at(self, path: str) -> LoadedModule | None:
        """The module that was loaded from a file."""
        return next(iter(self.all_at(path)), None)

    def all_at(self, path: str) -> list[LoadedModule]:
        """All modules that were loaded from a file: a script may be `__main__` and imported by its name, too."""
        return [each for each in self if each.path == path and (_is_imported(each) or self._is_held(each))]

    def not_followed(self, path: str) -> list[str]:
        """The names under which a file is loaded in ways that no edit of it reaches."""
        known = {id(each.module) for each in self.all_at(path)}
        others = [name for name, module in _of_file(path) if id(module) not in known]
        if not known and not others and was_executed(path):
            others = [os.path.basename(path).removesuffix(".py")]  # by `runpy`, or by a loader without `sys.modules`
        replaced = [each.name for each in self if each.path == path and id(each.module) not in known]
        return sorted({*others, *(name for name in replaced if name in sys.modules)})

    def owns(self, name: str) -> bool:
        """Whether a module of this name is the program's."""
        return name in self._by_name

    def spaces(self) -> list[dict[str, Any]]:
        """All their namespaces."""
        return [each.namespace for each in self]

    def names(self) -> frozenset[str]:
        """All their names."""
        return frozenset(self._by_name)

    def _is_held(self, module: LoadedModule) -> bool:
        """Whether the program still has a module that it has run by hand; else it is dropped."""
        if not module.by_hand:
            return False
        held = module.has_effects or _is_held(module)
        if not held:
            self.drop(module)
        return held

    def loading(
        self, name: str, path: str, module: ModuleType, text: str, code: CodeType, *, by_hand: bool = False
    ) -> LoadedModule:
        """A module begins to run."""
        with self._loaded:
            self._count += 1
            self._in_order = None
            if by_hand and sys.modules.get(name) is not module:
                name = self._free_name(name, path)
            elif (known := self._by_name.get(name)) and known.module is not module and known.path == path:
                known.name, known.by_hand = self._free_name(name, path), True  # the program may hold it still
                self._by_name[known.name] = known
            # Until it is loaded it comes after all that it imports, a script for as long as its program runs.
            order = _LAST - self._count
            found = LoadedModule(name, path, module, text, code, order, loading_in=get_ident(), by_hand=by_hand)
            found.importers = self._in_the_middle(found)
            self._by_name[name] = found
            return found

    def _in_the_middle(self, module: LoadedModule) -> list[tuple[LoadedModule, int]]:
        """The modules whose statements run on this thread, each with the line of the outermost.

        Lines are those of a module as it was loaded, which a statement that a commit runs is not on.
        """
        spaces = {id(each.namespace): each for each in self._by_name.values()}
        spaces.pop(id(module.namespace), None)
        found: dict[LoadedModule, int] = {}
        frame: FrameType | None = sys._getframe()
        while frame is not None and spaces:
            each = spaces.get(id(frame.f_globals))
            if each is not None and is_module_body(frame.f_code):
                found[each] = frame.f_lineno if each.loading_in == get_ident() else _NO_LINE
            frame = frame.f_back
        return list(found.items())

    def _free_name(self, name: str, path: str) -> str:
        """A name that no other module has: of those that the program has run by hand and holds no more, one is free."""
        alike = [each for each in self._by_name.values() if each.by_hand and each.path == path]
        for each in alike[: len(alike) - _MOST_BY_HAND + 1] if len(alike) >= _MOST_BY_HAND else ():
            del self._by_name[each.name]
        number, free = 1, name
        while free in self._by_name or (free in sys.modules and number == 1):
            number += 1
            free = f"{name} ({number})"
        return free

    def loaded(self, module: LoadedModule, *, failed: bool = False) -> None:
        """A module has run, or failed to."""
        with self._loaded:
            self._count += 1
            self._in_order = None
            # What a commit has loaded comes right before the module that imports it now.
            within = next((each for each, line in reversed(module.importers) if line == _NO_LINE), None)
            module.order = self._count if within is None else within.order - 1 / (self._count + 1)
            module.loading_in = None
            if failed and self._by_name.get(module.name) is module:
                del self._by_name[module.name]
            self._loaded.notify_all()

    def add(self, name: str, path: str, module: ModuleType, text: str, code: CodeType) -> LoadedModule:
        """A module that was loaded before anybody looked."""
        known = self._by_name.get(name)
        if known is not None and known.path != path:  # `runpy` has put another module in its place, for a time
            name = self._free_name(name, path)
        found = self.loading(name, path, module, text, code, by_hand=sys.modules.get(name) is not module)
        self.loaded(found)
        return found

    def drop(self, module: LoadedModule) -> None:
        """A module is gone."""
        forget_execution(module.path)  # its edited statements were run by the engine
        with self._loaded:
            if self._by_name.get(module.name) is module:
                self._in_order = None
                del self._by_name[module.name]

    def put(self, module: LoadedModule) -> None:
        """A module is there under its name."""
        with self._loaded:
            self._in_order = None
            self._by_name[module.name] = module

    def wait_until_loaded(self, ready: Callable[[LoadedModule], bool], timeout: float) -> None:
        """Wait for modules that are being loaded on another thread, `__main__` excepted: that may take forever."""
        with self._loaded:
            self._loaded.wait_for(
                lambda: all(
                    each.loading_in in (None, get_ident()) or each.name == "__main__" or ready(each)
                    for each in self._by_name.values()
                ),
                timeout,
            )


def _installed_folders(roots: Iterable[str]) -> tuple[str, ...]:
    """Where the interpreter's own code lies, unless a root is in there."""
    return tuple(folder for folder in installed_folders() if not any(is_within(root, (folder,)) for root in roots))


def _own_references() -> int:
    class Holder:
        value = object()

    holder = Holder()
    holder.value = object()
    return sys.getrefcount(holder.value)


_OWN_REFERENCES = _own_references()


def _is_imported(module: LoadedModule) -> bool:
    return sys.modules.get(module.name) is module.module


def _is_held(module: LoadedModule) -> bool:
    """Whether anything but the engine holds a module, or a function or class of it."""
    if sys.getrefcount(module.module) > _OWN_REFERENCES:
        return True
    values = module.namespace
    for name in list(values):
        value = values[name]
        if is_a(value, FunctionType) and sys.getrefcount(value) > _OWN_REFERENCES:
            return True
        if is_a(value, type) and home_of(value) == module.module.__name__:
            inner = (id(values), id(value.__mro__))
            for each in gc.get_referrers(value):
                kind = type(each)
                if kind is value or (id(each) not in inner and kind.__name__ not in ("frame", "getset_descriptor")):
                    return True
    return False


def _file_of(module: object, folders: dict[str, str]) -> str | None:
    """A module's file, with links resolved; `folders` remembers where folders lead."""
    file = vars(module).get("__file__") if is_a(module, ModuleType) else None
    if not isinstance(file, str):
        return None
    folder, name = os.path.split(file)
    if name in ("", ".", "..") or os.path.islink(file):
        return os.path.realpath(file)
    if folder not in folders:
        folders[folder] = os.path.realpath(folder)
    return os.path.join(folders[folder], name)


def _of_file(path: str) -> Iterator[tuple[str, ModuleType]]:
    """The modules of `sys.modules` that were loaded from a file, which may be a link to `path`."""
    ending = os.sep + os.path.basename(path)
    there: list[tuple[str, object]] = list(sys.modules.items())  # a program may put anything there
    for name, module in there:
        if not is_a(module, ModuleType):
            continue
        file = vars(module).get("__file__")
        # Where a path really leads costs a call to the system for each folder on the way: few are asked.
        if (
            isinstance(file, str)
            and ((os.sep + file).endswith(ending) or is_link(file))
            and os.path.realpath(file) == path
        ):
            yield name, module
