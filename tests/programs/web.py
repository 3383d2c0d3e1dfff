"""Web programs, each started by a server that its users start it with."""

from __future__ import annotations

from .program import Change, Program, edit, files

__all__ = ["PROGRAMS"]

ENVIRONMENT = "web"
PACKAGES = (
    *("aiohttp", "fastapi", "flask", "flask-sqlalchemy", "gunicorn", "httpx", "jinja2", "litestar"),
    *("pydantic-settings", "sqlalchemy", "starlette", "uvicorn", "gevent"),
)
_UVICORN = ("-m", "uvicorn", "app.main:app", "--port", "{port}", "--log-level", "warning")

_SHOP = files(
    {
        "app/__init__.py": "",
        "app/main.py": """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI, Request

            from .database import create_tables
            from .routers import items, users
            from .settings import settings

            hits = {"count": 0}


            @asynccontextmanager
            async def lifespan(app):
                create_tables()
                yield


            app = FastAPI(title=settings.title, lifespan=lifespan)
            app.include_router(items.router, prefix="/items")
            app.include_router(users.router, prefix="/users")


            @app.middleware("http")
            async def count(request: Request, call_next):
                hits["count"] += 1
                response = await call_next(request)
                response.headers["x-shop"] = "1"
                return response


            @app.get("/hits")
            async def show_hits():
                return hits["count"]


            @app.get("/about")
            async def about():
                return {"title": settings.title, "currency": settings.currency, "debug": settings.debug}
        """,
        "app/settings.py": """
            from pydantic_settings import BaseSettings, SettingsConfigDict


            class Settings(BaseSettings):
                model_config = SettingsConfigDict(env_prefix="SHOP_", env_file=".env")

                title: str = "Shop"
                currency: str = "EUR"
                debug: bool = False


            settings = Settings()
        """,
        ".env": "SHOP_DEBUG=false\n",
        "app/database.py": """
            from sqlalchemy import create_engine
            from sqlalchemy.orm import DeclarativeBase, sessionmaker
            from sqlalchemy.pool import StaticPool

            engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)
            Session = sessionmaker(engine)


            class Base(DeclarativeBase):
                pass


            def create_tables():
                from .models import Item

                Base.metadata.create_all(engine)
                with Session() as session:
                    session.add_all([Item(name="tea", price=3), Item(name="cup", price=7)])
                    session.commit()


            def get_session():
                with Session() as session:
                    yield session
        """,
        "app/models.py": """
            from sqlalchemy.orm import Mapped, mapped_column

            from .database import Base


            class Item(Base):
                __tablename__ = "items"

                id: Mapped[int] = mapped_column(primary_key=True)
                name: Mapped[str]
                price: Mapped[int]

                def label(self):
                    return f"{self.name} ({self.price})"
        """,
        "app/schemas.py": """
            from pydantic import BaseModel


            class ItemOut(BaseModel):
                name: str
                label: str


            class Query(BaseModel):
                limit: int = 10
        """,
        "app/services.py": """
            from sqlalchemy import select

            from .models import Item
            from .schemas import ItemOut

            DISCOUNT = 0


            def list_items(session, limit):
                found = session.scalars(select(Item).order_by(Item.id).limit(limit))
                return [ItemOut(name=item.name, label=item.label()) for item in found]


            def total(session):
                return sum(item.price for item in session.scalars(select(Item))) - DISCOUNT
        """,
        "app/dependencies.py": """
            from fastapi import Header, HTTPException


            def who(x_user: str = Header("guest")):
                if x_user == "mallory":
                    raise HTTPException(403)
                return x_user
        """,
        "app/routers/__init__.py": "",
        "app/routers/items.py": """
            from fastapi import APIRouter, Depends

            from ..database import get_session
            from ..schemas import ItemOut
            from ..services import list_items, total

            router = APIRouter()


            @router.get("/", response_model=list[ItemOut])
            def index(limit: int = 10, session=Depends(get_session)):
                return list_items(session, limit)


            @router.get("/total")
            def show_total(session=Depends(get_session)):
                return {"total": total(session)}
        """,
        "app/routers/users.py": """
            from fastapi import APIRouter, Depends

            from ..dependencies import who

            router = APIRouter()


            @router.get("/me")
            async def me(user: str = Depends(who)):
                return {"user": user}
        """,
    }
)

