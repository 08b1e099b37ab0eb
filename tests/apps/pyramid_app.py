"""Pyramid, configured by hand."""

import hashlib

import gate
from pyramid.config import Configurator
from pyramid.response import Response


def hello(request):
    return Response("Hello from Pyramid")


def upload(request):
    return {"sha256": hashlib.sha256(request.body).hexdigest(), "length": len(request.body)}


def cookies(request):
    return {"line": request.headers.get("Cookie", ""), "cookies": dict(request.cookies)}


def stream(request):
    return Response(app_iter=gate.blocks(), content_type="text/plain")


def go(request):
    return Response(gate.go())


def create():
    with Configurator() as config:
        for view in (hello, upload, cookies, stream, go):
            name = view.__name__
            config.add_route(name, "/" if view is hello else f"/{name}")
            config.add_view(view, route_name=name, renderer="json" if view in (upload, cookies) else None)
        return config.make_wsgi_app()


application = create()
