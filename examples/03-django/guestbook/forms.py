"""The form on the page."""

from django import forms

from guestbook.models import Entry


class EntryForm(forms.ModelForm):
    """What a visitor fills in."""

    class Meta:
        """The model's fields, the message in a box of four lines."""

        model = Entry
        fields = ("author", "message", "attachment")
        widgets = {"message": forms.Textarea(attrs={"rows": 4})}  # noqa: RUF012 - as Django wants it
