"""The guest book in the admin."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from guestbook.models import Entry


@admin.register(Entry)
class EntryAdmin(admin.ModelAdmin):
    """Find an entry by who wrote it or what it says; look at its file."""

    list_display = ("author", "message", "file", "written")
    list_filter = ("written",)
    search_fields = ("author", "message")
    fields = ("author", "message", "file", "written")
    readonly_fields = ("file", "written")

    @admin.display(empty_value="none")
    def file(self, entry):
        """Link to the download."""
        if not entry.attachment:
            return None
        return format_html('<a href="{}">{}</a>', reverse("attachment", args=[entry.pk]), entry.attachment_name)
