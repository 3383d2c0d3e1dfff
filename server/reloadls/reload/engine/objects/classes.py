"""Update a class in place from its edited definition; it stays the same object with all its instances.

Two ways: where only its body differs, and nothing is done with a class once it is made, the statements of the body that
changed are run alone, in the class. Else the whole statement is run, and the class takes over what the new one has.
"""

from __future__ import annotations

import abc
import ast
import gc
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import CodeType, FunctionType, MemberDescriptorType
from typing import Any

from reloadls.reload.engine.analysis.blocks import annotation_only
from reloadls.reload.engine.analysis.codes import CONDITIONAL
from reloadls.reload.engine.analysis.diff import Difference, Step, Way, compare, header, is_another
from reloadls.reload.engine.analysis.statements import Statement, body_of
from reloadls.reload.engine.objects.containers import home_of, is_a
from reloadls.reload.engine.undo import MISSING, Undo

from .adopt import adopt_function, inner_functions
from .changes import attributes_of
from .computed import forget_attribute, is_computed_anew
from .enums import adopt_enum, is_enum
from .lazy import CACHE, annotate_of, annotation_alone, annotations_in, evaluated

__all__ = [
    "HOOKS",
    "CantBeLive",
    "adopt_class",
    "annotations_differ",
    "changed_body",
    "has_docstring",
    "hooks_of",
    "is_plain",
    "kept_names",
    "leave_bases",
    "other_names",
    "patch_class",
    "statement_for_body",
]

_KEPT = (Way.KEEP, Way.MOVE, Way.PATCH, Way.ANNOTATE)
"""The ways of statements whose values stay."""
_BY_ITSELF = frozenset(
    {"__annotations__", "__annotate_func__", CACHE, CONDITIONAL, "__static_attributes__", "__firstlineno__"}
)
_OF_ITS_OWN = frozenset({"__dict__", "__weakref__", "__module__", "_abc_impl", "__subclasshook__", "__firstlineno__"})
_PLAIN_METACLASSES = (type, abc.ABCMeta)
_MAKER = "__reloadls_body__"


Put = Callable[[str, Any], bool]


HOOKS = frozenset(["__init_subclass__", "__set_name__", "__new__", "__init__", "__prepare__"])
"""Methods that may run while a class is made."""


def hooks_of(cls: type) -> Iterator[FunctionType]:
    """The functions of a class that run while another is made."""
    for name, value in type.__getattribute__(cls, "__dict__").items():
        function = value.__func__ if is_a(value, (staticmethod, classmethod)) else value
        if name in HOOKS and is_a(function, FunctionType):
            yield function


class CantBeLive(Exception):
    """What changed can't be made live in objects that exist; says why, for a person."""


def changed_body(before: Statement, after: Statement, affected: Collection[str] = ()) -> Difference:
    """What is different in the body of a class, with the statements that read a name that differs.

    Args:
        before: the class statement as it ran.
        after: as it is now.
        affected: text of statements of the body that depend on something else that changed.
    """
    difference = compare(body_of(before), body_of(after))
    changed: set[str] = {name for each in difference.removed for name in each.facts.uses.binds}
    kinds: set[str] = set()
    steps = []
    for step in difference.steps:
        uses = step.statement.facts.uses
        again = step.statement.facts.text in affected or any(chain[0] in changed for chain in uses.now.reads)
        again = again or any(not _only_makes(step.statement, name) for name in kinds)
        steps.append(Step(Way.RUN, step.statement, step.before) if again else step)
        if steps[-1].way is Way.CLASS:
            kinds |= uses.binds  # it stays the same class
        elif steps[-1].way not in _KEPT:
            changed |= uses.binds
        elif _binds_always(step.statement):
            changed -= uses.binds
    return Difference(_with_what_they_read(steps), difference.removed)


def _only_makes(statement: Statement, kind: str) -> bool:
    """Whether a statement does no more with a class than making instances that are kept."""
    now = statement.facts.uses.now
    read = {chain for chain in now.reads if chain[0] == kind}
    return read <= now.calls - now.made and kind not in now.kept and read <= {(kind,)}


def _binds_always(statement: Statement) -> bool:
    """Whether a statement gives its names a value that does not depend on what they meant before."""
    [node, *others] = statement.facts.nodes
    reads = {chain[0] for chain in statement.facts.uses.now.reads}
    return not others and isinstance(node, _BINDING) and reads.isdisjoint(statement.facts.uses.binds)


