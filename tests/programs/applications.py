"""Applications as they are released: httpbin, datasette and Radicale, from their source packages."""

from __future__ import annotations

from .program import Change, Program, edit

__all__ = ["PROGRAMS"]

_HANDLER = '@app.errorhandler(404)\ndef missing(error):\n    return "nothing here", 404\n\n\n@app.before_request\n'

_HTTPBIN = Program(
    name="httpbin",
    environment="httpbin",
    packages=("flask", "brotlicffi", "decorator", "six"),
    source="httpbin==0.10.4",
    files={},
    run=("-m", "flask", "--app", "httpbin:app", "run", "--port", "{port}"),
    asks=("/robots.txt", "/base64/aGVsbG8=", "/base64/a", "/html", "/json", "/status/418", "/hello", "/nowhere"),
    edits=(
        edit("a constant of another module", "httpbin/helpers.py", "User-agent: *", "User-agent: all"),
        edit("a view", "httpbin/core.py", "Incorrect Base64 data try:", "Incorrect data, try:"),
        edit("a value in a view", "httpbin/core.py", '"title": "Sample Slide Show"', '"title": "Slides"'),
        edit("a helper that a view calls", "httpbin/helpers.py", "418: dict(  # I'm a teapot!", "419: dict("),
        edit(
            "a route added",
            "httpbin/core.py",
            '@app.route("/json")\n',
            '@app.route("/hello")\ndef hello():\n    return "hello"\n\n\n@app.route("/json")\n',
        ),
        edit("a route's path", "httpbin/core.py", '@app.route("/base64/<value>")', '@app.route("/decoded/<value>")'),
        edit("the path again", "httpbin/core.py", '@app.route("/decoded/<value>")', '@app.route("/base64/<value>")'),
        edit("a template", "httpbin/templates/moby.html", "Herman Melville - Moby-Dick", "Moby-Dick"),
        edit("an error handler added", "httpbin/core.py", "@app.before_request\n", _HANDLER),
        edit("a syntax error", "httpbin/helpers.py", "def get_headers(", "def get_headers(("),
        edit("that mended", "httpbin/helpers.py", "def get_headers((", "def get_headers("),
        edit("the error handler removed", "httpbin/core.py", _HANDLER, "@app.before_request\n"),
    ),
)

_DATASETTE = Program(
    name="datasette",
    environment="datasette",
    packages=("datasette==0.65.5", "setuptools<81"),
    source="datasette==0.65.5",
    files={},
    run=("-m", "datasette", "serve", "--memory", "--port", "{port}"),
    asks=(
        "/-/settings.json",
        "/_memory.json?sql=select+1+as+one&_shape=array",
        "/_memory.json?sql=select+escape_fts('a')+as+escaped&_shape=array",
        "/-/patterns",
        "/nowhere.json",
    ),
    edits=(
        edit(
            "a function that makes answers",
            "datasette/views/special.py",
            "data_callback()\n        if as_format:",
            'data_callback()\n        data = {**data, "more": 1} if isinstance(data, dict) else data\n        if as_format:',
        ),
        edit(
            "a plugin's hook",
            "datasette/sql_functions.py",
            '    conn.create_function("escape_fts", 1, escape_fts)',
            '    conn.create_function("escape_fts", 1, lambda text: f"<{text}>")',
        ),
        edit("a constant", "datasette/views/index.py", "TRUNCATE_AT = 5", "TRUNCATE_AT = 6"),
        edit(
            "a template",
            "datasette/templates/patterns.html",
            "<title>Datasette: Pattern Portfolio</title>",
            "<title>Patterns</title>",
        ),
        edit(
            "a default of the settings",
            "datasette/app.py",
            '"default_page_size", 100',
            '"default_page_size", 50',
        ),
        edit("an import that is not there", "datasette/views/index.py", "import hashlib", "import hashlibs"),
        edit("that mended", "datasette/views/index.py", "import hashlibs", "import hashlib"),
    ),
)

_RADICALE = Program(
    name="Radicale",
    environment="radicale",
    packages=("radicale==3.9.0",),
    source="radicale==3.9.0",
    files={"radicale.ini": "[auth]\ntype = none\n[web]\ntype = none\n[storage]\nfilesystem_folder = ./collections\n"},
    run=("-m", "radicale", "--config", "radicale.ini", "--server-hosts", "127.0.0.1:{port}"),
    asks=("/", "/.web", "OPTIONS /", "/user/", "MKCOL /"),
    edits=(
        edit("a method of a plugin", "radicale/web/none.py", "Radicale works!", "Radicale runs!"),
        edit("a function that others call", "radicale/httputils.py", '"Redirected to %s"', '"Go to %s"'),
        edit(
            "a constant that others imported",
            "radicale/httputils.py",
            "Access to the requested resource forbidden.",
            "Forbidden.",
        ),
        edit("a syntax error", "radicale/web/none.py", "class Web(", "class Web(("),
        edit("that mended", "radicale/web/none.py", "class Web((", "class Web("),
        edit(
            "a method of a base class",
            "radicale/app/options.py",
            "return client.OK, headers, None, None",
            'return client.OK, headers, "options", None',
            Change("radicale/web/none.py", "Radicale runs!", "Radicale!"),
        ),
    ),
)

PROGRAMS = (_HTTPBIN, _DATASETTE, _RADICALE)
