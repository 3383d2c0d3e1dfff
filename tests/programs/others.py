"""Programs that are no web servers: an application of Textual, a bot of discord.py, a language server, a worker."""

from __future__ import annotations

from .program import Change, Program, edit, files

__all__ = ["PROGRAMS"]

_TEXTUAL = Program(
    name="Textual application",
    environment="textual",
    packages=("textual",),
    files=files(
        {
            "app.py": """
                import sys

                from textual.app import App
                from textual.widgets import Label, Static

                from parts import Box, describe


                class Main(App):
                    CSS = "Label { width: 20; }"
                    TITLE = "Boxes"
                    BINDINGS = [("q", "quit", "Quit")]

                    def compose(self):
                        yield Label("ready", id="state")
                        yield Box(id="box")

                    def on_mount(self):
                        self.sub_title = "started"
                        self.set_interval(0.05, self.tick)

                    def tick(self):
                        self.query_one("#state", Label).update(describe("ticking"))
                        self.query_one("#box", Box).refresh()
                        shown = [str(each.render()) for each in self.query(Static)]
                        width = self.query_one("#state").styles.width
                        print(self.title, self.sub_title, *shown, width, file=sys.__stdout__, flush=True)


                if __name__ == "__main__":
                    Main().run(headless=True)
            """,
            "parts.py": """
                from textual.widgets import Static

                MARK = "*"


                def describe(text):
                    return f"{text}{MARK}"


                class Box(Static):
                    DEFAULT_CSS = "Box { height: 3; }"

                    def render(self):
                        return "box"
            """,
        }
    ),
    run=("app.py",),
    edits=(
        edit("a widget's method", "parts.py", 'return "box"', 'return "the box"'),
        edit("a function", "parts.py", '{text}{MARK}"', '{text} {MARK}"'),
        edit("a constant", "parts.py", 'MARK = "*"', 'MARK = "+"'),
        edit("a method of the application", "app.py", 'describe("ticking")', 'describe("running")'),
        edit("an error", "parts.py", "from textual.widgets import Static", "from textual.widgets import Statics"),
        edit(
            "the error mended", "parts.py", "from textual.widgets import Statics", "from textual.widgets import Static"
        ),
        edit("the style sheet", "app.py", "width: 20", "width: 30"),
        edit(
            "what is on the screen",
            "app.py",
            'yield Box(id="box")',
            'yield Box(id="box")\n        yield Static("more")',
        ),
        edit("the title", "app.py", 'TITLE = "Boxes"', 'TITLE = "Things"'),
    ),
)

_DISCORD = Program(
    name="discord.py bot",
    environment="discord",
    packages=("discord.py", "audioop-lts; python_version >= '3.13'"),
    files=files(
        {
            "bot.py": """
                import asyncio

                import discord
                from discord.ext import commands


                class Bot(commands.Bot):
                    async def setup_hook(self):
                        await self.load_extension("cogs.greetings")


                bot = Bot(command_prefix="!", intents=discord.Intents.none())


                @bot.command()
                async def ping(context):
                    return "pong"


                @bot.listen("on_message")
                async def heard(message):
                    return f"heard {message}"


                async def main():
                    await bot.setup_hook()
                    while True:
                        found = []
                        for name, command in sorted(bot.all_commands.items()):
                            if name != "help":
                                given = [command.cog, None] if command.cog else [None]
                                found.append(f"{name}={await command.callback(*given)}")
                        found += [await each("hi") for each in bot.extra_events.get("on_message", [])]
                        print(*found, flush=True)
                        await asyncio.sleep(0.02)


                if __name__ == "__main__":
                    asyncio.run(main())
            """,
            "cogs/__init__.py": "",
            "cogs/greetings.py": """
                from discord.ext import commands

                from .words import WORDS


                class Greetings(commands.Cog):
                    @commands.command()
                    async def hello(self, context):
                        return WORDS["hello"]

                    @commands.Cog.listener()
                    async def on_message(self, message):
                        return self.answer(message)

                    def answer(self, message):
                        return f"cog {message}"


                async def setup(bot):
                    await bot.add_cog(Greetings())
            """,
            "cogs/words.py": 'WORDS = {"hello": "hello"}\n',
        }
    ),
    run=("bot.py",),
    edits=(
        edit("a command", "bot.py", '"pong"', '"pang"'),
        edit("a listener", "bot.py", "heard {message}", "listened to {message}"),
        edit("a command of a cog", "cogs/greetings.py", 'return WORDS["hello"]', 'return WORDS["hello"] + "!"'),
        edit("a constant", "cogs/words.py", '"hello": "hello"', '"hello": "hi"'),
        edit("a method of a cog", "cogs/greetings.py", "cog {message}", "greetings {message}"),
        edit("a name that is not there", "cogs/greetings.py", "import WORDS", "import WORD"),
        edit("the name mended", "cogs/greetings.py", "import WORD\n", "import WORDS\n"),
        edit("a command renamed", "bot.py", "@bot.command()", '@bot.command(name="pung")'),
        edit("a listener removed", "bot.py", '@bot.listen("on_message")\n', ""),
        edit("a command of a cog renamed", "cogs/greetings.py", "@commands.command()", '@commands.command(name="hey")'),
    ),
)