_BINDING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign)


def _with_what_they_read(steps: list[Step]) -> tuple[Step, ...]:
    """Have statements run, too, that give a name the value that one reads which runs, where it means another later."""
    for index in reversed(range(len(steps))):
        if steps[index].way in _KEPT:
            continue
        uses = steps[index].statement.facts.uses
        for name in {chain[0] for chain in uses.now.reads} - uses.binds:
            places = [at for at, step in enumerate(steps) if name in step.statement.facts.uses.binds]
            above = [at for at in places if at < index]
            if above and places[-1] > index and steps[above[-1]].way in _KEPT:
                step = steps[above[-1]]
                steps[above[-1]] = Step(Way.RUN, step.statement, step.before)
    return tuple(steps)


def other_names(difference: Difference) -> set[str]:
    """The names of a body that mean what another statement made than before, of several that bind them."""
    names = {name for step in difference.steps for name in step.statement.facts.uses.binds}
    return {name for name in names if is_another(difference, name)}


def kept_names(difference: Difference) -> set[str]:
    """What a body binds by statements that did not change."""
    keeps = (Way.KEEP, Way.ANNOTATE)
    kept = {name for step in difference.steps if step.way in keeps for name in step.statement.facts.uses.binds}
    changed = {name for step in difference.steps if step.way not in keeps for name in step.statement.facts.uses.binds}
    return kept - changed


def is_plain(cls: Any, before: Statement, after: Statement, *, takes_attributes: bool = False) -> bool:
    """Whether a class is no more than its body: nothing looks at it when it is made.

    Args:
        cls: the class.
        before: the statement as it ran.
        after: as it is now.
        takes_attributes: its library looks, but can put single attributes into it.
    """
    [old], [new] = before.facts.nodes, after.facts.nodes
    if not (isinstance(cls, type) and isinstance(old, ast.ClassDef) and isinstance(new, ast.ClassDef)):
        return False
    if new.decorator_list or header(old) != header(new):
        return False
    if takes_attributes:
        return True
    if type(cls) not in _PLAIN_METACLASSES:
        return False
    slots = any("__slots__" in each.facts.uses.binds for each in (*body_of(before), *body_of(after)))
    watched = any("__init_subclass__" in vars(base) for base in cls.__mro__[1:] if base.__module__ != "builtins")
    return not slots and not watched and "__slots__" not in vars(cls)


def statement_for_body(
    statement: Statement, difference: Difference, annotated: Collection[object] | None = None
) -> tuple[ast.stmt, ...] | None:
    """The class statement with no more than what has to run of its body; None if nothing has.

    Args:
        statement: the class.
        difference: of its body.
        annotated: if annotations are lazy and some differ, the names that the class has them of. What evaluates them
            knows them all, so that all are said again.
    """
    [node] = statement.facts.nodes
    assert isinstance(node, ast.ClassDef)
    changed = [step for step in difference.steps if step.way not in _AS_IT_WAS]
    body: list[ast.stmt] = []
    for step in difference.steps:
        if step.way not in _AS_IT_WAS:
            body += [each for each in _to_run(step) if not _is_text(each)]
        elif annotated is not None:
            body += map(annotation_alone, _annotations_of(step.statement, annotated))
    if has_docstring(statement) and any(node.body[0] in step.statement.facts.nodes for step in changed):
        body.insert(0, node.body[0])
    if not body:
        return None
    maker = ast.keyword(arg="metaclass", value=ast.Name(id=_MAKER, ctx=ast.Load()))
    alone = ast.ClassDef(name=node.name, bases=[], keywords=[maker], body=body, decorator_list=[])
    if hasattr(node, "type_params"):
        alone.type_params = []
    ast.copy_location(alone, node)
    return (ast.fix_missing_locations(alone),)


_AS_IT_WAS = (Way.KEEP, Way.MOVE, Way.PATCH)


def _annotations_of(statement: Statement, annotated: Collection[object]) -> Iterator[ast.AnnAssign]:
    for each in annotations_in(statement.facts.nodes):
        if each in statement.facts.nodes or (isinstance(each.target, ast.Name) and each.target.id in annotated):
            yield each


