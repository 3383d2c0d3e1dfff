"""A pinned session goes on with the code as it was, while all others have an edit at once."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from reloadls.base.pins import session_pins
from reloadls.pool import Session, SessionPool
from reloadls.reload import ReloadReport, SessionCounts, pin_reload

from .program import Program
from .support import FakeClock, settle

CODE = """
import dataclasses
import functools

LIMIT = 10
OTHER = 20

def helper():
    return "old"

def plain(a, /, b=1, *rest, c=2, **more):
    return helper(), "old", a, b, rest, c, more

async def coroutine(a):
    return helper(), "old", a

def generator(a):
    yield helper()
    got = yield "old"
    return got

async def async_generator():
    yield helper()
    yield "old"

class Base:
    def word(self):
        return "base old"

class Child(Base):
    def __init__(self):
        self.__own = 1

    def word(self):
        return "old " + super().word()

    @property
    def value(self):
        return "old", self.__own

    @value.setter
    def value(self, new):
        self.seen = "old", new

    @staticmethod
    def static(x):
        return "old", x

    @classmethod
    def of_class(cls, x=3):
        return "old", cls.__name__, x

    def __eq__(self, other):
        return "old"

    __hash__ = object.__hash__

@dataclasses.dataclass
class Point:
    x: int = 1

    def moved(self, by):
        return Point(self.x + by), "old"

def make(n):
    count = n

    def closure(step=1):
        nonlocal count
        count += step
        return count, "old"

    return closure

closure = make(5)

def make_lambda():
    return lambda x: (x, "old")

double = make_lambda()
HANDLERS = [lambda: helper(), plain]

def wrapped(function):
    @functools.wraps(function)
    def wrapper(*args):
        return "wrapper old", function(*args)

    return wrapper

@wrapped
def decorated(x):
    return x, "old"

def limited():
    return LIMIT

def throws():
    raise ValueError("old")

def recursive(n):
    return "old" if n == 0 else recursive(n - 1)
"""


async def probe(code: Any) -> list[Any]:
    """What all the functions of the program answer."""
    child = code.Child()
    child.value = 7
    generator = code.generator(1)
    parts = [next(generator), next(generator)]
    with pytest.raises(StopIteration, match="sent"):
        generator.send("sent")
    with pytest.raises(ValueError, match=r"old|new") as raised:
        code.throws()
    return [
        code.plain(1),
        code.plain(1, 2, 3, c=4, d=5),
        await code.coroutine(1),
        await asyncio.create_task(code.coroutine(2)),
        await asyncio.to_thread(code.plain, 1),
        parts,
        [each async for each in code.async_generator()],
        child.word(),
        child.value,
        child.seen,
        child.static(1),
        code.Child.of_class(),
        child == code.Child(),
        code.Point().moved(2),
        code.closure(0),
        code.double(1),
        [each(1) if each is code.plain else each() for each in code.HANDLERS],
        code.decorated(1),
        str(raised.value),
        code.recursive(20),
    ]


def newer(found: Any) -> Any:
    return eval(repr(found).replace("old", "new"), {"Point": lambda x: ("Point", x)})


def shown(found: Any) -> Any:
    return eval(repr(found), {"Point": lambda x: ("Point", x)})


class Talk:
    """Sessions that answer each time they are asked, some of them pinned."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.code: Any = program["pins_code"]
        self.asked: dict[str, asyncio.Queue[asyncio.Future[Any]]] = {}

    async def __call__(self, session: Session) -> None:
        questions = self.asked[session.id] = asyncio.Queue()
        if not session.data:
            await self.serve(questions)
            return
        with session.pin():
            await self.serve(questions)
        await self.serve(questions)

    async def serve(self, questions: asyncio.Queue[asyncio.Future[Any]]) -> None:
        """Answer until a question is None."""
        while (question := await questions.get()) is not None:
            question.set_result(await probe(self.code))

    async def ask(self, id: str) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.asked[id].put_nowait(answer)
        return await answer

    def release(self, id: str) -> None:
        self.asked[id].put_nowait(None)  # type: ignore[arg-type]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    found = Program(tmp_path, pins_code=CODE)
    yield found
    found.close()
    assert not session_pins.since


@pytest.fixture
def talk(program: Program) -> Talk:
    return Talk(program)


