"""Classes that were moved to another module: they stay the same objects, with their instances."""

from __future__ import annotations

from collections.abc import Iterator

from reloadls.reload.engine.analysis.diff import Way
from reloadls.reload.engine.analysis.statements import Statement, body_of
from reloadls.reload.engine.objects.classes import adopt_class, changed_body, kept_names, other_names
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.objects.instances import field_names, fill_new_fields, take_over
from reloadls.reload.engine.program.modules import LoadedModule
from reloadls.reload.engine.transaction.class_body import ClassBodies, is_class
from reloadls.reload.engine.transaction.transaction import Transaction

__all__ = ["MovedClasses"]


class MovedClasses:
    """Finds the class that a new one was before its statement was moved, by name and what both have in common."""

    def __init__(self, shared: Transaction, classes: ClassBodies) -> None:
        self._shared = shared
        self._classes = classes

    def kept(self, module: LoadedModule, statement: Statement, new: type) -> type | None:
        """The class from before, which has become the new one; None if that was not moved.

        Args:
            module: where a statement has just bound a name to the new class.
            statement: that statement. It defines the class, or it imports it in place of the definition that was there.
            new: the class. Its other name, in the module that has it by now, means the one from before then.
        """
        home = self._shared.modules.named(new.__module__)
        here = None if home is None else _definition(home, new.__qualname__)
        if home is None or here is None or not (home is module or statement.facts.imports):
            return None
        for other, before in self._removed(new.__qualname__):
            is_source = other is not module if home is module else other is module
            old = self._shared.before.get(other, {}).get(new.__qualname__)
            was_here = (
                is_a(old, type)
                and old is not new
                and (old.__module__, old.__qualname__)
                == (
                    other.module.__name__,
                    new.__qualname__,
                )
            )
            if is_source and was_here and type(old) is type(new) and _are_alike(before, here):
                self._adopt(old, new, before, here)
                return old
        return None

    def _removed(self, name: str) -> Iterator[tuple[LoadedModule, Statement]]:
        """The definitions of classes of this name that are gone."""
        for plan in self._shared.work.plans:
            for each in plan.difference.removed:
                if is_class(each) and name in each.facts.uses.binds:
                    yield plan.module, each

    def _adopt(self, old: type, new: type, before: Statement, here: Statement) -> None:
        shared, undo = self._shared, self._shared.undo
        difference = changed_body(before, here)
        fields = field_names(old)
        made = {name for each in body_of(before) for name in each.facts.uses.binds}
        keep, others = kept_names(difference), other_names(difference)
        adopt_class(old, new, undo, made=made, keep=keep, others=others, is_held=True, body=difference)
        undo.set_class_attribute(old, "__module__", new.__module__)
        take_over(new, old, undo)
        fill_new_fields(old, fields, undo)
        shared.registrations.replace(new, old)
        shared.adapters.replaced(new, old, undo)
        shared.adapters.class_changed(old, new, undo)
        for space in shared.modules.spaces():
            for name in [name for name, value in space.items() if value is new]:
                undo.set_item(space, name, old)
        changed = [step.statement for step in difference.steps if step.way not in (Way.KEEP, Way.MOVE)]
        names = {name for each in (*difference.removed, *changed) for name in each.facts.uses.binds}
        if names and (home := shared.modules.named(new.__module__)) is not None:
            self._classes.changed(home, old, sorted(names))


def _definition(module: LoadedModule, name: str) -> Statement | None:
    found = [each for each in module.source.statements if is_class(each) and name in each.facts.uses.binds]
    return found[0] if len(found) == 1 else None


def _are_alike(one: Statement, other: Statement) -> bool:
    """Whether at least half of what the bodies of two classes define has the same names."""
    names = [{name for each in body_of(statement) for name in each.facts.uses.binds} for statement in (one, other)]
    return 2 * len(names[0] & names[1]) >= max(map(len, names))