def annotations_differ(difference: Difference) -> bool:
    """Whether a body says something else of the types of its names, or says it of something else."""
    changed = [step for step in difference.steps if step.way not in _AS_IT_WAS]
    statements = [*difference.removed, *(each for step in changed for each in (step.statement, step.before) if each)]
    return any(True for each in statements for _ in annotations_in(each.facts.nodes))


def _to_run(step: Step) -> Sequence[ast.stmt]:
    return annotation_only(step.statement) if step.way is Way.ANNOTATE else step.statement.facts.nodes


def has_docstring(statement: Statement) -> bool:
    """Whether a class begins with a docstring."""
    [node] = statement.facts.nodes
    return isinstance(node, ast.ClassDef) and _is_text(node.body[0])


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


class _Body(dict[str, Any]):
    """The namespace of a class body that goes on where the class is.

    Args:
        cls: the class.
        names: what the body binds; other attributes of the class were put there later, and hide nothing from it.
    """

    def __init__(self, cls: type, names: Collection[str]) -> None:
        super().__init__()
        self._cls = cls
        self._names = names

    def __missing__(self, name: str) -> Any:
        if name not in self._names and not name.startswith("__"):
            raise KeyError(name)
        if name == "__annotations__":  # the body makes its own; those of the class are put right afterwards
            raise KeyError(name)
        return vars(self._cls)[name]


class _Maker:
    """Stands for the metaclass; makes nothing, but keeps what the body bound."""

    def __init__(self, cls: type, names: Collection[str]) -> None:
        self._cls = cls
        self._names = names
        self.bound: dict[str, Any] = {}

    def __prepare__(self, _name: str, _bases: tuple[type, ...]) -> _Body:
        return _Body(self._cls, self._names)

    def __call__(self, _name: str, _bases: tuple[type, ...], body: _Body) -> type:
        cell = body.pop("__classcell__", None)
        if cell is not None:
            cell.cell_contents = self._cls
        names = body.pop("__classdictcell__", None)
        if names is not None:
            names.cell_contents = vars(self._cls)
        self.bound = {name: value for name, value in body.items() if name not in ("__module__", "__qualname__")}
        return self._cls


def patch_class(
    cls: type,
    code: CodeType,
    namespace: dict[str, Any],
    difference: Difference,
    undo: Undo,
    *,
    put: Put | None = None,
    replaced: Callable[[Any, Any], None] | None = None,
    lazy: bool = False,
) -> list[str]:
    """Run the changed statements of a class's body in the class. Returns the names that differ now.

    Args:
        cls: the class.
        code: makes what is to be run of the body.
        namespace: of the module.
        difference: of the body.
        undo: learns how to take it back.
        put: where a library has to know of attributes: puts one (or MISSING) into the class, or answers False.
        replaced: called with what a statement made and what stands in the class in its place.
        lazy: annotations are evaluated when they are asked for.
    """
    maker = _Maker(cls, {name for step in difference.steps for name in step.statement.facts.uses.binds})
    undo.set_item(namespace, _MAKER, maker)
    try:
        exec(code, namespace)  # noqa: S102 - the source is the program's own
    finally:
        namespace.pop(_MAKER, None)
    for name, value in maker.bound.items():
        made = name not in _OF_ITS_OWN and name not in _BY_ITSELF
        if made and _is_last(difference, name) and not (put and put(name, value)):
            _put(cls, name, value, undo, difference=difference, replaced=replaced)
    gone = sorted({*_gone(difference), *_unbound_again(difference, maker.bound)})
    for name in gone:
        if not (put and put(name, MISSING)) and name in vars(cls):
            undo.set_class_attribute(cls, name, MISSING)
    no_more = [*gone, *_annotated_no_more(difference)]
    if put:
        annotations = _new_annotations(cls, maker.bound, difference)
        put("__annotations__", dict.fromkeys(no_more, MISSING) | annotations)
    if not lazy:
        _put_annotations(cls, maker.bound, no_more, difference, undo)
    elif annotations_differ(difference):
        undo.set_class_attribute(cls, "__annotate_func__", maker.bound.get("__annotate_func__", MISSING))
        undo.set_class_attribute(cls, CACHE, MISSING)
    _put_in_order(cls, difference, undo)
    _after(cls, undo)
    return [*(name for name in maker.bound if name not in _BY_ITSELF and name != "__doc__"), *gone]


