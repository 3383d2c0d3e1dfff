"""The interface between the engine and the adapters of libraries."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar

from .program.effects import Effect
from .undo import Undo

if TYPE_CHECKING:
    from reloadls.reload.report import NoteCode

__all__ = ["Adapter", "Adapters", "Places", "Shortfall"]

Places = Callable[[Effect], tuple[str, int] | None]
"""A noted effect -> the module and the first line of the statement that brought it about; None: unknown."""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What an adapter could not make live, although the commit was good: a note of the report.

    Attributes:
        message: a sentence for people: what is not live, why, and what to do.
        code: what kind of difference it is.
        about: the function or class that it is about; the note leads to its definition.
    """

    message: str
    code: NoteCode = "stillHeld"
    about: FunctionType | type | None = None


class Adapter:
    """What the engine can't know of one library. Each method does nothing unless it is overridden.

    An adapter is asked only while its library is loaded. It changes things of the library in place, and gives `undo`
    first how to take each change back. What it raises fails the whole reload.
    """

    library: ClassVar[str]
    """The module by which the library is recognised among the loaded ones."""

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """Statements are about to be run: have the library's own objects in these namespaces restored on failure."""

    def forget(self, value: Any, undo: Undo) -> None:
        """`value` was made by a statement that is gone or runs again: drop what it was registered as."""

    def replaced(self, double: Any, kept: Any, undo: Undo) -> None:
        """`kept` has taken over what `double` is: have it stand wherever the double was registered."""

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """`cls` has taken over all attributes of `double`: make anew what the library derives from them."""

    def takes_attributes(self, cls: type) -> bool:
        """Whether a class may be changed attribute by attribute, although its library looks at it when it is made."""
        return False

    def put_attribute(self, cls: type, name: str, value: Any, names: Sequence[str], undo: Undo) -> bool:
        """Have an attribute of such a class be `value`; MISSING: be gone. False: it is one as any other.

        Raises CantBeLive for one that the library can't change any more. `names` are those of the body, in order.
        """
        return False

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """These run other code now; nothing else of them differs."""

    def calls_differ(self, space: dict[str, Any], name: str) -> None:
        """Calls of this function of a module do something else now, because of what it uses."""

    def ran(self, module: str, undo: Undo) -> None:
        """A statement of this module has run; what depends on it has not yet."""

    def grown(self) -> Iterable[Any]:
        """Objects that hold other things than before, so that statements which hand them on run again."""
        return ()

    def module_behind(self, value: Any) -> str | None:
        """The module whose names are the attributes of an object, if it is such a one."""
        return None

    def makes_values(self, cls: Any) -> bool:
        """Whether instances of a class have no state, so that they are made anew when the class changes."""
        return False

    def reads_class(self, cls: type) -> bool:
        """Whether what is given a class, or an instance of it, looks at its members at once."""
        return False

    def stores(self, cls: Any) -> bool:
        """Whether instances of a class are rows of a database, so that a statement which makes one adds a row."""
        return False

    def file_changed(self, path: str, undo: Undo) -> bool:
        """A file that is no module of the program changed; whether the library had made something of it."""
        return False

    def changed_in(self, path: str) -> tuple[str, ...]:
        """The names, for a report, of what `file_changed` has changed because of this file."""
        return ()

    def after(self, undo: Undo, places: Places) -> None:
        """All statements have run. The last step that may fail.

        `places` says where in the program a noted effect was brought about, as the files are now.
        """

    def made_again(self) -> bool:
        """Whether `after` has called functions of the program again, and what they made is in use."""
        return False

    def notes(self) -> Iterable[Shortfall]:
        """What falls short of a fresh start, after all else; it is then forgotten."""
        return ()

    def close(self) -> None:
        """The engine is closed: keep nothing of its program in mind. What another engine needs is found by `before`."""


