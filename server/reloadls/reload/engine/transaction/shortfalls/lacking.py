"""Objects that were made before an edit had their constructor set another attribute: they lack it."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Mapping
from types import CodeType
from typing import Any

from reloadls.reload.engine.analysis.bytecode import stored_in
from reloadls.reload.engine.analysis.codes import all_codes
from reloadls.reload.engine.analysis.statements import Facts
from reloadls.reload.engine.objects.changes import state_of
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.modules import LoadedModule
from reloadls.reload.engine.transaction.plan import ModulePlan

from .notes import Notes

__all__ = ["note_lacking"]

_CONSTRUCTORS = ("__init__", "__post_init__", "__attrs_post_init__")
_MOST = 1_000
"""How many objects are looked at."""


def note_lacking(plan: ModulePlan, before: Mapping[Facts, tuple[CodeType, ...]], notes: Notes) -> None:
    """Note the classes of an edited module of which there are objects without what their constructor sets now.

    Args:
        plan: the edit.
        before: the code of statements as they were.
        notes: where to.
    """
    for step in plan.steps:
        if step.before is None or step.before.facts is step.statement.facts or not step.statement.facts.is_class:
            continue
        old, new = _set_by(before.get(step.before.facts, ())), _set_by(plan.codes.get(step.statement.facts, ()))
        for name in new.keys() & old.keys():
            cls = _class(plan.module, name.rpartition(".")[0])
            lacking = sorted(new[name] - old[name])
            if cls is not None and lacking and (count := _without(cls, lacking)):
                some = f"{count} {cls.__qualname__} {'object was' if count == 1 else 'objects were'}"
                message = f"{some} made before {name} set {', '.join(lacking)}; restart to have it set"
                notes.add("stillHeld", message, module=plan.module, line=step.statement.first, name=name)


def _set_by(codes: Iterable[CodeType]) -> dict[str, frozenset[str]]:
    """The attributes that constructors set, by their qualified names."""
    return {each.co_qualname: stored_in(each) for each in all_codes(codes) if each.co_name in _CONSTRUCTORS}


def _class(module: LoadedModule, name: str) -> type | None:
    value: Any = module.namespace.get(name.partition(".")[0])
    for part in name.split(".")[1:]:
        value = vars(value).get(part) if is_a(value, type) else None
    return value if is_a(value, type) else None


def _without(cls: type, names: Iterable[str]) -> int:
    """How many objects of a class have not got one of these attributes."""
    kinds = [cls]
    for kind in kinds:
        below: list[type] = type.__subclasses__(kind)
        kinds += [each for each in below if each not in kinds]
    known = {name for kind in cls.__mro__ for name in type.__getattribute__(kind, "__dict__")}
    needed = [name for name in names if name not in known]
    found = [each for each in gc.get_referrers(*kinds) if type(each) in kinds][:_MOST]
    return sum(any(name not in (state_of(each) or {}) for name in needed) for each in found)
