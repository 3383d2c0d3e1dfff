# ruff: noqa: E501 - edits stand in one line each
"""Django: the site of its tutorial, edited while it is served."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import environment
from tests.reload.adapters.libraries import libraries
from tests.reload.adapters.served import Edit, play, served

pytestmark = pytest.mark.timeout(300)

MODELS = """\
from django.contrib import admin
from django.db import models


class Question(models.Model):
    question_text = models.CharField(max_length=200)
    votes = models.IntegerField(default=0)

    class Meta:
        ordering = ["question_text"]

    def __str__(self):
        return self.question_text

    @admin.display(description="Loud?")
    def loud(self):
        return self.question_text.upper()


class Choice(models.Model):
    question = models.ForeignKey(Question, on_delete=models.CASCADE)
    choice_text = models.CharField(max_length=200)

    def __str__(self):
        return self.choice_text
"""
VIEWS = """\
from django.conf import settings
from django.core.cache import cache
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views import generic

from .models import Choice, Question
from .signals import received, shouted


def index(request):
    return HttpResponse("index of " + settings.SITE_NAME)


def page(request):
    return render(request, "polls/page.html", {"questions": Question.objects.all(), "word": "word"})


class Listing(generic.ListView):
    model = Question
    template_name = "polls/list.html"


def events(request):
    received.clear()
    question = Question(question_text="new")
    shouted.send(sender=Question, question=question)
    return HttpResponse(", ".join(received))


def facts(request):
    question = Question.objects.first()
    fields = [each.name for each in Question._meta.get_fields()]
    texts = [fields, str(question), question.loud(), Question._meta.ordering, [str(each) for each in Choice.objects.all()]]
    texts += [question.choice_set.count(), Choice.objects.filter(question__question_text="A").count()]
    texts += [Question().votes, Question._meta.get_field("votes").default]
    texts += [_("Yes"), settings.LANGUAGE_CODE, str(Question._meta.verbose_name_plural), reverse("polls:index")]
    return HttpResponse(repr(texts))
"""
SIGNALS = """\
from django.db.models.signals import post_init
from django.dispatch import Signal, receiver

from .models import Question

shouted = Signal()
received = []


@receiver(shouted)
def first(sender, question, **kwargs):
    received.append("first")


@receiver(shouted, sender=Question, dispatch_uid="second")
def second(sender, question, **kwargs):
    received.append("second")


@receiver(post_init, sender=Question)
def made(sender, instance, **kwargs):
    instance.made = 1
"""
ADMIN = """\
from django.contrib import admin

from .models import Choice, Question


@admin.register(Question)
class QuestionAdmin(admin.ModelAdmin):
    list_display = ["question_text", "loud"]


admin.site.site_header = "Polls"
"""
APP_URLS = """\
from django.urls import path

from . import views

app_name = "polls"
urlpatterns = [
    path("", views.index, name="index"),
    path("page/", views.page, name="page"),
    path("list/", views.Listing.as_view(), name="list"),
    path("events/", views.events, name="events"),
    path("facts/", views.facts, name="facts"),
]
"""
URLS = """\
from django.conf import settings
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("polls/", include("polls.urls")),
    path("admin/", admin.site.urls),
]
if settings.EXTRA:
    urlpatterns += [path("extra/", include("polls.urls", namespace="extra"))]
"""
MIDDLEWARE = """\
from django.contrib.auth.models import User


def everybody(get_response):
    def middleware(request):
        request.user = User.objects.first()
        return get_response(request)

    return middleware


class Marks:
    def __init__(self, get_response):
        self.get_response = get_response
        self.mark = "one"

    def __call__(self, request):
        response = self.get_response(request)
        response.content = response.content + b" marked " + self.mark.encode()
        response.headers["Content-Length"] = str(len(response.content))
        return response


def tail(get_response):
    word = b" tail"

    def middleware(request):
        response = get_response(request)
        response.content = response.content + word
        response.headers["Content-Length"] = str(len(response.content))
        return response

    return middleware
"""
TAGS = """\
from django import template

register = template.Library()


