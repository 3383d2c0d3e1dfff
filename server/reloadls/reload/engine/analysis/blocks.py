"""Which parts of an `if`, `try` or `with` must run when only some of its statements changed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from .diff import Step, Way, compare
from .statements import Statement, statements_in

__all__ = ["Block", "annotation_only", "block_of_changes"]

_NOT_RUN = (Way.KEEP, Way.MOVE, Way.PATCH)


@dataclass(slots=True)
class Block:
    """The statements in a block, with lines from 1 at the block's first."""

    kept: list[Step] = field(default_factory=list)
    run: list[Step] = field(default_factory=list)
    removed: list[Statement] = field(default_factory=list)
    node: ast.stmt | None = None
    """The block with no more than what has to run; None if nothing has."""

    def binds(self) -> set[str]:
        """The names that what is run binds."""
        return {name for step in self.run for name in step.statement.facts.uses.binds}

    def bound(self) -> set[str]:
        """The names that what is run or removed has bound."""
        return {name for each in self.replaced() for name in each.facts.uses.binds}

    def replaced(self) -> list[Statement]:
        """What was there before, of all that is run or removed."""
        return [*(step.before for step in self.run if step.before is not None), *self.removed]


def block_of_changes(before: Statement, after: Statement, affected: Callable[[Statement], bool]) -> Block:
    """Compare two blocks.

    Args:
        before: the block as it ran.
        after: as it is now, with the same condition.
        affected: whether a statement in it has to run though its text is the same.
    """
    block = Block()
    changed: set[str] = set()

    def inside(one: Sequence[ast.stmt], other: Sequence[ast.stmt]) -> list[ast.stmt]:
        difference = compare(statements_in(before, one), statements_in(after, other))
        block.removed += difference.removed
        changed.update(name for each in difference.removed for name in each.facts.uses.binds)
        return [node for step in difference.steps for node in to_run(step)]

    def to_run(step: Step) -> Iterator[ast.stmt]:
        uses = step.statement.facts.uses
        if step.way is Way.BLOCK:
            assert step.before is not None
            inner = reduced(step.before.facts.nodes[0], step.statement.facts.nodes[0])
            yield from [inner] if inner is not None else []
            return
        again = any(chain[0] in changed for chain in uses.now.reads) or affected(step.statement)
        if step.way in _NOT_RUN and not again:
            block.kept.append(step)
        elif step.way is Way.ANNOTATE and not again:
            block.kept.append(step)
            yield from annotation_only(step.statement)
        else:
            block.run.append(Step(Way.RUN, step.statement, step.before))
            changed.update(uses.binds)
            yield from step.statement.facts.nodes

    def reduced(one: ast.stmt, other: ast.stmt) -> ast.stmt | None:
        fields = {name: inside(getattr(one, name), getattr(other, name)) for name in _parts(other)}
        if not any(fields.values()):
            return None
        copy = type(other)(**{name: getattr(other, name) for name in other._fields})
        fields["body"] = fields["body"] or [ast.copy_location(ast.Pass(), other)]
        for name, nodes in fields.items():
            setattr(copy, name, nodes)
        return ast.copy_location(copy, other)

    block.node = reduced(before.facts.nodes[0], after.facts.nodes[0])
    return block


def _parts(node: ast.stmt) -> tuple[str, ...]:
    return ("body",) if isinstance(node, ast.With) else ("body", "orelse")


def annotation_only(statement: Statement) -> list[ast.stmt]:
    """What a statement says of the type of its name, without giving it a value."""
    node = statement.facts.nodes[0]
    if not isinstance(node, ast.AnnAssign):
        return []
    alone = ast.AnnAssign(target=node.target, annotation=node.annotation, value=None, simple=node.simple)
    return [ast.copy_location(alone, node)]
