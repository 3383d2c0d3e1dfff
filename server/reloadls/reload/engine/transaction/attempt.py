"""One attempt to apply files: what it would do, doing it, and its report."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType

from reloadls.base.live_sessions import LiveSession
from reloadls.reload.engine.adapting import Adapters
from reloadls.reload.engine.analysis.diff import Way
from reloadls.reload.engine.objects.classes import CantBeLive
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.objects.functions import Functions
from reloadls.reload.engine.objects.running import Noted
from reloadls.reload.engine.pinned.conflicts import Touched, in_the_way
from reloadls.reload.engine.pinned.uses import Uses
from reloadls.reload.engine.pinned.versions import Versions
from reloadls.reload.engine.program.dependents import imported_from
from reloadls.reload.engine.program.effects import lister
from reloadls.reload.engine.program.imports.names import check_names
from reloadls.reload.engine.program.imports.order import check_circles
from reloadls.reload.engine.program.imports.relocation import Relocation, find_relocations, missed
from reloadls.reload.engine.program.modules import LoadedModule, Modules, read_text
from reloadls.reload.engine.regular_files import is_special, read_file
from reloadls.reload.engine.undo import Undo
from reloadls.reload.report import ModuleReport, ModuleStatus, Note, ReloadReport, ReportStatus, SourceLocation

from .commit import Changed, Commit
from .plan import ModulePlan, Work, plan_module, statements_that_run

__all__ = ["Attempt"]

_REST: Mapping[ReportStatus, ModuleStatus] = {"failed": "rolledBack", "unchanged": "unchanged"}
_FUTURE = re.compile(r"^from[ \t]+__future__[ \t]+import[ \t]+(\([^)]*\)|[^\n(]*)", re.MULTILINE)
_BINARY = (".so", ".pyd", ".dll", ".dylib")


@dataclass(frozen=True, slots=True)
class _Reason:
    name: str
    path: str
    why: str


class Attempt:
    """Files that changed, and what becomes of them. `prepare` first, then `commit`, then `report`."""

    def __init__(
        self,
        modules: Modules,
        functions: Functions,
        versions: Versions,
        adapters: Adapters,
        created: Collection[str] = (),
    ) -> None:
        self._created = created
        self._modules = modules
        self._functions = functions
        self._versions = versions
        self._adapters = adapters
        self._work = Work()
        self._files_taken: list[str] = []
        self._relocations: list[Relocation] = []
        self._skipped: list[str] = []
        self.refused: list[_Reason] = []
        """Why it can't be done without a restart."""
        self.changed: Changed = {}
        """What runs new code, once it was committed."""
        self._not_followed: tuple[Note, ...] = ()
        self.still_running: list[Noted] = []
        """The old code that was running when it was committed."""
        self.notes: tuple[Note, ...] = ()
        """What differs from a fresh start, once it was committed."""
        self._listed: list[tuple[str, tuple[str, int]]] = []
        """New files, and what has listed their folders."""

    def related(self, waiting: Iterable[str], paths: Iterable[str]) -> list[str]:
        """Those of the files that wait for a second try which import one that changed, or are imported by one."""
        changed = set().union(*(_import_names(self._modules, path) for path in paths))
        known = set(paths)
        rest = [path for path in waiting if path not in known]
        names = {path: _import_names(self._modules, path) for path in rest}
        return [
            path
            for path in rest
            if self._imports_any(path, changed, set())
            or any(self._imports_any(each, names[path], set()) for each in known)
        ]

    def _imports_any(self, path: str, changed: set[str], seen: set[str]) -> bool:
        module = self._modules.at(path)
        if path in seen or module is None:
            return False
        seen.add(path)
        names = _imported(module, path)
        if any(name in changed or name.rpartition(".")[2] in changed for name in names):
            return True
        loaded = [found for name in names if (found := self._modules.named(name))]
        return any(self._imports_any(each.path, changed, seen) for each in loaded)

    def prepare(self, paths: list[str], renamed: Mapping[str, str], *, force: bool) -> None:
        """Determine the work to do. Raises SyntaxError, ValueError, OSError for a file that can't be applied."""
        paths = [path for path in paths if not self._is_gone_by_hand(path)]
        self._relocations, accounted = find_relocations(self._modules, paths, dict(renamed))
        texts = {each.module: str(each.spec.origin) for each in self._relocations if each.spec}
        gone = {each.module for each in self._relocations}
        for each in self._relocations:
            for place in {each.module.path, texts.get(each.module, each.module.path)}:
                self._looked_for(place)
        for path in paths:
            module = self._modules.at(path)
            if module is not None and module not in gone:
                texts.update(dict.fromkeys(self._modules.all_at(path), path))
            elif module is None and path not in accounted:
                self._other_file(path, force)
            self._note_others(path)
        for module, path in texts.items():
            self._plan(module, path, force)
        for plan in self._work.plans:
            self.refused += _beyond_what_runs(plan)
        for plan in self._work.plans:
            check_names(plan.module, plan.difference)
        if not self._relocations:
            check_circles(self._modules, {plan.module: plan.source for plan in self._work.plans})

    def _is_gone_by_hand(self, path: str) -> bool:
        """Whether a file was deleted that the program has loaded by its place: what it does then is its own affair."""
        module = self._modules.at(path)
        if module is None or not module.by_hand or os.path.isfile(path):
            return False
        message = f"{module.module.__name__} was loaded from a file that is gone; restart to be without it"
        location = SourceLocation(path=path, line=1)
        self._not_followed += (Note(code="notFollowed", message=message, location=location, name=module.name),)
        return True

    def _note_others(self, path: str) -> None:
        """Note the modules of a file that no edit of it reaches."""
        names = self._modules.not_followed(path) if path.endswith(".py") and self._modules.covers(path) else []
        for name in names:
            message = (
                f"{name} was not loaded by an ordinary import, so edits of its file are not applied; restart for them"
            )
            self._not_followed += (
                Note(code="notFollowed", message=message, location=SourceLocation(path=path, line=1), name=name),
            )

    def _plan(self, module: LoadedModule, path: str, force: bool) -> None:
        text = read_text(read_file(path))
        _check_future(text, path)
        if text != module.text or any(each.module is module for each in self._relocations):
            try:
                self._work.plans.append(plan_module(module, text))
            except (
                RecursionError,
                MemoryError,
            ) as error:  # it is nested too deeply for Python, which doesn't say where
                vars(error).update(filename=path, lineno=1)
                raise
        elif force:
            self._work.again += [
                (module, each)
                for each in module.source.statements
                if not isinstance(
                    each.facts.nodes[0],
                    (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom),
                )
            ]

    def _other_file(self, path: str, force: bool) -> None:
        """A file that is no module of the program: what has read it runs again."""
        if is_special(path):  # reading it may never end
            message = f"{os.path.basename(path)} is not a regular file, so edits of it are not followed"
            location = SourceLocation(path=path, line=1)
            self._not_followed += (Note(code="notFollowed", message=message, location=location),)
            return
        found = [(module, statement) for module in self._modules for statement in module.readers_of(path)]
        found += [(module, statement) for module in self._modules for statement in missed(self._modules, module, path)]
        self._work.again += found
        if not os.path.isdir(path):
            self._work.files.append(path)
        if path.endswith(".py") and self._modules.covers(path) and (path in self._created or not os.path.isfile(path)):
            self._looked_for(path)
        if path.endswith(_BINARY):
            self.refused += [
                _Reason(name, path, "a compiled extension module can't be loaded twice into one process")
                for name in list(sys.modules)
                if _file_of(name) == path
            ]
        elif os.path.isfile(path) and (name := _module_within(path)):
            self.refused.append(_Reason(name, path, "the program runs modules of this archive"))
        elif force and not found:
            self._skipped.append(path)

    def _looked_for(self, path: str) -> None:
        """A source file came or went: statements that listed its folder run again; note that others may load it."""
        folder = os.path.dirname(path)
        if os.path.basename(path) == "__init__.py":
            folder = os.path.dirname(folder)
        found = [(module, statement) for module in self._modules for statement in module.listers_of(folder)]
        ready = [(module, each) for module, each in found if each is not module.running()]
        self._work.again += [each for each in ready if each not in self._work.again]
        if not ready and os.path.isfile(path) and (by := lister(folder)) is not None:
            self._listed.append((path, by))

    def _note_listed(self) -> None:
        """Note new files that are not loaded although code of the program may look for them."""
        for path, (lister_path, line) in self._listed:
            if self._modules.at(path) is None:
                where = f"{os.path.basename(lister_path)}:{line}"
                message = f"a new file; {where} has listed its folder already, so restart if that is what loads it"
                location = SourceLocation(path=path, line=1)
                self._not_followed += (Note(code="later", message=message, location=location),)

    def held_back_by(self) -> list[LiveSession]:
        """The pinned sessions that it can't be made live beside."""
        sessions = self._versions.pinned_sessions
        if not sessions:
            return []
        if self._relocations:
            return sessions
        touched = Touched(self._modules)
        for origin in self._work.again:
            touched.add_statement(*origin)
        for plan in self._work.plans:
            for statement in statements_that_run(plan):
                touched.add_statement(plan.module, statement)
            for name in plan.bodies:
                touched.add_body(plan.module, name)
        return in_the_way(sessions, Uses(self._modules, self._versions.old_codes()), touched.names)

    def commit(self) -> None:
        """Make it live: all of it, or raise and leave the program as it was. What can't be is then in `refused`."""
        work = self._work
        if not (work.plans or work.again or work.files or self._relocations):
            return
        commit = Commit(self._modules, self._functions, self._versions, self._adapters, work)
        try:
            self.changed = commit.run(self._relocate if self._relocations else None)
            self._files_taken = commit.files_taken
            self.notes = commit.notes
            self.still_running = commit.still_running
        except CantBeLive as error:  # the commit has taken all of it back
            module = commit.at_work or self._work.plans[0].module
            self.refused.append(_Reason(module.name, module.path, str(error)))

    @property
    def did_something(self) -> bool:
        """Whether the program is another one now."""
        return bool(self.changed or self._files_taken)

    def _relocate(self, undo: Undo) -> tuple[list[str], list[LoadedModule]]:
        names = [each.module.name for each in self._relocations]
        for each in self._relocations:
            each.carry_out(self._modules, undo)
        return names, [each.module for each in self._relocations]

    def report(self, status: ReportStatus) -> ReloadReport:
        """The report, without its time and duration."""
        if status != "failed":  # what a commit that failed had loaded is no longer there
            self._note_listed()
        reports = [*self._reports(status), *(_skipped(path) for path in self._skipped)]
        return ReloadReport(
            status=status, at="", duration_ms=0.0, modules=tuple(reports), notes=(*self.notes, *self._not_followed)
        )

    def _reports(self, status: ReportStatus) -> Iterable[ModuleReport]:
        if status == "reloaded":
            for module, names in self.changed.items():
                yield ModuleReport(name=module.name, path=module.path, status="reloaded", changed=tuple(names))
            for path in self._files_taken:
                changed = self._adapters.changed_in(path)
                yield ModuleReport(name=os.path.basename(path), path=path, status="reloaded", changed=changed)
            for plan in self._work.plans:
                if plan.module not in self.changed:
                    yield ModuleReport(name=plan.module.name, path=plan.module.path, status="unchanged")
            return
        reasons = {each.path for each in self.refused}
        for each in self.refused:
            yield ModuleReport(name=each.name, path=each.path, status="restartRequired", reason=each.why)
        for plan in self._work.plans:
            if plan.module.path not in reasons:
                rest = _REST.get(status, "skipped")
                yield ModuleReport(name=plan.module.name, path=plan.module.path, status=rest)