_PYGLS = Program(
    name="pygls server",
    environment="pygls",
    packages=("pygls",),
    files=files(
        {
            "server.py": """
                import asyncio
                import inspect

                from lsprotocol import types
                from pygls.lsp.server import LanguageServer

                from words import complete, hover_text

                server = LanguageServer("words", "v1")


                @server.feature(types.TEXT_DOCUMENT_HOVER)
                def hover(params):
                    return types.Hover(contents=hover_text(params.position.line))


                @server.feature(types.TEXT_DOCUMENT_COMPLETION)
                def completions(params):
                    return [types.CompletionItem(label=each) for each in complete()]


                @server.command("count")
                def count(*args):
                    return len(complete())


                async def answer(call, *given):
                    found = call(*given)
                    return await found if inspect.isawaitable(found) else found


                async def main():
                    place = types.TextDocumentIdentifier("file:///a"), types.Position(3, 0)
                    while True:
                        known = server.protocol.fm
                        hovered = await answer(known.features[types.TEXT_DOCUMENT_HOVER], types.HoverParams(*place))
                        found = await answer(
                            known.features[types.TEXT_DOCUMENT_COMPLETION], types.CompletionParams(*place)
                        )
                        commands = [(name, await answer(call)) for name, call in sorted(known.commands.items())]
                        print(hovered.contents, [each.label for each in found], commands, flush=True)
                        await asyncio.sleep(0.02)


                if __name__ == "__main__":
                    asyncio.run(main())
            """,
            "words.py": """
                WORDS = ["one", "two"]


                def complete():
                    return sorted(WORDS)


                def hover_text(line):
                    return f"line {line}"
            """,
        }
    ),
    run=("server.py",),
    edits=(
        edit("a feature", "server.py", "hover_text(params.position.line)", "hover_text(params.position.line + 1)"),
        edit("a function that a feature calls", "words.py", '"line {line}"', '"line: {line}"'),
        edit("a constant", "words.py", '"one", "two"', '"one", "two", "three"'),
        edit("a command", "server.py", "return len(complete())", "return len(complete()) * 10"),
        edit(
            "a command added",
            "server.py",
            '@server.command("count")',
            '@server.command("total")\ndef total(*args):\n    return 5\n\n\n@server.command("count")',
        ),
        edit("an error", "words.py", "def complete():", "def complete(:"),
        edit("the error mended", "words.py", "def complete(:", "def complete():"),
    ),
)

_CELERY = Program(
    name="Celery worker",
    environment="celery",
    packages=("celery",),
    files=files(
        {
            "jobs.py": """
                from celery import Celery

                from work import label

                app = Celery("jobs", broker="filesystem://", backend="file://results")
                app.conf.broker_transport_options = {
                    "data_folder_in": "queue",
                    "data_folder_out": "queue",
                    "control_folder": "control",
                }


                @app.task
                def add(one, other):
                    return one + other


                @app.task(name="named")
                def name(text):
                    return label(text)
            """,
            "work.py": """
                PREFIX = "job"


                def label(text):
                    return f"{PREFIX} {text}"
            """,
            "ask.py": """
                from celery import Celery

                app = Celery(broker="filesystem://", backend="file://results")
                app.conf.broker_transport_options = dict.fromkeys(["data_folder_in", "data_folder_out"], "queue")

                for name, given in (("jobs.add", (2, 3)), ("named", ("x",))):
                    print(app.send_task(name, given).get(timeout=20))
            """,
            "queue/.keep": "",
            "control/.keep": "",
            "results/.keep": "",
        }
    ),
    variables={"C_FORCE_ROOT": "1"},
    run=("-m", "celery", "-A", "jobs", "worker", "-c", "1", "-l", "WARNING", "--without-mingle", "--without-gossip"),
    asker="ask.py",
    edits=(
        edit("a task", "jobs.py", "return one + other", "return one * other"),
        edit("a function that a task calls", "work.py", "{PREFIX} {text}", "{PREFIX}: {text}"),
        edit("a constant", "work.py", '"job"', '"task"'),
        edit("an error", "work.py", "def label(text):", "def label(text:"),
        edit("the error mended", "work.py", "def label(text:", "def label(text):"),
        edit(
            "a task's signature",
            "jobs.py",
            "def add(one, other):",
            "def add(one, other, more=100):",
            Change("jobs.py", "return one * other", "return one * other + more"),
        ),
    ),
)

PROGRAMS = (_TEXTUAL, _DISCORD, _PYGLS, _CELERY)