_FASTAPI = Program(
    name="FastAPI, SQLAlchemy, pydantic-settings",
    environment=ENVIRONMENT,
    packages=PACKAGES,
    fast=True,
    files=_SHOP,
    run=_UVICORN,
    peers={"uvicorn --reload": (*_UVICORN, "--reload")},
    asks=("/items/", "/items/total", "/users/me", "/users/you", "/about", "/openapi.json", "/items/first"),
    state="/hits",
    edits=(
        edit("a route's body", "app/routers/users.py", '{"user": user}', '{"user": user, "kind": "person"}'),
        edit("a service function", "app/services.py", "- DISCOUNT", "- DISCOUNT * 2"),
        edit("a constant", "app/services.py", "DISCOUNT = 0", "DISCOUNT = 2"),
        edit(
            "a route added",
            "app/routers/users.py",
            '@router.get("/me")',
            '@router.get("/you")\nasync def you():\n    return "you"\n\n\n@router.get("/me")',
        ),
        edit("a route's path", "app/routers/users.py", '@router.get("/you")', '@router.get("/them")'),
        edit("a dependency's body and default", "app/dependencies.py", 'Header("guest")', 'Header("visitor")'),
        edit("a model's method", "app/models.py", "{self.name} ({self.price})", "{self.name}: {self.price}"),
        edit("a response model's field", "app/schemas.py", "    label: str\n", "    label: str\n    stock: int = 5\n"),
        edit(
            "a default of the settings",
            "app/settings.py",
            '"Shop"',
            '"The Shop"',
        ),
        edit("the environment's file", ".env", "false", "true"),
        edit("a parameter of a route", "app/routers/items.py", "limit: int = 10", "limit: int = 1"),
        edit("a name that is not there", "app/routers/items.py", "list_items, total", "list_items, totals"),
        edit("the name mended", "app/routers/items.py", "list_items, totals", "list_items, total"),
        edit(
            "a router in a new file",
            "app/routers/first.py",
            None,
            'from fastapi import APIRouter\n\nrouter = APIRouter()\n\n\n@router.get("/first")\ndef first():\n    return "first"\n',
            Change("app/main.py", "import items, users", "import first, items, users"),
            Change(
                "app/main.py",
                'app.include_router(items.router, prefix="/items")',
                'app.include_router(first.router, prefix="/items")\napp.include_router(items.router, prefix="/items")',
            ),
        ),
        edit(
            "a column",
            "app/models.py",
            "    price: Mapped[int]\n",
            "    price: Mapped[int]\n    note: Mapped[str | None]\n",
        ),
        edit("the middleware", "app/main.py", 'response.headers["x-shop"] = "1"', "response.status_code = 203"),
    ),
)

_STARLETTE = Program(
    name="Starlette",
    environment=ENVIRONMENT,
    packages=PACKAGES,
    files=files(
        {
            "app/__init__.py": "",
            "app/main.py": """
                from starlette.applications import Starlette
                from starlette.middleware import Middleware
                from starlette.routing import Mount, Route

                from .middleware import Stamp
                from .views import Detail, home, page

                routes = [
                    Route("/", home),
                    Route("/page", page),
                    Mount("/api", routes=[Route("/detail/{name}", Detail)]),
                ]
                app = Starlette(routes=routes, middleware=[Middleware(Stamp, text="one")])
            """,
            "app/middleware.py": """
                from starlette.middleware.base import BaseHTTPMiddleware
                from starlette.responses import PlainTextResponse


                class Stamp(BaseHTTPMiddleware):
                    def __init__(self, app, text):
                        super().__init__(app)
                        self.text = text

                    async def dispatch(self, request, call_next):
                        if request.url.path == "/stamp":
                            return PlainTextResponse(f"stamp {self.text}")
                        return await call_next(request)
            """,
            "app/views.py": """
                from pathlib import Path

                from starlette.endpoints import HTTPEndpoint
                from starlette.responses import JSONResponse, PlainTextResponse
                from starlette.templating import Jinja2Templates

                templates = Jinja2Templates(directory=Path(__file__).parent / "templates")
                VERSION = 1


                async def home(request):
                    return JSONResponse({"version": VERSION})


                def page(request):
                    return templates.TemplateResponse(request, "page.html", {"title": "Home"})


                class Detail(HTTPEndpoint):
                    async def get(self, request):
                        return PlainTextResponse(request.path_params["name"])
            """,
            "app/templates/page.html": "<h1>{{ title }}</h1>\n",
        }
    ),
    run=_UVICORN,
    peers={"uvicorn --reload": (*_UVICORN, "--reload")},
    asks=("/", "/page", "/api/detail/x", "/api/more", "/stamp", "POST /api/detail/x"),
    edits=(
        edit("a view", "app/views.py", '{"version": VERSION}', '{"version": VERSION, "name": "app"}'),
        edit("a constant", "app/views.py", "VERSION = 1", "VERSION = 2"),
        edit("a template", "app/templates/page.html", None, "<h2>{{ title }}</h2>\n"),
        edit(
            "a method of an endpoint",
            "app/views.py",
            '(request.path_params["name"])',
            '("name " + request.path_params["name"])',
        ),
        edit(
            "a method added to an endpoint",
            "app/views.py",
            "    async def get(self, request):",
            '    async def post(self, request):\n        return PlainTextResponse("posted")\n\n    async def get(self, request):',
        ),
        edit(
            "a route added",
            "app/main.py",
            '    Route("/page", page),\n',
            '    Route("/page", page),\n    Route("/api/more", home),\n',
        ),
        edit("a route removed", "app/main.py", '    Route("/", home),\n', ""),
        edit("the middleware's body", "app/middleware.py", "stamp {self.text}", "stamped {self.text}"),
        edit("the middleware's argument", "app/main.py", 'text="one"', 'text="two"'),
        edit("a syntax error", "app/views.py", "VERSION = 2", "VERSION = = 2"),
        edit("that mended", "app/views.py", "VERSION = = 2", "VERSION = 3"),
    ),
)