def _check_future(text: str, path: str) -> None:
    """Raise SyntaxError for a `from __future__` that comes too late: statements are compiled one by one."""
    found = [match.end() for match in _FUTURE.finditer(text)]
    if found:
        try:
            compile(text[: found[-1]], path, "exec", dont_inherit=True)
        except SyntaxError as error:
            if "__future__" in (error.msg or ""):
                raise


def _file_of(name: str) -> str | None:
    file = _raw_file_of(name)
    return None if file is None else os.path.realpath(file)


def _raw_file_of(name: str) -> str | None:
    module = sys.modules.get(name)
    file = vars(module).get("__file__") if is_a(module, ModuleType) else None
    return file if isinstance(file, str) else None


def _module_within(path: str) -> str | None:
    """The first module that was loaded from an archive."""
    inside = path + os.sep
    last = os.path.basename(path) + os.sep
    files = ((name, _raw_file_of(name) or "") for name in list(sys.modules))
    # An entry of `sys.path` may be relative.
    return next((name for name, file in files if last in file and os.path.realpath(file).startswith(inside)), None)


def _skipped(path: str) -> ModuleReport:
    why = "the program has not loaded it"
    return ModuleReport(name=os.path.basename(path), path=path, status="skipped", reason=why)


def _beyond_what_runs(plan: ModulePlan) -> list[_Reason]:
    """What changed of a script's last statement, which runs as long as the program, and of what comes after it."""
    module = plan.module
    running = module.running() if module.loading_in is not None else None
    if running is None:
        return []
    why = None
    here = next((step.statement.first for step in plan.steps if step.before is running), running.first)
    for step in plan.steps:
        if step.way in (Way.KEEP, Way.MOVE):
            continue
        before = step.before
        if before is running and step.way is not Way.PATCH:
            why = f"line {running.first} is what the program is running now"
        elif before is not None and before.first > running.first:
            why = f"line {before.first} has not run yet, and the script goes on with what it was started from"
        elif before is None and step.statement.first > here:
            why = f"line {step.statement.first} would come after what the program is running now"
    for each in plan.difference.removed:
        if each.first >= running.first:
            why = f"line {each.first} is running, or has not run yet"
    return [_Reason(module.name, module.path, why)] if why else []


def _import_names(modules: Modules, path: str) -> set[str]:
    """The names by which a file may be imported."""
    module = modules.at(path)
    return {os.path.basename(path).removesuffix(".py"), *([] if module is None else [module.name])}


def _imported(module: LoadedModule, path: str) -> set[str]:
    """What a file imports now, and what it imported when its module took it last: that may be why another waits."""
    names: set[str] = set()
    for node in (each for tree in _trees(module, path) for each in ast.walk(tree)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = imported_from(module, node)
            names.add(source)
            names.update(f"{source}.{alias.name}" for alias in node.names)
    return names


def _trees(module: LoadedModule, path: str) -> Iterable[ast.Module]:
    texts = [module.text]
    try:
        texts.append(read_text(read_file(path)))
    except Exception:  # a codec of the file's choice
        return ()
    try:
        return [ast.parse(text) for text in dict.fromkeys(texts)]
    except Exception:  # an expression that is too deep
        return ()
