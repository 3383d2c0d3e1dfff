"""A replaced application keeps its new attributes after garbage collection."""

from __future__ import annotations

import gc

from reloadls.reload.adapters.shared.applications import Applications
from reloadls.reload.engine.undo import Undo


class Router:
    def __init__(self, number: int) -> None:
        self.routes = [number]
        self.me = self


class App:
    def __init__(self, number: int) -> None:
        self.router = Router(number)


def test_its_attributes_survive_garbage_collection() -> None:
    applications = Applications(lambda value: isinstance(value, App), lambda old, new: None)
    served = App(0)
    for number in range(1, 4):
        undo = Undo()
        applications.become(served, App(number), undo)
        undo.finish()
        gc.collect()
        assert served.router.routes == [number]


def test_it_is_rolled_back() -> None:
    applications = Applications(lambda value: isinstance(value, App), lambda old, new: None)
    served, new, undo = App(0), App(1), Undo()
    applications.become(served, new, undo)
    new.router.routes.append(2)
    assert served.router.routes == [1, 2]
    undo.take_back()
    gc.collect()
    assert (served.router.routes, new.router.routes) == ([0], [1, 2])
