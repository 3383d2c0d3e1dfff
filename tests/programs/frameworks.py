"""Programs of further frameworks: Django as its generator makes it, Litestar, aiohttp."""

from __future__ import annotations

from .program import Program, edit, files
from .web import ENVIRONMENT, PACKAGES

__all__ = ["PROGRAMS"]

_AIOHTTP = Program(
    name="aiohttp",
    environment=ENVIRONMENT,
    packages=PACKAGES,
    files=files(
        {
            "main.py": """
                import os

                from aiohttp import web

                from handlers import routes, show_config


                @web.middleware
                async def mark(request, handler):
                    response = await handler(request)
                    response.headers["x-mark"] = "1"
                    return response


                def init_app():
                    app = web.Application(middlewares=[mark])
                    app.add_routes(routes)
                    app.router.add_get("/config", show_config)
                    return app


                if __name__ == "__main__":
                    web.run_app(init_app(), host="127.0.0.1", port=int(os.environ["PORT"]), print=None)
            """,
            "handlers.py": """
                from aiohttp import web

                from store import ITEMS, find

                routes = web.RouteTableDef()


                @routes.get("/")
                async def home(request):
                    return web.json_response({"items": sorted(ITEMS)})


                @routes.get("/item/{name}")
                async def item(request):
                    return web.Response(text=find(request.match_info["name"]))


                async def show_config(request):
                    return web.Response(text="config 1")
            """,
            "store.py": """
                ITEMS = {"a": "first", "b": "second"}


                def find(name):
                    return ITEMS.get(name, "none")
            """,
        }
    ),
    run=("main.py",),
    asks=("/", "/item/a", "/item/c", "/config", "/new"),
    edits=(
        edit("a handler", "handlers.py", '{"items": sorted(ITEMS)}', '{"items": sorted(ITEMS), "n": len(ITEMS)}'),
        edit("a function that a handler calls", "store.py", '"none"', '"nothing"'),
        edit("a constant", "store.py", '"b": "second"', '"b": "second", "c": "third"'),
        edit("a handler that the factory adds", "handlers.py", "config 1", "config 2"),
        edit("an error", "handlers.py", "import ITEMS, find", "import ITEMS, finds"),
        edit("the error mended", "handlers.py", "import ITEMS, finds", "import ITEMS, find"),
        edit("the middleware's body", "main.py", 'response.headers["x-mark"] = "1"', "response.set_status(202)"),
        edit(
            "a route added",
            "handlers.py",
            '@routes.get("/item/{name}")',
            '@routes.get("/new")\nasync def new(request):\n    return web.Response(text="new")\n\n\n@routes.get("/item/{name}")',
        ),
    ),
)

_LITESTAR = Program(
    name="Litestar",
    environment=ENVIRONMENT,
    packages=PACKAGES,
    files=files(
        {
            "app/__init__.py": "",
            "app/main.py": """
                from litestar import Litestar

                from .controllers import Items, home

                app = Litestar(route_handlers=[home, Items], openapi_config=None)
            """,
            "app/controllers.py": """
                from litestar import Controller, get

                from .service import label


                @get("/")
                async def home() -> dict[str, str]:
                    return {"hello": label("world")}


                class Items(Controller):
                    path = "/items"

                    @get("/{number:int}")
                    async def show(self, number: int) -> dict[str, int]:
                        return {"number": number}
            """,
            "app/service.py": """
                PREFIX = "dear"


                def label(name: str) -> str:
                    return f"{PREFIX} {name}"
            """,
        }
    ),
    run=("-m", "uvicorn", "app.main:app", "--port", "{port}", "--log-level", "warning"),
    asks=("/", "/items/3", "/more", "/things/3", "/things/all"),
    edits=(
        edit("a function that a handler calls", "app/service.py", "{PREFIX} {name}", "{PREFIX} {name}!"),
        edit("a constant", "app/service.py", '"dear"', '"hello"'),
        edit("a handler", "app/controllers.py", '{"hello": label("world")}', '{"hello": label("you")}'),
        edit("a method of a controller", "app/controllers.py", '{"number": number}', '{"number": number + 1}'),
        edit("a syntax error", "app/service.py", "def label(", "def label(("),
        edit("that mended", "app/service.py", "def label((", "def label("),
        edit("a handler's path", "app/controllers.py", '@get("/")\nasync def home', '@get("/more")\nasync def home'),
        edit("a controller's path", "app/controllers.py", 'path = "/items"', 'path = "/things"'),
        edit(
            "a method added to a controller",
            "app/controllers.py",
            '    @get("/{number:int}")',
            '    @get("/all")\n    async def all(self) -> str:\n        return "all"\n\n    @get("/{number:int}")',
        ),
        edit("a handler removed from the application", "app/main.py", "[home, Items]", "[Items]"),
        edit("a start-up hook", "app/main.py", "openapi_config=None", "openapi_config=None, on_startup=[print]"),
    ),
)

