"""Programs that need nothing but Python: an asyncio script, a threaded one, a plugin host."""

from __future__ import annotations

from .program import Change, Program, edit, files

__all__ = ["PROGRAMS"]

_ASYNCIO = Program(
    name="asyncio script",
    fast=True,
    files=files(
        {
            "app.py": """
                import asyncio
                from settings import RATE, unit
                from work.parse import Reading, parse

                GREETING = "reading"
                LIMITS = {"low": 1, "high": 9}
                seen = 0


                def describe(reading):
                    return f"{GREETING} {reading.label()} {sorted(LIMITS.items())}"


                async def reader(queue):
                    while True:
                        queue.put_nowait("t=21")
                        await asyncio.sleep(0.02 * RATE)


                async def main():
                    global seen
                    queue = asyncio.Queue()
                    task = asyncio.create_task(reader(queue))
                    while True:
                        raw = await queue.get()
                        seen += 1
                        print(describe(parse(raw)), unit(), flush=True)


                if __name__ == "__main__":
                    asyncio.run(main())
            """,
            "settings.py": """
                import os

                RATE = 1
                UNIT = os.environ.get("UNIT", "C")


                def unit():
                    return UNIT
            """,
            "work/__init__.py": "",
            "work/parse.py": """
                from dataclasses import dataclass


                @dataclass
                class Reading:
                    name: str
                    value: int

                    def label(self):
                        return f"{self.name}={self.value}"


                def parse(raw):
                    name, _, value = raw.partition("=")
                    return Reading(name, int(value))
            """,
        }
    ),
    run=("app.py",),
    edits=(
        edit("a method's body", "work/parse.py", '{self.name}={self.value}"', '{self.name}: {self.value}"'),
        edit("a constant of the script", "app.py", 'GREETING = "reading"', 'GREETING = "measured"'),
        edit("a constant that another module imported", "settings.py", 'get("UNIT", "C")', 'get("UNIT", "F")'),
        edit("a value of a dict", "app.py", '"high": 9', '"high": 12, "top": 99'),
        edit("a syntax error", "work/parse.py", "def parse(raw):", "def parse(raw:"),
        edit("the syntax error mended", "work/parse.py", "def parse(raw:", "def parse(raw):"),
        edit(
            "a field with a default",
            "work/parse.py",
            "    value: int\n",
            "    value: int\n    scale: int = 1\n",
            Change("work/parse.py", "{self.name}: {self.value}", "{self.name}: {self.value}*{self.scale}"),
        ),
        edit(
            "a new module",
            "work/filters.py",
            None,
            "def smooth(value):\n    return value + 100\n",
            Change(
                "work/parse.py",
                "from dataclasses import dataclass",
                "from dataclasses import dataclass\n\nfrom .filters import smooth",
            ),
            Change("work/parse.py", "int(value))", "smooth(int(value)))"),
        ),
        edit("the body of the new module", "work/filters.py", "+ 100", "+ 200"),
        edit("an import that is not there", "settings.py", "import os", "import os\nimport nowhere"),
        edit("the import mended", "settings.py", "import os\nimport nowhere", "import os"),
        edit(
            "a function renamed",
            "settings.py",
            "def unit():",
            "def unit_name():",
            Change("app.py", "RATE, unit\n", "RATE, unit_name\n"),
            Change("app.py", "parse(raw)), unit()", "parse(raw)), unit_name()"),
        ),
        edit("a coroutine that runs for ever", "app.py", 'put_nowait("t=21")', 'put_nowait("t=33")'),
    ),
)