def code_of(program: Program) -> dict[str, CodeType]:
    return {
        name: value.__code__ for name, value in vars(program["pins_code"]).items() if isinstance(value, FunctionType)
    }


HELPER = 'def helper():\n    return "{}"'


def edit_all(program: Program) -> ReloadReport:
    """Bodies of functions only."""
    report = program.edit("pins_code", ('"old', '"new'), ("base old", "base new"), ("wrapper old", "wrapper new"))
    assert report.status == "reloaded"
    return report


async def test_all_kinds_of_functions(program: Program, talk: Talk) -> None:
    async with SessionPool(talk) as pool:
        await pool.launch("pinned", True)
        await pool.launch("other", False)
        await settle(lambda: len(talk.asked) == 2)
        before = await talk.ask("pinned")
        plain = code_of(program)
        assert edit_all(program).sessions == SessionCounts(pinned=1)
        for _ in range(3):
            assert shown(await talk.ask("pinned")) == shown(before)
            assert shown(await talk.ask("other")) == newer(before)
            assert shown(await probe(talk.code)) == newer(before)  # outside of sessions
        assert code_of(program) != plain
        talk.release("pinned")
        await settle(lambda: not session_pins.since)
        assert shown(await talk.ask("pinned")) == newer(before)
        assert not [code for code in code_of(program).values() if any(map(callable, code.co_consts))]


async def test_what_tools_see_of_a_changed_function(program: Program, talk: Talk) -> None:
    names = ("plain", "coroutine", "generator", "async_generator", "limited", "make")
    before = [(inspect.signature(getattr(talk.code, name)), getattr(talk.code, name).__doc__) for name in names]
    async with SessionPool(talk) as pool:
        await pool.launch("pinned", True)
        await settle(lambda: len(talk.asked) == 1)
        edit_all(program)
        assert before == [
            (inspect.signature(getattr(talk.code, name)), getattr(talk.code, name).__doc__) for name in names
        ]
        assert inspect.iscoroutinefunction(talk.code.coroutine)
        assert inspect.isgeneratorfunction(talk.code.generator)
        assert inspect.isasyncgenfunction(talk.code.async_generator)
        assert '"new", a' in inspect.getsource(talk.code.coroutine)
        with pytest.raises(TypeError, match=r"plain\(\) missing 1 required positional argument: 'a'"):
            talk.code.plain()


async def test_each_pin_has_the_version_of_its_beginning(program: Program, talk: Talk) -> None:
    words = ["old", "one", "two", "three"]
    async with SessionPool(talk) as pool:
        for number, word in enumerate(words[:-1]):
            await pool.launch(word, True)
            await settle(lambda id=word: id in talk.asked)  # type: ignore[misc]
            report = program.edit(
                "pins_code", (f'return "{word}"\n\ndef plain', f'return "{words[number + 1]}"\n\ndef plain')
            )
            assert report.sessions == SessionCounts(pinned=number + 1)
            for each in words[: number + 1]:
                assert (await talk.ask(each))[0][0] == each
            assert talk.code.helper() == words[number + 1]
        talk.release("one")
        await settle(lambda: len(session_pins.since) == 2)
        assert [(await talk.ask(each))[0][0] for each in words[:-1]] == ["old", "three", "two"]
        talk.release("old")
        await settle(lambda: len(session_pins.since) == 1)
        assert [(await talk.ask(each))[0][0] for each in words[:-1]] == ["three", "three", "two"]
        talk.release("two")
        await settle(lambda: not session_pins.since)
        assert {(await talk.ask(each))[0][0] for each in words[:-1]} == {"three"}


async def test_nested_pins_and_one_that_an_exception_ends(program: Program) -> None:
    code: Any = program["pins_code"]
    steps: asyncio.Queue[str] = asyncio.Queue()
    seen: list[str] = []

    async def nested(session: Session) -> None:
        with pytest.raises(KeyError), session.pin():
            async with pin_reload():
                await steps.get()
                seen.append(code.helper())
            with session.pin():
                seen.append(code.helper())
            seen.append(code.helper())
            raise KeyError
        seen.append(code.helper())

    async with SessionPool(nested) as pool:
        handle = await pool.launch("a")
        await settle(lambda: handle.pinned)
        edit_all(program)
        steps.put_nowait("go")
        assert await handle.wait() == "success"
    assert seen == ["old", "old", "old", "new"]


