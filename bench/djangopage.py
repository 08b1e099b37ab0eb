"""A Django page with the ORM: two queries on SQLite and a template. The database is made on the first import."""

import os
from pathlib import Path

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection, models
from django.http import HttpResponse
from django.template import Context, Template
from django.urls import path

_DATABASE = Path(__file__).parent / ".venv/guestbook.sqlite3"

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": _DATABASE, "CONN_MAX_AGE": None}},
    MIDDLEWARE=["django.middleware.common.CommonMiddleware", "django.middleware.clickjacking.XFrameOptionsMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for the benchmark",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
)
django.setup()


class Entry(models.Model):
    """One entry of the guest book."""

    author = models.CharField(max_length=40)
    text = models.TextField()

    class Meta:
        app_label = "djangopage"
        ordering = ("-id",)

    def __str__(self):
        return self.author


_PAGE = Template(
    "<!doctype html><title>Guest book</title><p>{{ total }} entries</p>"
    "<ul>{% for entry in entries %}<li><b>{{ entry.author }}</b>: {{ entry.text }}</li>{% endfor %}</ul>"
)


def guestbook(request):
    """Show the last twenty entries."""
    context = Context({"entries": Entry.objects.all()[:20], "total": Entry.objects.count()})
    return HttpResponse(_PAGE.render(context))


urlpatterns = [path("", guestbook)]


def _prepare():
    """Make the database beside its final place, so that who is interrupted leaves none that is half filled."""
    if _DATABASE.exists():
        return
    made = settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = f"{_DATABASE}.{os.getpid()}"
    with connection.schema_editor() as editor:
        editor.create_model(Entry)
    Entry.objects.bulk_create(Entry(author=f"Guest {n}", text=f"It was very nice, {n} times") for n in range(200))
    connection.close()
    connection.settings_dict["NAME"] = str(_DATABASE)
    os.replace(made, _DATABASE)


_prepare()
app = get_wsgi_application()
