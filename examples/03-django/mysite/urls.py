"""Which address is whose."""

from django.contrib import admin
from django.urls import path
from guestbook import views

urlpatterns = [
    path("", views.book, name="book"),
    path("files/<int:number>/", views.attachment, name="attachment"),
    path("admin/", admin.site.urls),
]