async def test_a_session_that_fails_or_is_cancelled_inside_of_a_pin_releases_it(program: Program, talk: Talk) -> None:
    plain = code_of(program)
    async with SessionPool(talk) as pool:
        handles = [await pool.launch(id, True) for id in "ab"]
        await settle(lambda: len(session_pins.since) == 2)
        edit_all(program)
        handles[0].cancel()
        talk.asked["b"].put_nowait("no future")  # type: ignore[arg-type]
        assert [await each.wait() for each in handles] == ["cancelled", "failed"]
        assert not session_pins.since
    assert code_of(program).keys() == plain.keys()
    assert not [code for code in code_of(program).values() if any(map(callable, code.co_consts))]


async def test_a_change_that_is_taken_back_leaves_no_trace(program: Program, talk: Talk) -> None:
    plain = code_of(program)
    async with SessionPool(talk) as pool:
        await pool.launch("pinned", True)
        await settle(lambda: len(talk.asked) == 1)
        version = session_pins.version
        report = program.edit("pins_code", ('"old', '"bad'), ("OTHER = 20", "OTHER = 1 / 0"))
        assert report.status == "failed"
        assert (code_of(program), session_pins.version) == (plain, version)
        report = program.edit("pins_code", ('"bad', '"new'), ("OTHER = 1 / 0", "OTHER = 20"))
        assert report.status == "reloaded"
        assert talk.code.helper() == "new"
        assert (await talk.ask("pinned"))[0][0] == "old"
        report = program.edit("pins_code", ('"new', '"bad'), ("OTHER = 20", "OTHER = 1 / 0"))
        assert report.status == "failed"
        assert talk.code.helper() == "new"
        assert (await talk.ask("pinned"))[0][0] == "old"


async def test_one_pinned_for_an_hour_among_a_thousand(program: Program, talk: Talk) -> None:
    clock = FakeClock()
    async with SessionPool(talk, max_sessions=1000, clock=clock) as pool:
        for number in range(1000):
            await pool.launch(str(number), number == 0)
        await settle(lambda: len(talk.asked) == 1000)
        report = await asyncio.to_thread(edit_all, program)
        assert report.sessions == SessionCounts(pinned=1)
        clock.advance(3600)
        answers = [(await talk.ask(str(number)))[0][0] for number in range(1000)]
        assert answers == ["old", *["new"] * 999]
        talk.release("0")
        await settle(lambda: not session_pins.since)
        assert (await talk.ask("0"))[0][0] == "new"
    assert clock.pending == 0


WAITS = [
    ("LIMIT = 10", "LIMIT = 11", True),  # used by a function that the session's code names
    ("OTHER = 20", "OTHER = 21", False),  # used by nothing
    ("def limited():", "EXTRA = 1\n\ndef limited():", False),  # nothing knows it
    ("def limited():", "def limited(x=1):", True),  # another signature
    ("def helper():", "def unused():\n    return 1\n\ndef helper():", False),
    ("    return LIMIT", "    return LIMIT + 1", False),  # a body
]


