"""The book with its form, and the files that visitors left."""

from django.contrib import messages
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404, redirect, render

from guestbook.forms import EntryForm
from guestbook.models import Entry


def book(request):
    """Show the newest entries; take a new one."""
    form = EntryForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Thank you, it is in the book.")
        return redirect("book")
    return render(request, "guestbook/book.html", {"form": form, "entries": Entry.objects.all()[:50]})


def attachment(request, number):
    """Give a file back as it came. Always as a download: it is a stranger's, and must not run on our pages."""
    entry = get_object_or_404(Entry, pk=number)
    if not entry.attachment:
        raise Http404
    return FileResponse(entry.attachment.open("rb"), as_attachment=True, filename=entry.attachment_name)
