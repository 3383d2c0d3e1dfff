"""isso, a server of comments, from its released source package."""

from __future__ import annotations

from .program import Program, edit, files

__all__ = ["PROGRAMS"]

_SERVE = """
    import os

    from werkzeug.serving import run_simple

    from isso import config, make_app

    os.environ["ISSO_SETTINGS"] = "isso.ini"
    application = make_app(config.load("isso/isso.cfg", "isso.ini"), threading=True)

    if __name__ == "__main__":
        run_simple("127.0.0.1", int(os.environ["PORT"]), application, threaded=True)
"""
_FILL = """
    from isso import config, db

    store = db.SQLite3("comments.sqlite", config.load("isso/isso.cfg", "isso.ini"))
    store.threads.new("/post/", "A post")
    for text in ("*first*", "second <b>bold</b> [link](http://localhost)"):
        comment = dict.fromkeys(("author", "email", "website", "parent", "notification", "modified"))
        store.comments.add("/post/", comment | {"text": text, "mode": 1, "remote_addr": "127.0.0.1", "created": 1.0})
"""

_ISSO = Program(
    name="isso",
    environment="isso",
    packages=("isso==0.13.0", "setuptools<81"),
    source="isso==0.13.0",
    files=files(
        {
            "serve.py": _SERVE,
            "fill.py": _FILL,
            "isso.ini": "[general]\ndbpath = comments.sqlite\nhost = http://127.0.0.1:9\n[rss]\nbase = http://127.0.0.1:9\n",
        }
    ),
    prepare=(("fill.py",),),
    run=("serve.py",),
    asks=("/?uri=/post/", "/id/1?plain=1", "/id/99", "/config", "/info", "/feed?uri=/post/", "/latest", "/about"),
    edits=(
        edit("a view", "isso/views/__init__.py", '"version": dist.version', '"version": "dev"'),
        edit("a method that renders", "isso/utils/html.py", "[u'nofollow', u'noopener']", "[u'nofollow']"),
        edit(
            "a function that a function has made",
            "isso/utils/html.py",
            'return "<p>" + rv',
            'return "<p class=c>" + rv',
        ),
        edit("a method of the storage", "isso/db/comments.py", "def get(self, id):", "def get(self, id, more=None):"),
        edit("a regular expression", "isso/views/comments.py", "(https?://)?", "(https?://|//)?"),
        edit(
            "a class attribute",
            "isso/views/comments.py",
            "'likes', 'dislikes', 'hash', 'gravatar_image'",
            "'likes', 'hash', 'gravatar_image'",
        ),
        edit(
            "a title in the feed",
            "isso/views/comments.py",
            "'Comments for {hostname}{uri}'",
            "'Comments on {hostname}{uri}'",
        ),
        edit(
            "a route in the table that the constructor reads",
            "isso/views/comments.py",
            "('config', ('GET', '/config')),",
            "('config', ('GET', '/config')),\n        ('config', ('GET', '/about')),",
        ),
        edit("the middleware", "isso/wsgi.py", 'methods = ("HEAD", "GET"', 'methods = ("GET"'),
        edit("a function that the factory made", "isso/wsgi.py", "if not hosts:\n", "if not hosts or not environ:\n"),
        edit("an import that is not there", "isso/utils/http.py", "import socket", "import sockets"),
        edit("that mended", "isso/utils/http.py", "import sockets", "import socket"),
        edit(
            "the error's answer", "isso/__init__.py", "data = {'message': str(error)}", "data = {'error': str(error)}"
        ),
    ),
)

PROGRAMS = (_ISSO,)