@pytest.mark.parametrize(("old", "new", "waits"), WAITS)
async def test_what_runs_a_statement_again_waits_for_the_sessions_that_use_its_names(
    program: Program, old: str, new: str, waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    code: Any = program["pins_code"]
    clock, leave = FakeClock(), asyncio.Event()
    seen: list[int] = []

    async def pinned(session: Session) -> None:
        if session.id == "other":
            with session.pin():
                await leave.wait()
        with session.pin():
            await leave.wait()
            seen.append(code.limited())

    async with SessionPool(pinned, pin_timeout_s=30, clock=clock) as pool:
        events = pool.events()
        handles = [await pool.launch(id) for id in ("user", "other")]
        await settle(lambda: len(session_pins.since) == 2)
        applied = asyncio.create_task(asyncio.to_thread(program.edit, "pins_code", (old, new)))
        if waits:
            await wait_for(lambda: set(pool.status.change_waits_for) == {"user", "other"})
            clock.advance(29)
            await asyncio.sleep(0)
            assert not applied.done()
            clock.advance(1)
        assert (await applied).status == "reloaded"
        assert len(session_pins.since) == (0 if waits else 2)
        assert [handle.pinned for handle in handles] == [True, True]
        assert pool.status.change_waits_for == ()
        leave.set()
        assert {await handle.wait() for handle in handles} == {"success"}
    kinds = [event.session async for event in events if event.kind == "changeWaits"]
    assert sorted(map(str, kinds)) == (["other", "user"] if waits else [])
    text = "session 'user' has been pinned for 30 s while a change waited, which is applied now"
    assert (text in caplog.messages) == waits


async def test_a_change_that_waits_is_applied_when_the_session_is_released(program: Program) -> None:
    code: Any = program["pins_code"]
    leave = asyncio.Event()
    seen: list[int] = []

    async def pinned(session: Session) -> None:
        with session.pin():
            await leave.wait()
            seen.append(code.limited())

    async with SessionPool(pinned) as pool:
        handle = await pool.launch("a")
        await settle(lambda: session_pins.since)
        applied = asyncio.create_task(asyncio.to_thread(program.edit, "pins_code", ("LIMIT = 10", "LIMIT = 11")))
        await wait_for(lambda: pool.status.change_waits_for == ("a",))
        leave.set()
        await handle.wait()
        assert (await applied).status == "reloaded"
    assert (seen, code.limited()) == ([10], 11)


async def test_results_that_are_kept_for_all_are_not_computed_by_old_code(tmp_path: Path) -> None:
    text = "import functools\n\ndef inner():\n    return 'old'\n\n@functools.cache\ndef kept():\n    return inner()\n"
    program = Program(tmp_path, pins_kept=text)
    code: Any = program["pins_kept"]
    leave = asyncio.Event()

    async def pinned(session: Session) -> None:
        with session.pin():
            await leave.wait()
            assert code.kept() == "old"

    try:
        async with SessionPool(pinned) as pool:
            handle = await pool.launch("a")
            await settle(lambda: session_pins.since)
            applied = asyncio.create_task(asyncio.to_thread(program.edit, "pins_kept", ("'old'", "'new'")))
            await wait_for(lambda: pool.status.change_waits_for == ("a",))
            leave.set()
            assert await handle.wait() == "success"
            await applied
            assert code.kept() == "new"
    finally:
        program.close()


async def test_old_code_is_freed(program: Program, talk: Talk) -> None:
    async with SessionPool(talk) as pool:
        await pool.launch("pinned", True)
        await settle(lambda: len(talk.asked) == 1)
        edit_all(program)
        await talk.ask("pinned")
        talk.release("pinned")
        await settle(lambda: not session_pins.since)
        gc.collect()
        ours = [each for each in gc.get_objects() if type(each) is FunctionType and each.__globals__ is vars(talk.code)]
        assert [each for each in ours if each.__name__ == "recursive"] == [talk.code.recursive]


async def test_a_function_that_was_made_inside_of_a_pin_follows_with_the_others(program: Program) -> None:
    code: Any = program["pins_code"]
    made: list[Any] = []
    steps: asyncio.Queue[None] = asyncio.Queue()

    async def pinned(session: Session) -> None:
        with session.pin():
            await steps.get()
            made.append(code.make(1))
            assert made[0]() == (2, "old")

    async with SessionPool(pinned) as pool:
        handle = await pool.launch("a")
        await settle(lambda: handle.pinned)
        edit_all(program)
        steps.put_nowait(None)
        assert await handle.wait() == "success"
    assert made[0]() == (3, "new")


async def test_sessions_on_two_event_loops(program: Program, talk: Talk) -> None:
    """Pins are of the process, not of a loop."""
    code: Any = program["pins_code"]
    entered, leave, answers = threading.Event(), threading.Event(), list[str]()

    async def pinned(session: Session) -> None:
        with session.pin():
            entered.set()
            await asyncio.to_thread(leave.wait)
            answers.append(code.helper())

    async def other() -> None:
        async with SessionPool(pinned) as pool:
            await (await pool.launch("there")).wait()

    async with SessionPool(talk) as pool:
        await pool.launch("here", False)
        elsewhere = asyncio.create_task(asyncio.to_thread(asyncio.run, other()))
        await asyncio.to_thread(entered.wait)
        edit_all(program)
        assert (await talk.ask("here"))[0][0] == "new"
        leave.set()
        await elsewhere
    assert answers == ["old"]


async def wait_for(holds: Any) -> None:
    """Let other threads work until something holds."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - another thread makes it hold
            await asyncio.sleep(0.001)
