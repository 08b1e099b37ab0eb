"""Falcon: one resource for all."""

import hashlib

import falcon
import gate


class Site:
    """Each route has its suffix."""

    def on_get(self, request, response):
        response.text = "Hello from Falcon"

    def on_post_upload(self, request, response):
        content = request.bounded_stream.read()
        response.media = {"sha256": hashlib.sha256(content).hexdigest(), "length": len(content)}

    def on_get_cookies(self, request, response):
        response.media = {"line": request.get_header("Cookie", default=""), "cookies": request.cookies}

    def on_get_stream(self, request, response):
        response.content_type = "text/plain"
        response.stream = gate.blocks()

    def on_get_go(self, request, response):
        response.text = gate.go()


application = app = falcon.App()
site = Site()
app.add_route("/", site)
for suffix in ("upload", "cookies", "stream", "go"):
    app.add_route(f"/{suffix}", site, suffix=suffix)