class Adapters:
    """The adapters whose libraries are loaded."""

    def __init__(self, adapters: Iterable[Adapter]) -> None:
        self._all = tuple(adapters)
        self._behind = [each for each in self._all if type(each).module_behind is not Adapter.module_behind]
        self._reading = [each for each in self._all if type(each).reads_class is not Adapter.reads_class]
        self._storing = [each for each in self._all if type(each).stores is not Adapter.stores]
        self._making = [each for each in self._all if type(each).makes_values is not Adapter.makes_values]

    def _there(self) -> list[Adapter]:
        return [adapter for adapter in self._all if adapter.library in sys.modules]

    def before(self, undo: Undo, namespaces: Sequence[dict[str, Any]]) -> None:
        """See `Adapter.before`."""
        for adapter in self._there():
            adapter.before(undo, namespaces)

    def forget(self, value: Any, undo: Undo) -> None:
        """See `Adapter.forget`."""
        for adapter in self._there():
            adapter.forget(value, undo)

    def replaced(self, double: Any, kept: Any, undo: Undo) -> None:
        """See `Adapter.replaced`."""
        for adapter in self._there():
            adapter.replaced(double, kept, undo)

    def class_changed(self, cls: type, double: type, undo: Undo) -> None:
        """See `Adapter.class_changed`."""
        for adapter in self._there():
            adapter.class_changed(cls, double, undo)

    def takes_attributes(self, cls: type) -> bool:
        """See `Adapter.takes_attributes`."""
        return any(adapter.takes_attributes(cls) for adapter in self._there())

    def put_attribute(self, cls: type, name: str, value: Any, names: Sequence[str], undo: Undo) -> bool:
        """See `Adapter.put_attribute`."""
        there = [adapter for adapter in self._there() if adapter.takes_attributes(cls)]
        return any(adapter.put_attribute(cls, name, value, names, undo) for adapter in there)

    def calls_differ(self, space: dict[str, Any], name: str) -> None:
        """See `Adapter.calls_differ`."""
        for adapter in self._there():
            adapter.calls_differ(space, name)

    def ran(self, module: str, undo: Undo) -> None:
        """See `Adapter.ran`."""
        for adapter in self._there():
            adapter.ran(module, undo)

    def grown(self) -> Iterable[Any]:
        """See `Adapter.grown`."""
        return [each for adapter in self._there() for each in adapter.grown()]

    def module_behind(self, value: Any) -> str | None:
        """See `Adapter.module_behind`."""
        found = (adapter.module_behind(value) for adapter in self._behind if adapter.library in sys.modules)
        return next((each for each in found if each is not None), None)

    def functions_changed(self, functions: Sequence[FunctionType], undo: Undo) -> None:
        """See `Adapter.functions_changed`."""
        for adapter in self._there():
            adapter.functions_changed(functions, undo)

    def makes_values(self, cls: Any) -> bool:
        """See `Adapter.makes_values`."""
        return any(adapter.makes_values(cls) for adapter in self._making if adapter.library in sys.modules)

    def reads_class(self, cls: type) -> bool:
        """See `Adapter.reads_class`."""
        return any(adapter.reads_class(cls) for adapter in self._reading if adapter.library in sys.modules)

    def stores(self, cls: Any) -> bool:
        """See `Adapter.stores`."""
        return any(adapter.stores(cls) for adapter in self._storing if adapter.library in sys.modules)

    def file_changed(self, path: str, undo: Undo) -> bool:
        """See `Adapter.file_changed`."""
        taken = [adapter.file_changed(path, undo) for adapter in self._there()]
        return any(taken)

    def changed_in(self, path: str) -> tuple[str, ...]:
        """See `Adapter.changed_in`."""
        return tuple(name for adapter in self._there() for name in adapter.changed_in(path))

    def after(self, undo: Undo, places: Places) -> None:
        """See `Adapter.after`."""
        for adapter in self._there():
            adapter.after(undo, places)

    def made_again(self) -> bool:
        """See `Adapter.made_again`."""
        return any(adapter.made_again() for adapter in self._there())

    def notes(self) -> Iterable[Shortfall]:
        """See `Adapter.notes`."""
        for adapter in self._there():
            yield from adapter.notes()

    def close(self) -> None:
        """See `Adapter.close`."""
        for adapter in self._there():
            adapter.close()
