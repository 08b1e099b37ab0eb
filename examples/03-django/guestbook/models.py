"""What is kept."""

from pathlib import PurePath

from django.db import models


class Entry(models.Model):
    """One visit."""

    author = models.CharField("your name", max_length=80)
    message = models.TextField("what you would like to say", max_length=2000)
    attachment = models.FileField("a file to leave here", upload_to="%Y/%m", blank=True)
    written = models.DateTimeField(auto_now_add=True)

    class Meta:
        """The newest stands first."""

        ordering = ("-written", "-pk")
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.author}: {self.message[:40]}"

    @property
    def attachment_name(self) -> str:
        """The file's name without its folder."""
        return PurePath(self.attachment.name).name
