"""Django in one file."""

import hashlib

import gate
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    DATA_UPLOAD_MAX_MEMORY_SIZE=None,
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a fixture",
)


def hello(request):
    return HttpResponse("Hello from Django")


def upload(request):
    return JsonResponse({"sha256": hashlib.sha256(request.body).hexdigest(), "length": len(request.body)})


def cookies(request):
    return JsonResponse({"line": request.headers.get("Cookie", ""), "cookies": request.COOKIES})


def stream(request):
    return StreamingHttpResponse(gate.blocks(), content_type="text/plain")


def go(request):
    return HttpResponse(gate.go())


urlpatterns = [
    path("", hello),
    path("upload", upload),
    path("cookies", cookies),
    path("stream", stream),
    path("go", go),
]
application = get_wsgi_application()
