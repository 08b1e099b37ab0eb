"""What Twisted's plugin system finds: names only, so that `twist --help` imports nothing of ours."""

from twisted.application.service import ServiceMaker

wsgicontainer = ServiceMaker(
    "wsgicontainer",
    "wsgicontainer.tap",
    "Serve a WSGI application: HTTP/1.1 and HTTP/2, TLS, many workers.",
    "wsgicontainer",
)