_THREADS = Program(
    name="threaded script",
    fast=True,
    files=files(
        {
            "app.py": """
                import threading
                import time
                from queue import Queue

                from steps import STEPS, Step

                jobs = Queue()
                results = Queue()


                class Worker(threading.Thread):
                    prefix = "done"

                    def __init__(self, number):
                        super().__init__(daemon=True)
                        self.number = number

                    def run(self):
                        while True:
                            results.put(self.work(jobs.get()))

                    def work(self, job):
                        for step in STEPS:
                            job = step.apply(job)
                        return f"{self.prefix} {job}"


                def produce():
                    while True:
                        jobs.put("job")
                        time.sleep(0.02)


                if __name__ == "__main__":
                    for number in range(2):
                        Worker(number).start()
                    threading.Thread(target=produce, daemon=True).start()
                    while True:
                        print(results.get(), flush=True)
            """,
            "steps.py": """
                from abc import ABC, abstractmethod


                class Step(ABC):
                    @abstractmethod
                    def apply(self, job): ...


                class Upper(Step):
                    def apply(self, job):
                        return job.upper()


                class Mark(Step):
                    mark = "!"

                    def apply(self, job):
                        return job + self.mark


                STEPS = [Upper(), Mark()]
            """,
        }
    ),
    run=("app.py",),
    edits=(
        edit("a method", "steps.py", "job.upper()", "job.title()"),
        edit("a class attribute", "steps.py", 'mark = "!"', 'mark = "?"'),
        edit("an attribute of the thread's class", "app.py", 'prefix = "done"', 'prefix = "ready"'),
        edit(
            "a new step",
            "steps.py",
            "STEPS = [Upper(), Mark()]",
            "class Twice(Step):\n    def apply(self, job):\n        return job * 2\n\n\nSTEPS = [Upper(), Twice(), Mark()]",
        ),
        edit(
            "an exception while it loads",
            "steps.py",
            "STEPS = [Upper(), Twice(), Mark()]",
            "STEPS = [Upper(), Twice(), Mark(), 1 / 0]",
        ),
        edit(
            "that mended, and the order changed",
            "steps.py",
            "STEPS = [Upper(), Twice(), Mark(), 1 / 0]",
            "STEPS = [Mark(), Twice(), Upper()]",
        ),
        edit("a method of the thread", "app.py", 'return f"{self.prefix} {job}"', 'return f"{self.prefix}: {job}"'),
        edit("a function that runs for ever", "app.py", 'jobs.put("job")', 'jobs.put("task")'),
    ),
)

_PLUGINS = Program(
    name="plugin host",
    fast=True,
    files=files(
        {
            "host/__init__.py": "",
            "host/__main__.py": """
                import importlib
                import pkgutil
                import time

                import plugins
                from host.registry import COMMANDS, HOOKS


                def load():
                    for each in pkgutil.iter_modules(plugins.__path__):
                        importlib.import_module(f"plugins.{each.name}")


                if __name__ == "__main__":
                    load()
                    while True:
                        said = [f"{name}={call('x')}" for name, call in sorted(COMMANDS.items())]
                        print(*said, [hook() for hook in HOOKS], flush=True)
                        time.sleep(0.02)
            """,
            "host/registry.py": """
                COMMANDS = {}
                HOOKS = []


                def command(name):
                    def add(call):
                        COMMANDS[name] = call
                        return call
                    return add


                def hook(call):
                    HOOKS.append(call)
                    return call
            """,
            "plugins/__init__.py": "",
            "plugins/greet.py": """
                from host.registry import command, hook


                @command("greet")
                def greet(who):
                    return f"hello {who}"


                @hook
                def started():
                    return "greet started"
            """,
            "plugins/shout.py": """
                from host.registry import command

                LOUD = "!"


                @command("shout")
                class Shout:
                    def __init__(self, what):
                        self.what = what

                    def __repr__(self):
                        return self.what.upper() + LOUD
            """,
        }
    ),
    run=("-m", "host"),
    edits=(
        edit("a command's body", "plugins/greet.py", 'f"hello {who}"', 'f"hi {who}"'),
        edit("a hook's body", "plugins/greet.py", '"greet started"', '"greet is there"'),
        edit("a command renamed", "plugins/greet.py", '@command("greet")', '@command("welcome")'),
        edit(
            "a second hook",
            "plugins/shout.py",
            'LOUD = "!"',
            'LOUD = "!!"\n\n\n@hook\ndef ready():\n    return "shout ready"',
            Change("plugins/shout.py", "import command\n", "import command, hook\n"),
        ),
        edit("a command deleted", "plugins/shout.py", '@command("shout")\n', ""),
        edit("the command again", "plugins/shout.py", "class Shout:", '@command("shout")\nclass Shout:'),
        edit("a name that is not there", "plugins/greet.py", "import command, hook", "import command, hooks"),
        edit("the name mended", "plugins/greet.py", "import command, hooks", "import command, hook"),
        edit(
            "a new plugin that nothing has loaded",
            "plugins/extra.py",
            None,
            "from host.registry import command\n\n\n@command('extra')\ndef extra(x):\n    return x\n",
        ),
        edit("a plugin deleted", "plugins/shout.py", None, None),
    ),
)

PROGRAMS = (_ASYNCIO, _THREADS, _PLUGINS)