_BLOG = files(
    {
        "blog/__init__.py": """
            from flask import Flask

            from .config import Config


            def create_app():
                app = Flask(__name__)
                app.config.from_object(Config)

                from . import pages, posts

                app.register_blueprint(pages.bp)
                app.register_blueprint(posts.bp, url_prefix="/posts")

                @app.context_processor
                def site():
                    return {"site": app.config["SITE"]}

                return app
        """,
        "blog/config.py": """
            class Config:
                SITE = "Blog"
                PER_PAGE = 2
        """,
        "blog/pages.py": """
            from flask import Blueprint, current_app, render_template

            bp = Blueprint("pages", __name__)


            @bp.route("/")
            def home():
                return render_template("home.html", text="welcome")


            @bp.route("/config")
            def config():
                return {"site": current_app.config["SITE"], "per_page": current_app.config["PER_PAGE"]}
        """,
        "blog/posts.py": """
            from flask import Blueprint

            from .store import latest

            bp = Blueprint("posts", __name__)


            @bp.get("/")
            def index():
                return {"posts": latest(2)}


            @bp.errorhandler(404)
            def missing(error):
                return "no such post", 404


            @bp.get("/<int:number>")
            def show(number):
                return {"post": latest(9)[number]}
        """,
        "blog/store.py": """
            POSTS = ["first", "second", "third"]


            def latest(count):
                return POSTS[-count:]
        """,
        "blog/templates/home.html": "{% extends 'base.html' %}{% block body %}{{ text }}{% endblock %}\n",
        "blog/templates/base.html": "<title>{{ site }}</title>{% block body %}{% endblock %}\n",
    }
)
_BLOG_EDITS = (
    edit("a view", "blog/pages.py", '"welcome"', '"hello"'),
    edit("a function that a view calls", "blog/store.py", "POSTS[-count:]", "list(reversed(POSTS[-count:]))"),
    edit("a constant", "blog/store.py", '"third"', '"third", "fourth"'),
    edit(
        "a route added to a blueprint",
        "blog/pages.py",
        '@bp.route("/config")',
        '@bp.route("/about")\ndef about():\n    return "about"\n\n\n@bp.route("/config")',
    ),
    edit(
        "a template that others extend",
        "blog/templates/base.html",
        None,
        "<title>{{ site }}!</title>{% block body %}{% endblock %}\n",
    ),
    edit("a setting", "blog/config.py", 'SITE = "Blog"', 'SITE = "My blog"'),
    edit("an error in a view's module", "blog/posts.py", "from .store import latest", "from .store import newest"),
    edit("the error mended", "blog/posts.py", "from .store import newest", "from .store import latest"),
    edit(
        "a blueprint in a new file",
        "blog/tags.py",
        None,
        'from flask import Blueprint\n\nbp = Blueprint("tags", __name__)\n\n\n@bp.get("/tags")\ndef tags():\n    return ["a"]\n',
        Change("blog/__init__.py", "import pages, posts", "import pages, posts, tags"),
        Change(
            "blog/__init__.py",
            "app.register_blueprint(pages.bp)",
            "app.register_blueprint(pages.bp)\n    app.register_blueprint(tags.bp)",
        ),
    ),
    edit(
        "a function inside of the factory",
        "blog/__init__.py",
        '{"site": app.config["SITE"]}',
        '{"site": app.config["SITE"].upper()}',
    ),
    edit("a route's path", "blog/pages.py", '@bp.route("/about")', '@bp.route("/imprint")'),
)
_BLOG_ASKS = ("/", "/config", "/about", "/imprint", "/posts/", "/posts/1", "/tags")

_FLASK = Program(
    name="Flask factory",
    environment=ENVIRONMENT,
    packages=PACKAGES,
    fast=True,
    files=_BLOG,
    run=("-m", "flask", "--app", "blog", "run", "--port", "{port}"),
    asks=_BLOG_ASKS,
    edits=_BLOG_EDITS,
)

_GUNICORN_ARGS = ("--bind", "127.0.0.1:{port}", "--log-level", "warning")
_GUNICORN = Program(
    name="gunicorn, 4 workers, Flask",
    environment=ENVIRONMENT,
    packages=PACKAGES,
    files=_BLOG,
    run=("-m", "gunicorn", "-w", "4", *_GUNICORN_ARGS, "blog:create_app()"),
    peers={"gunicorn --reload": ("-m", "gunicorn", "-w", "4", *_GUNICORN_ARGS, "--reload", "blog:create_app()")},
    asks=_BLOG_ASKS,
    workers=4,
    edits=_BLOG_EDITS,
)

_WORKERS = Program(
    name="uvicorn, 2 workers, FastAPI",
    environment=ENVIRONMENT,
    packages=PACKAGES,
    files=_SHOP,
    run=(*_UVICORN, "--workers", "2"),
    asks=_FASTAPI.asks,
    workers=2,
    edits=_FASTAPI.edits,
)

PROGRAMS = (_FASTAPI, _STARLETTE, _FLASK, _GUNICORN, _WORKERS)
