"""A site of Wagtail, as its generator makes it, with what a tutorial adds."""

from __future__ import annotations

from .program import Change, Program, edit, files

__all__ = ["PROGRAMS"]

_START = "from wagtail.bin.wagtail import main; main()"

_WAGTAIL = Program(
    name="Wagtail start",
    environment="wagtail",
    packages=("wagtail",),
    setup=(("-c", _START, "start", "site1", "."),),
    prepare=(("manage.py", "migrate", "-v", "0"),),
    files=files(
        {
            "home/models.py": """
                from django.db import models
                from wagtail.admin.panels import FieldPanel
                from wagtail.models import Page

                from .blocks import Hero


                class HomePage(Page):
                    intro = models.CharField(max_length=100, default="hello")

                    content_panels = [*Page.content_panels, FieldPanel("intro")]

                    def get_context(self, request):
                        context = super().get_context(request)
                        context["greeting"] = self.greet()
                        context["hero"] = Hero().render({"title": "t", "size": 2})
                        return context

                    def greet(self):
                        return f"{self.intro}, visitor"
            """,
            "home/blocks.py": """
                from wagtail import blocks


                class Hero(blocks.StructBlock):
                    title = blocks.CharBlock()
                    size = blocks.IntegerBlock(default=1)

                    class Meta:
                        template = "home/hero.html"

                    def get_context(self, value, parent_context=None):
                        return {"value": value, "wide": False}
            """,
            "home/migrations/0003_intro.py": """
                from django.db import migrations, models


                class Migration(migrations.Migration):
                    dependencies = [("home", "0002_create_homepage")]
                    operations = [
                        migrations.AddField("homepage", "intro", models.CharField(default="hello", max_length=100))
                    ]
            """,
            "home/templates/home/hero.html": "<b>{{ value.title }} {{ wide }}</b>\n",
            "home/templates/home/home_page.html": """
                {% load shop wagtailcore_tags %}<title>{{ page.title }}</title>
                <p>{{ greeting|shout }}</p>{% badge %}{{ hero }}{{ motto }}
            """,
            "home/templatetags/__init__.py": "",
            "home/templatetags/shop.py": """
                from django import template

                register = template.Library()


                @register.filter
                def shout(text):
                    return text.upper()


                @register.simple_tag
                def badge():
                    return "badge"
            """,
            "home/context.py": """
                def motto(request):
                    return {"motto": "first"}
            """,
            "home/wagtail_hooks.py": """
                from django.http import HttpResponse
                from django.urls import path
                from wagtail import hooks


                @hooks.register("before_serve_page")
                def maintenance(page, request, args, kwargs):
                    if "closed" in request.GET:
                        return HttpResponse("closed")


                def report(request):
                    return HttpResponse("report 1")


                @hooks.register("register_admin_urls")
                def urls():
                    return [path("report/", report)]
            """,
            "search/views.py": """
                from django.http import JsonResponse
                from wagtail.models import Page

                from .service import titles


                def search(request):
                    return JsonResponse({"found": titles(Page.objects.live())})
            """,
            "search/service.py": """
                LIMIT = 5


                def titles(pages):
                    return [page.title for page in pages[:LIMIT]]
            """,
            "site1/settings/local.py": """
                from .base import INSTALLED_APPS, TEMPLATES

                TEMPLATES[0]["OPTIONS"]["context_processors"].append("home.context.motto")
                STATICFILES_STORAGE = "django.contrib.staticfiles.storage.StaticFilesStorage"
                WAGTAIL_SITE_NAME = "site1"
            """,
        }
    ),
    run=("manage.py", "runserver", "--noreload", "{port}"),
    asks=("/", "/?closed=1", "/search/", "/find/", "/admin/report/", "/admin/login/", "/nowhere/"),
    edits=(
        edit("a page's method", "home/models.py", "{self.intro}, visitor", "{self.intro}, guest"),
        edit("a page's context", "home/models.py", '"size": 2})', '"size": 3})\n        context["motto"] = "own"'),
        edit("a template", "home/templates/home/home_page.html", "<p>{{", "<p class='g'>{{"),
        edit("a filter of a template", "home/templatetags/shop.py", "text.upper()", "text.title()"),
        edit(
            "a tag added, and used",
            "home/templatetags/shop.py",
            "@register.simple_tag\n",
            '@register.simple_tag\ndef price(n):\n    return f"{n} EUR"\n\n\n@register.simple_tag\n',
            Change("home/templates/home/home_page.html", "{% badge %}", "{% badge %}{% price 3 %}"),
        ),
        edit("a block's method", "home/blocks.py", '"wide": False', '"wide": True'),
        edit("a block's template", "home/templates/home/hero.html", "<b>", "<i>"),
        edit(
            "a block's template, another",
            "home/blocks.py",
            "home/hero.html",
            "home/hero2.html",
            Change("home/templates/home/hero2.html", None, "<u>{{ value.title }}</u>\n"),
        ),
        edit("a view", "search/views.py", '{"found":', '{"titles":'),
        edit("a constant", "search/service.py", "LIMIT = 5", "LIMIT = 0"),
        edit(
            "a URL added",
            "site1/urls.py",
            '    path("search/",',
            '    path("find/", search_views.search),\n    path("search/",',
        ),
        edit("a hook", "home/wagtail_hooks.py", 'HttpResponse("closed")', 'HttpResponse("closed today")'),
        edit("a view of the admin", "home/wagtail_hooks.py", "report 1", "report 2"),
        edit("a hook removed", "home/wagtail_hooks.py", '@hooks.register("before_serve_page")\n', ""),
        edit("a context processor", "home/context.py", '"first"', '"second"'),
        edit("a setting", "site1/settings/local.py", '"site1"', '"My site"'),
        edit("a syntax error", "search/service.py", "def titles(", "def titles(("),
        edit("that mended", "search/service.py", "def titles((", "def titles("),
        edit("a panel", "home/models.py", 'FieldPanel("intro")', 'FieldPanel("intro", heading="Intro")'),
    ),
)

PROGRAMS = (_WAGTAIL,)
