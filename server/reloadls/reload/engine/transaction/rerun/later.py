"""Have statements below one that runs give way to it: what they did is taken back, and they run again after it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from reloadls.reload.engine.analysis.statements import Statement
from reloadls.reload.engine.objects.changes import Change
from reloadls.reload.engine.objects.containers import is_a
from reloadls.reload.engine.program.dependents import value_at
from reloadls.reload.engine.program.effects import Effect
from reloadls.reload.engine.program.layers import clash, clash_at_end
from reloadls.reload.engine.program.modules import LoadedModule
from reloadls.reload.engine.program.placing import later_statements
from reloadls.reload.engine.transaction.plan import grows_in_place
from reloadls.reload.engine.transaction.schedule import Schedule
from reloadls.reload.engine.transaction.transaction import Transaction

from .idle import that_may_have_put
from .settings import setters

__all__ = ["LaterStatements"]


class LaterStatements:
    """What comes after a statement, and builds on the same as that."""

    def __init__(self, shared: Transaction, schedule: Schedule) -> None:
        self._shared = shared
        self._schedule = schedule

    def take_patches_back(self, module: LoadedModule, statement: Statement, owner: Any, names: Iterable[str]) -> None:
        """Have statements run again, on what is made now, that have put something else in the place of it."""
        for other, each in setters(self._shared.modules, (module, statement), owner, names):
            self._give_way(other, each)

    def _give_way(self, module: LoadedModule, statement: Statement) -> None:
        """Take back what a statement did, and have it run again, if it still can."""
        shared = self._shared
        if self._schedule.run_whole(module, statement):
            shared.save(module)
            shared.remember()
            codes = [*shared.old_codes.get(statement.facts, ()), *module.codes.get(statement.facts, ())]
            taken, shared.traces.taken = shared.traces.taken, []
            shared.traces.take_back(module, statement, codes)
            for each in taken:
                each.moved_up(shared.traces.taken)
            shared.traces.taken = taken

    def clear(
        self,
        module: LoadedModule,
        statement: Statement,
        effects: Iterable[Effect],
        *,
        has_run: bool = False,
        chosen: bool = False,
    ) -> None:
        """Have later statements run again whose changes build on the same as these; theirs are taken back now.

        Args:
            module: whose statement it is.
            statement: whose effects they are, where it stands now.
            effects: what is about to be taken back.
            has_run: they were brought about just now, instead.
            chosen: the program chooses the places in lists.
        """
        effects = list(effects)
        if not has_run:
            self._give_way_on_same(module, statement, [effect for effect in effects if effect.target])
        mine = [effect.change for effect in effects if effect.change is not None]
        if not mine:
            return
        shared, fits = self._shared, partial(clash_at_end, chosen=chosen) if has_run else clash
        if not has_run:
            self._push_sorts(module, statement, [each for each in mine if each.added])
        moving = shared.traces.moving
        later = [
            (other, each, changes)
            for other, each, changes in later_statements(shared.modules, module, statement.first)
            if moving.isdisjoint(map(id, changes))
        ]
        clashing = [(one, other) for _, _, changes in later for other in changes for one in mine if fits(one, other)]
        owners = {id(each.owner) for pair in clashing for each in pair}
        for other, each, changes in reversed(later):
            affected = any(id(change.owner) in owners for change in changes)
            # It is there for a value, which may have state.
            made = each.facts.uses.value and each.facts.uses.binds and not grows_in_place(each, other.namespace)
            if not affected or made:
                continue
            if not has_run and not any(fits(one, change) for one in mine for change in changes):
                continue
            self._give_way(other, each)

    def _give_way_on_same(self, module: LoadedModule, statement: Statement, mine: Sequence[Effect]) -> None:
        """Have later statements run that have set the same of the interpreter or a library."""
        found = [
            (other, each)
            for other in (self._shared.modules if mine else ())
            for each in other.source.statements
            if any(effect.target for effect in other.effects.get(each.facts, ()))
            and other.comes_after(each.first, module, statement.first)
            and any(one.is_on_same(effect) for effect in other.effects[each.facts] for one in mine)
        ]
        for other, each in reversed(found):
            self._give_way(other, each)

    def bring_back(self) -> bool:
        """Have statements run that may have put what is gone now: it was there already, so that was no change.

        Returns whether there are such.
        """
        shared = self._shared
        lost, shared.traces.lost = shared.traces.lost, []
        lost = [each for each in lost if each.is_gone(shared.registrations.stands_for)]
        origins = that_may_have_put(shared.modules, lost, shared.given_anew)
        found = [(module, each) for module, each in origins if not self._schedule.runs[each.facts]]
        for origin in reversed(found):
            self._give_way(*origin)
        return bool(found)

    def _push_sorts(self, module: LoadedModule, statement: Statement, mine: Sequence[Change]) -> None:
        """Have later statements run that put a list in order of which something is about to be taken back."""
        lists = {id(each.owner) for each in mine if is_a(each.owner, list) and not each.attributes}
        for other in self._shared.modules if lists else ():
            for each in other.source.statements:
                sorts = "sort" in each.facts.words and not each.facts.uses.value
                if sorts and other.comes_after(each.first, module, statement.first):
                    chains = (chain[:end] for chain in each.facts.uses.now.reads for end in range(1, len(chain) + 1))
                    if not lists.isdisjoint(id(value_at(other, chain)) for chain in chains):
                        self._schedule.run_whole(other, each)