@register.filter
def twice(value):
    return value * 2


@register.simple_tag
def greet(name):
    return f"hi {name}"
"""
APPS = """\
from django.apps import AppConfig


class PollsConfig(AppConfig):
    default_auto_field = "django.db.models.BigAutoField"
    name = "polls"

    def ready(self):
        from . import signals
"""
PAGE = """\
{% extends "base.html" %}{% load words %}{% block content %}{{ word|twice }} {% greet "you" %}{% include "polls/part.html" %}{% endblock %}
"""
FILES = {
    "polls/models.py": MODELS,
    "polls/views.py": VIEWS,
    "polls/signals.py": SIGNALS,
    "polls/admin.py": ADMIN,
    "polls/urls.py": APP_URLS,
    "polls/apps.py": APPS,
    "polls/middleware.py": MIDDLEWARE,
    "polls/templatetags/__init__.py": "",
    "polls/templatetags/words.py": TAGS,
    "polls/templates/polls/page.html": PAGE,
    "polls/templates/polls/part.html": "part",
    "polls/templates/polls/list.html": "{% for each in object_list %}{{ each }} {% endfor %}",
    "polls/templates/base.html": "<p>{% block content %}{% endblock %}</p>",
    "mysite/urls.py": URLS,
}
SETTINGS = """
SITE_NAME = "polls"
EXTRA = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS += ["polls.apps.PollsConfig"]
MIDDLEWARE += ["polls.middleware.everybody", "polls.middleware.Marks"]
"""
FILL = """\
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
django.setup()
from django.contrib.auth.models import User
from polls.models import Question
User.objects.create_superuser("me", password="me")
for text in "BA":
    Question.objects.create(question_text=text).choice_set.create(choice_text=f"choice of {text}")