_DJANGO = Program(
    name="Django startproject",
    environment="django",
    packages=("django",),
    setup=(("-m", "django", "startproject", "site1", "."), ("manage.py", "startapp", "shop")),
    files=files(
        {
            "site1/urls.py": """
                from django.contrib import admin
                from django.urls import include, path

                urlpatterns = [
                    path("admin/", admin.site.urls),
                    path("shop/", include("shop.urls")),
                ]
            """,
            "site1/local.py": """
                from .settings import *

                INSTALLED_APPS += ["shop"]
                DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:shared?mode=memory&cache=shared"}}
                SHOP_NAME = "Shop"
                DEBUG = False
                ALLOWED_HOSTS = ["*"]
            """,
            "shop/urls.py": """
                from django.urls import path

                from . import views

                urlpatterns = [
                    path("", views.home),
                    path("list/", views.Items.as_view()),
                    path("page/", views.page),
                ]
            """,
            "shop/views.py": """
                from django.conf import settings
                from django.http import HttpResponse, JsonResponse
                from django.shortcuts import render
                from django.views import View

                from .models import Item


                def home(request):
                    return HttpResponse(f"welcome to {settings.SHOP_NAME}")


                class Items(View):
                    def get(self, request):
                        return JsonResponse({"items": [Item(name="tea").label()]})


                def page(request):
                    return render(request, "page.html", {"title": "Page"})
            """,
            "shop/models.py": """
                from django.db import models


                class Item(models.Model):
                    name = models.CharField(max_length=50)

                    def label(self):
                        return f"item {self.name}"
            """,
            "shop/admin.py": """
                from django.contrib import admin

                from .models import Item


                @admin.register(Item)
                class ItemAdmin(admin.ModelAdmin):
                    list_display = ["name"]
            """,
            "shop/templates/page.html": "<h1>{{ title }}</h1>\n",
        }
    ),
    variables={"DJANGO_SETTINGS_MODULE": "site1.local"},
    run=("manage.py", "runserver", "--noreload", "{port}"),
    peers={"Django's reloader": ("manage.py", "runserver", "{port}")},
    asks=("/shop/", "/shop/list/", "/shop/page/", "/shop/more/", "/admin/login/"),
    edits=(
        edit("a view", "shop/views.py", "welcome to {", "hello from {"),
        edit("a method of a view's class", "shop/views.py", '{"items": [', '{"all": ['),
        edit("a model's method", "shop/models.py", "item {self.name}", "the {self.name}"),
        edit("a template", "shop/templates/page.html", None, "<h2>{{ title }}</h2>\n"),
        edit("a setting", "site1/local.py", '"Shop"', '"Store"'),
        edit(
            "a URL added",
            "shop/urls.py",
            '    path("page/", views.page),\n',
            '    path("page/", views.page),\n    path("more/", views.home),\n',
        ),
        edit("a URL removed", "shop/urls.py", '    path("page/", views.page),\n', ""),
        edit("the admin's class", "shop/admin.py", 'list_display = ["name"]', 'list_display = ["name", "id"]'),
        edit("an import that is not there", "shop/views.py", "from .models import Item", "from .models import Thing"),
        edit("the import mended", "shop/views.py", "from .models import Thing", "from .models import Item"),
        edit(
            "a model's field",
            "shop/models.py",
            "    name = models.CharField(max_length=50)\n",
            "    name = models.CharField(max_length=50)\n    size = models.IntegerField(default=1)\n",
        ),
    ),
)

PROGRAMS = (_AIOHTTP, _LITESTAR, _DJANGO)