def _put_in_order(cls: type, difference: Difference, undo: Undo) -> None:
    """Have a class list what its body binds in the order of that, where a name is new there or stands elsewhere."""
    names = [name for step in difference.steps for name in sorted(step.statement.facts.uses.binds)]
    own = type.__getattribute__(cls, "__dict__")
    wanted = [name for name in dict.fromkeys(names) if name in own and not name.startswith("__")]
    there = [name for name in own if name in wanted]
    same = next((at for at, (one, other) in enumerate(zip(wanted, there, strict=True)) if one != other), len(wanted))
    for name in wanted[same:]:
        value = own[name]
        undo.set_class_attribute(cls, name, MISSING)
        undo.set_class_attribute(cls, name, value)


def _is_last(difference: Difference, name: str) -> bool:
    """Whether what has run is what the name means at the end."""
    binders = [step for step in difference.steps if name in step.statement.facts.uses.binds]
    return not binders or binders[-1].way not in _KEPT


def _gone(difference: Difference) -> list[str]:
    now = {name for step in difference.steps for name in step.statement.facts.uses.binds}
    before = [step.before for step in difference.steps if step.before is not None]
    return sorted({name for each in (*difference.removed, *before) for name in each.facts.uses.binds} - now)


def _unbound_again(difference: Difference, bound: Collection[str]) -> set[str]:
    """The names that what has run of a body deleted in the end (`del name`)."""
    ran = {name for step in difference.steps if step.way is Way.RUN for name in step.statement.facts.uses.binds}
    return {name for name in ran if name not in bound and _is_last(difference, name)}


def _annotated_no_more(difference: Difference) -> set[str]:
    before = [*difference.removed, *(step.before for step in difference.steps if step.before is not None)]
    return _annotated(before) - _annotated([step.statement for step in difference.steps])


def _annotated(statements: Iterable[Statement]) -> set[str]:
    nodes = (node for each in statements for node in each.facts.nodes if isinstance(node, ast.AnnAssign))
    return {node.target.id for node in nodes if isinstance(node.target, ast.Name)}


def _new_annotations(cls: type, bound: Mapping[str, Any], difference: Difference) -> dict[str, Any]:
    """The annotations that statements of a body have made which ran."""
    annotate = bound.get("__annotate_func__")
    if annotate is None:
        return dict(bound.get("__annotations__", {}))
    ran = (step.statement for step in difference.steps if step.way not in _AS_IT_WAS)
    names = _annotated(ran)
    return {name: value for name, value in evaluated(annotate, cls).items() if name in names}


def _put_annotations(
    cls: type, bound: Mapping[str, Any], gone: Collection[str], difference: Difference, undo: Undo
) -> None:
    before = vars(cls).get("__annotations__", MISSING)
    if before is MISSING and "__annotations__" not in bound:
        return
    known = {} if before is MISSING else dict(before)
    kept = {name: value for name, value in known.items() if name not in gone} | bound.get("__annotations__", {})
    order = [name for step in difference.steps for name in _annotated([step.statement])]
    in_order = {name: kept[name] for name in dict.fromkeys(order) if name in kept}
    undo.set_class_attribute(cls, "__annotations__", in_order | kept)


def _put(
    cls: type,
    name: str,
    value: Any,
    undo: Undo,
    *,
    difference: Difference,
    replaced: Callable[[Any, Any], None] | None,
) -> None:
    if name == "__annotations__":
        return
    _check_layout(cls, name)
    if is_a(value, FunctionType) and name in _IMPLICIT:
        value = _IMPLICIT[name](value)
    before = vars(cls).get(name, MISSING)
    instead = is_another(difference, name)
    kept = value if instead else _adopted(before, value, undo, _binder(difference, name))
    undo.set_class_attribute(cls, name, kept)
    if is_computed_anew(before, value):
        forget_attribute(cls, name, undo)
    if kept is not value and replaced:
        replaced(value, kept)
    if kept is value and hasattr(type(value), "__set_name__"):
        type(value).__set_name__(value, cls, name)


def _name_again(value: Any, cls: type, name: str, undo: Undo) -> None:
    """What a class's attribute does with its name may be something else now."""
    known = attributes_of(value)
    if known is not None:
        undo.add(partial(known.update, dict(known)))
    type(value).__set_name__(value, cls, name)


