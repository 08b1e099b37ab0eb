"""Says whether the server lives and is ready (`--health`): what load balancers, Kubernetes and the like ask.

    PREFIX/live     200 whenever it is answered: somebody reads and writes here
    PREFIX/ready    200 while requests are wanted; 503 before the server is ready and once it drains

Answered by whoever reads the connection, without an application thread: so a full queue or threads that all wait do
not make a server look dead. Neither tells of the application; nothing of it reaches the access log. Pure.
Runs in: the connection's owner.
"""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import implementer

from wsgicontainer.interfaces import IExchange, IResponder

_FIELDS = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]


@implementer(IResponder)
class Probe:
    """Answers one path."""

    def __init__(self, well: Callable[[], bool]) -> None:
        """`well()` says whether the answer is 200; it must not wait."""
        self._well = well

    def respond(self, exchange: IExchange) -> None:
        """Answer. Raises PeerGone."""
        if exchange.request.path != exchange.prefix:
            exchange.error("404 Not Found")
        elif exchange.request.method not in ("GET", "HEAD"):
            exchange.error("405 Method Not Allowed", [("Allow", "GET, HEAD")])
        else:
            status, text = ("200 OK", b"ok\n") if self._well() else ("503 Service Unavailable", b"not ready\n")
            exchange.reply(exchange.prepare(status, _FIELDS), text)


def probes(paths: tuple[str, str], ready: Callable[[], bool]) -> list[tuple[str, IResponder]]:
    """Return who answers at each of the paths: first whether it lives, then whether it is ready."""
    return list(zip(paths, (Probe(lambda: True), Probe(ready)), strict=True))
