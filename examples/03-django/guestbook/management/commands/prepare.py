"""`manage.py prepare`: everything that the demo needs before it is served; once more does no harm."""

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand

LOGIN = "admin"


class Command(BaseCommand):
    """Migrate, collect static files, make an administrator."""

    help = "Make the data base, collect static files, and make an administrator (admin / admin)."

    def handle(self, *args, **options):
        """Do all three; tell only what was new."""
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        users = get_user_model().objects
        if not users.filter(username=LOGIN).exists():
            users.create_superuser(LOGIN, "admin@example.com", LOGIN)
            self.stdout.write(f"made the administrator {LOGIN!r}, password {LOGIN!r}")
