"""Sends clients of ports without TLS to the https URL (`--redirect-https`). Pure, but for the answer.

308 keeps method and content (RFC 9110 section 15.4.9). What proves to a certificate authority that we are us is served
without TLS: it is asked for before there is a certificate (RFC 8555 section 8.3). The scheme is the client's: what a
trusted proxy has received over TLS is served.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from zope.interface import implementer

from wsgicontainer.interfaces import IExchange, IResponder

_CHALLENGE = re.compile(r"/\.well-known/acme-challenge/[A-Za-z0-9_-]+")
"""A token is base64url: what has a dot or another slash could mean any path to who answers it."""
_HOST = re.compile(r"(\[[^\]]*\]|[^:]+)(?::([0-9]*))?")
_ABSOLUTE = re.compile(r"https?://[^/?]*", re.IGNORECASE)


@implementer(IResponder)
class Redirecting:
    """Stands before a responder."""

    def __init__(self, responder: IResponder, port: Callable[[], int]) -> None:
        """`port()` is the number of our first port with TLS, 0 if we have none."""
        self._responder, self._port = responder, port

    def respond(self, exchange: IExchange) -> None:
        """Redirect, or have the responder answer. Runs in: application thread."""
        template, request = exchange.template, exchange.request
        if template.get("wsgi.url_scheme") == "https" or _CHALLENGE.fullmatch(request.path):
            self._responder.respond(exchange)
            return
        match = _HOST.fullmatch(request.fields.get("HTTP_HOST", ""))
        if match is None:
            exchange.error("400 Bad Request")
            return
        location = https_url(match[1], match[2] or "", str(template.get("SERVER_PORT", "")), self._port())
        path = _ABSOLUTE.sub("", request.target, count=1) if request.target[:1] != "/" else request.target
        exchange.error("308 Permanent Redirect", [("Location", location + (path if path[:1] == "/" else f"/{path}"))])


def https_url(host: str, asked: str, local: str, port: int) -> str:
    """Return scheme and authority.

    `asked` is the port in the client's Host, `local` the one it came to. A client that came to port 80, as it believes,
    but not as we see it, came through something that maps ports: then 443 is mapped, too.
    """
    mapped = asked in ("", "80") and local != "80"
    return f"https://{host}" if mapped or port in (0, 443) else f"https://{host}:{port}"
