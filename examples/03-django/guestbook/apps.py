"""How Django knows this application."""

from django.apps import AppConfig


class GuestbookConfig(AppConfig):
    """The guest book."""

    name = "guestbook"
    verbose_name = "Guest book"