_IMPLICIT: dict[str, Any] = {
    "__init_subclass__": classmethod,
    "__class_getitem__": classmethod,
    "__new__": staticmethod,
}
"""What the interpreter makes of some functions when it makes a class."""
_LAYOUT = ("_fields_", "_pack_", "_align_", "_anonymous_")


def _check_layout(cls: type, name: str) -> None:
    if name in _LAYOUT and home_of(type(cls)) == "_ctypes":
        raise CantBeLive(f"{name} of {cls.__qualname__} changed, and its layout in memory can't be changed")


def _binder(difference: Difference | None, name: str) -> Step | None:
    """The only statement of a body that binds a name."""
    found = [step for step in difference.steps if name in step.statement.facts.uses.binds] if difference else []
    return found[0] if len(found) == 1 else None


def _adopted(before: Any, value: Any, undo: Undo, step: Step | None) -> Any:
    """The object that is to stand in the class: the old function if there is one, with the new code."""
    if is_a(before, FunctionType) and is_a(value, FunctionType):
        return adopt_function(before, value, undo)
    if type(before) is type(value) and is_a(value, (staticmethod, classmethod)):
        one: Any = before.__func__
        other: Any = value.__func__
        if _functions(one, other):
            return before if adopt_function(one, other, undo) is one else value
    elif is_a(before, property) and is_a(value, property):
        return _adopted_property(before, value, undo)
    elif is_a(before, type) and is_a(value, type) and before.__qualname__ == value.__qualname__:
        return _adopted_class(before, value, undo, step)
    return value


def _adopted_class(before: type, value: type, undo: Undo, step: Step | None) -> type:
    """The same for a class in the body of another."""
    if step is None or step.before is None or not (step.before.facts.is_class and step.statement.facts.is_class):
        return adopt_class(before, value, undo)
    body = changed_body(step.before, step.statement)
    made = {name for each in body_of(step.before) for name in each.facts.uses.binds}
    keep = kept_names(body)
    if step.way is not Way.CLASS:  # something that it reads is another
        keep -= {name for each in body.steps if each.statement.facts.uses.now.reads for name in _bound_by(each)}
    return adopt_class(before, value, undo, made=made, keep=keep, others=other_names(body), body=body)


def _bound_by(step: Step) -> set[str]:
    return step.statement.facts.uses.binds


def _functions(one: Any, other: Any) -> bool:
    return is_a(one, FunctionType) and is_a(other, FunctionType)


def _adopted_property(before: property, value: property, undo: Undo) -> property:
    kept = value
    for name, put in (("fget", property.getter), ("fset", property.setter), ("fdel", property.deleter)):
        one, other = getattr(before, name), getattr(value, name)
        if _functions(one, other):
            kept = put(kept, adopt_function(one, other, undo))
    return kept


def adopt_class(
    old: type,
    new: type,
    undo: Undo,
    *,
    made: Collection[str] = (),
    keep: Collection[str] = (),
    others: Collection[str] = (),
    is_held: bool = False,
    body: Difference | None = None,
) -> type:
    """Have `old` be what `new` is. Raises CantBeLive where instances of the old can't be instances of that.

    Args:
        old: the class that is there.
        new: its double, made by its new statement.
        undo: learns how to take it back.
        made: names that its statement bound before; others were put into it by the program, and stay.
        keep: names whose values the statement did not make anew, as it were.
        others: names that mean something that another statement of the body made than before.
        is_held: whether something was given `new` when it was made, or made of it since, and may hold it.
        body: what is different in its body.
    """
    if old is new:
        return old
    _check(old, new)
    _adopt_bases(old, new, undo)
    for cell in _class_cells(new):
        undo.set_attribute(cell, "cell_contents", old)
    for cell in _cells(new, "__classdict__"):
        undo.set_attribute(cell, "cell_contents", vars(old))
    if is_enum(old):
        adopt_enum(old, new, undo)
    else:
        _adopt_dict(old, new, undo, made=made, keep=keep, others=others, body=body)
    _after(old, undo)
    undo.at_the_end(lambda: _become_alias(new, old) if is_held else leave_bases(new))
    return old