"""
PATHS = [
    *("/polls/", "/polls/page/", "/polls/list/", "/polls/events/", "/polls/facts/", "/extra/", "/polls/more/"),
    *("/admin/polls/choice/", "/admin/polls/question/"),
]
EDITS = [
    Edit("polls/views.py", '"index of "', '"the index of "'),
    Edit("polls/urls.py", '    path("facts/"', '    path("more/", views.index, name="more"),\n    path("facts/"'),
    Edit("polls/urls.py", 'path("page/"', 'path("pages/"'),
    Edit("polls/urls.py", 'path("pages/"', 'path("page/"'),
    Edit("mysite/settings.py", 'SITE_NAME = "polls"', 'SITE_NAME = "votes"'),
    Edit("mysite/settings.py", "EXTRA = False", "EXTRA = True"),
    Edit("mysite/settings.py", "EXTRA = True", "EXTRA = False"),
    Edit("mysite/settings.py", "LANGUAGE_CODE = 'en-us'", "LANGUAGE_CODE = 'de'"),
    Edit("mysite/settings.py", "", 'MIDDLEWARE += ["polls.middleware.tail"]\n'),
    Edit("polls/middleware.py", 'b" marked "', 'b" is marked "'),
    Edit("polls/middleware.py", 'self.mark = "one"', 'self.mark = "two"'),
    Edit("polls/middleware.py", 'b" tail"', 'b" the tail"'),
    Edit("polls/templates/polls/part.html", "part", "another part"),
    Edit("polls/templates/base.html", "<p>", "<p class=a>"),
    Edit("polls/templatetags/words.py", "value * 2", "value * 3"),
    Edit("polls/templatetags/words.py", 'f"hi {name}"', 'f"hello {name}"'),
    Edit("polls/templatetags/words.py", "", "\n\n@register.filter\ndef thrice(value):\n    return value * 3\n"),
    Edit("polls/templates/polls/page.html", "word|twice", "word|thrice"),
    Edit("polls/signals.py", 'received.append("first")', 'received.append("the first")'),
    Edit("polls/signals.py", "@receiver(shouted)\ndef first", "@receiver([shouted])\ndef first"),
    Edit("polls/signals.py", 'received.append("second")', 'received.append("the second")'),
    Edit("polls/signals.py", 'dispatch_uid="second"', 'dispatch_uid="other"'),
    Edit(
        "polls/signals.py", "", '\n\n@receiver(shouted)\ndef third(sender, **kwargs):\n    received.append("third")\n'
    ),
    Edit("polls/signals.py", '@receiver(shouted)\ndef third(sender, **kwargs):\n    received.append("third")\n', ""),
    Edit("polls/admin.py", '["question_text", "loud"]', '["question_text"]'),
    Edit("polls/admin.py", "admin.site.site", "admin.site.register(Choice)\nadmin.site.site"),
    Edit("polls/admin.py", "admin.site.register(Choice)\n", ""),
    Edit("polls/models.py", "self.question_text.upper()", "self.question_text.lower()"),
    Edit(
        "polls/models.py",
        "    def __str__(self):\n        return self.choice_text",
        '    @property\n    def text(self):\n        return self.choice_text\n\n    def __str__(self):\n        return "c " + self.text',
    ),
    Edit("polls/models.py", 'ordering = ["question_text"]', 'ordering = ["-question_text"]'),
    Edit(
        "polls/models.py",
        'ordering = ["-question_text"]',
        'ordering = ["-question_text"]\n        verbose_name_plural = "asks"',
    ),
    Edit("polls/models.py", "class Choice(models.Model):\n", "class Choice(models.Model):\n    LIMIT = 3\n"),
    Edit(
        "polls/models.py",
        "class Choice(models.Model):\n",
        "class Choice(models.Model):\n    made = models.DateField()\n",
    ),
    Edit("polls/models.py", "    made = models.DateField()\n", ""),
    Edit("polls/models.py", "votes = models.IntegerField(default=0)", "votes = models.IntegerField(default=1)"),
    Edit("polls/models.py", "on_delete=models.CASCADE", "on_delete=models.PROTECT", "restart", "Choice.question"),
    Edit("polls/models.py", "choice_text = models.CharField", "choice_text = models.SlugField", "restart"),
    Edit(
        "polls/models.py", "        ordering =", '        db_table = "asked"\n        ordering =', "restart", "db_table"
    ),
    Edit("polls/models.py", "", "\n\nclass More(models.Model):\n    text = models.CharField(max_length=3)\n"),
    Edit(
        "polls/models.py",
        "\n\nclass More(models.Model):\n    text = models.CharField(max_length=3)\n",
        "",
        "restart",
        "More",
    ),
    Edit("polls/apps.py", "from . import signals", "from . import models, signals", "restart", "ready"),
    Edit("mysite/settings.py", "", 'INSTALLED_APPS += ["django.contrib.sites"]\n', "restart", "INSTALLED_APPS"),
    Edit("polls/urls.py", 'views.index, name="index"', 'views.nothing, name="index"', "failed"),
    Edit("polls/templates/polls/page.html", "{% load words %}", "{% load words other %}", "failed"),
    Edit("polls/views.py", "received.clear()", 'received[:] = ["zero"]'),
    Edit("polls/views.py", "", "\nfrom polls.models import Choice as Chosen\n"),
    Edit("polls/views.py", "\nfrom polls.models import Choice as Chosen\n", ""),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the project, and the folder with Django."""
    django = libraries("django>=5.2")
    folder = tmp_path_factory.mktemp("site")
    env = environment() | {"PYTHONPATH": os.fspath(django)}

    def python(*args: str) -> None:
        done = subprocess.run([sys.executable, *args], cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    python("-m", "django", "startproject", "mysite", ".")
    python("manage.py", "startapp", "polls")
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    with (folder / "mysite" / "settings.py").open("a") as settings:
        settings.write(SETTINGS)
    python("manage.py", "makemigrations", "polls")
    python("manage.py", "migrate")
    python("-c", FILL)
    return folder, django


def test_equals_a_fresh_start_after_each_edit(site: tuple[Path, Path]) -> None:
    folder, django = site
    with served(folder, "manage.py", "runserver", "--noreload", "127.0.0.1:{port}", libraries=django) as server:
        play(server, EDITS, PATHS)
