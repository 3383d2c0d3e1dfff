"""YAML with the place of each value, by PyYAML's safe loader. Duplicate keys are errors."""

from __future__ import annotations

from typing import Any

from reloadls.config.errors import MissingExtra, SourceFailed
from reloadls.config.source import Key, Part, Place

__all__ = ["parse_yaml"]

_MOST_VALUES = 200_000
"""What aliases may expand to."""
_MERGE = "tag:yaml.org,2002:merge"


def parse_yaml(text: str) -> Part:
    """Return the mapping that `text` holds; nothing for an empty document.

    Raises:
        MissingExtra: PyYAML is not installed.
        SourceFailed: it is not YAML, or not a mapping.
    """
    try:
        import yaml  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtra("a YAML source", "PyYAML", "config") from None
    try:
        return _parse(text, yaml)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        failed = _failed(str(error.problem or error.context), mark)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        failed = SourceFailed(
            "a character that YAML does not allow",
            line=before.count("\n") + 1,
            column=error.position - before.rfind("\n"),
        )
    except RecursionError:
        failed = SourceFailed("nested too deeply", line=1, column=1)
    raise failed


def _parse(text: str, yaml: Any) -> Part:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return Part()
        if not isinstance(node, yaml.MappingNode):
            raise _failed("a mapping must be at the top: key: value", node.start_mark)
        walk = _Walk(loader, yaml)
        walk.check(node)
        walk.visit(node, ())
        return Part(walk.values[()], walk.places)
    finally:
        loader.dispose()


class _Walk:
    """Makes the values of a tree of nodes, and notes where each stands."""

    def __init__(self, loader: Any, yaml: Any) -> None:
        self._loader, self._yaml = loader, yaml
        self._open: set[int] = set()
        self.places: dict[Key, Place] = {}
        self.values: dict[Key, Any] = {}

    def check(self, node: Any) -> None:
        """Look for duplicate keys before merge keys are resolved, which make some."""
        todo, seen = [node], {id(node)}
        while todo:
            node = todo.pop()
            children = []
            if isinstance(node, self._yaml.MappingNode):
                self._check_keys(node)
                children = [value for _, value in node.value]
            elif isinstance(node, self._yaml.SequenceNode):
                children = node.value
            for child in children:
                if id(child) not in seen:
                    seen.add(id(child))
                    todo.append(child)

    def _check_keys(self, node: Any) -> None:
        names = set()
        for name, _ in node.value:
            if not isinstance(name, self._yaml.ScalarNode):
                raise _failed("a key must be a plain value", name.start_mark)
            if name.tag == _MERGE:
                continue
            made = self._scalar(name)
            if made in names:
                raise _failed(f'duplicate key "{name.value}"', name.start_mark, str(name.value))
            names.add(made)

    def visit(self, node: Any, key: Key) -> Any:
        """Make the value of a node."""
        if len(self.places) > _MOST_VALUES:
            raise _failed(f"aliases expand to more than {_MOST_VALUES:,} values", node.start_mark)
        if id(node) in self._open:
            raise _failed("an alias refers to what contains it", node.start_mark)
        self._open.add(id(node))
        try:
            value = self._made(node, key)
        finally:
            self._open.discard(id(node))
        if not key:
            self.values[()] = value
        return value

    def _made(self, node: Any, key: Key) -> Any:
        if isinstance(node, self._yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            self._loader.flatten_mapping(node)
            found = {}
            for name, child in node.value:
                inner = (*key, self._scalar(name))
                self.places[inner] = _place(child)
                found[inner[-1]] = self.visit(child, inner)
            return found
        if isinstance(node, self._yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            made = []
            for index, child in enumerate(node.value):
                self.places[*key, index] = _place(child)
                made.append(self.visit(child, (*key, index)))
            return made
        return self._scalar(node)

    def _scalar(self, node: Any) -> Any:
        try:
            return self._loader.construct_object(node, deep=True)
        except (ValueError, OverflowError):  # a date that does not exist, for example
            failed = _failed("is not a value of its type", node.start_mark)
        except TypeError:
            failed = _failed("can't be part of a set or a key", node.start_mark)
        raise failed


def _failed(message: str, mark: Any, key: str = "") -> SourceFailed:
    line, column = (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
    return SourceFailed(message, line=line, column=column, key=key)


def _place(node: Any) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)