def _adopt_dict(
    old: type,
    new: type,
    undo: Undo,
    *,
    made: Collection[str],
    keep: Collection[str],
    others: Collection[str],
    body: Difference | None,
) -> None:
    for name in vars(old).keys() - vars(new).keys() - _OF_ITS_OWN:
        if name in made or (name.startswith("__") and name.endswith("__")):
            undo.set_class_attribute(old, name, MISSING)
    for name, value in list(vars(new).items()):
        if name in _OF_ITS_OWN or is_a(value, MemberDescriptorType):
            continue
        value = old if value is new else value  # noqa: PLW2901 - a hook has put the class into itself
        before = vars(old).get(name, MISSING)
        if name in keep and before is not MISSING and not hasattr(type(value), "__get__"):
            if before is not value and hasattr(type(before), "__set_name__"):
                _name_again(before, old, name, undo)
            continue
        if before is not value:
            _check_layout(old, name)
        anew = is_computed_anew(before, value)
        anothers = name in _BY_ITSELF or name in others or value is old
        kept = value if anothers else _adopted(before, value, undo, _binder(body, name))
        undo.set_class_attribute(old, name, kept)
        if anew:
            forget_attribute(old, name, undo)


def _check(old: type, new: type) -> None:
    name = old.__qualname__
    if type(old) is not type(new):
        raise CantBeLive(f"{name} changed its metaclass")
    if _slots(old) != _slots(new):
        raise CantBeLive(f"__slots__ of {name} changed, and instances that exist can't change their layout")
    for part in ("__basicsize__", "__itemsize__", "__dictoffset__", "__weakrefoffset__"):
        if getattr(old, part) != getattr(new, part):
            raise CantBeLive(f"{name} changed its instance layout")


def _slots(cls: type) -> Any:
    slots: Any = vars(cls).get("__slots__")
    return tuple(slots) if is_a(slots, (list, tuple, dict, set, frozenset)) else slots


def _adopt_bases(old: type, new: type, undo: Undo) -> None:
    bases = tuple(old if base is new else base for base in new.__bases__)
    if old.__bases__ == bases:
        return
    try:
        undo.set_attribute(old, "__bases__", bases)
    except TypeError as error:
        raise CantBeLive(f"the base classes of {old.__qualname__} changed: {error}") from error


def _class_cells(cls: type) -> Iterator[Any]:
    """The cells by which `super()` in methods finds the class."""
    return (cell for cell in _cells(cls, "__class__") if cell.cell_contents is cls)


def _cells(cls: type, wanted: str) -> Iterator[Any]:
    """The cells by this name of the functions in a class, and of what evaluates annotations."""
    seen: set[int] = set()
    for value in vars(cls).values():
        for each in inner_functions(value):
            for function in (each, annotate_of(each)):
                if function is None:
                    continue
                for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
                    if name == wanted and id(cell) not in seen:
                        seen.add(id(cell))
                        yield cell


def _after(cls: type, undo: Undo) -> None:
    if is_a(cls, abc.ABCMeta):
        before = {each: each.__abstractmethods__ for each in _with_subclasses(cls)}
        for each, names in before.items():
            undo.add(partial(setattr, each, "__abstractmethods__", names))
            abc.update_abstractmethods(each)


def _with_subclasses(cls: type) -> list[Any]:
    found: list[Any] = [cls]
    for each in found:
        found.extend(sub for sub in type.__subclasses__(each) if sub not in found)
    return [each for each in found if is_a(each, abc.ABCMeta)]


def _become_alias(new: type, old: type) -> None:
    """Have the double be no more than another name: whoever holds it makes what is an instance of `old`, too."""
    try:
        new.__bases__ = (old,)
    except TypeError:  # of another layout
        leave_bases(new)
        return
    for name in [name for name in vars(new) if name not in _OF_ITS_OWN and name not in ("__slots__", "__doc__")]:
        if not is_a(vars(new)[name], MemberDescriptorType):
            type.__delattr__(new, name)


def leave_bases(new: type) -> None:
    """Have the double no longer be among the subclasses of its bases."""
    for base in new.__bases__:
        if base is not object and type.__subclasses__(base):
            gone = type("_Gone", (), {"__slots__": ()} if not new.__dictoffset__ else {})
            try:
                new.__bases__ = (gone,)
            except TypeError:  # of another layout: it goes when the collector comes by
                gc.collect(0)
            return
