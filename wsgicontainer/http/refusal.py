"""What a peer reads, and the access log keeps, of a request that never reaches a responder."""

from __future__ import annotations

from time import monotonic

from attrs import define
from zope.interface import implementer

from wsgicontainer.errors import PeerError
from wsgicontainer.http.site import Site
from wsgicontainer.interfaces import IAccessEntry
from wsgicontainer.messages import Request

_LONGEST_LINE = 8190
"""Octets of an unreadable request's first line that the log keeps."""


@implementer(IAccessEntry)
@define
class _Refused:
    """What the access log shows of a request without an exchange."""

    client: str
    code: int
    request: Request
    unread: str
    sent: int
    request_id: str
    began: float
    duration = queued = 0.0
    reply_fields = ()


def refusal(site: Site, error: PeerError, head: bytes) -> tuple[bytes, int]:
    """Return the reply that refuses a request, and the octets of its content: a line of text, none for HEAD."""
    text = f"{error.status}: {error.reason}\n".encode("latin-1")
    fields = [("Content-Type", "text/plain; charset=utf-8")]
    if error.status.startswith("405"):
        fields.append(("Allow", "OPTIONS"))
    block = site.responses.render(error.status, fields).block
    lines = f"{block}Content-Length: {len(text)}\r\nConnection: close\r\n\r\n".encode("latin-1")
    return (lines, 0) if head.startswith(b"HEAD ") else (lines + text, len(text))


def record(site: Site, client: str, code: int, request: Request | None, head: bytes, sent: int = 0) -> None:
    """Tell the access log of a client's request that ended with `code`.

    `head` is what came of it, if it could not be read.
    """
    if site.access_log is None:
        return
    unread = ""
    if request is None:
        unread = head.partition(b"\r\n")[0][:_LONGEST_LINE].decode("latin-1")
        request = Request("", "", "", "", "", {})
    site.access_log.record(_Refused(client, code, request, unread, sent, next(site.names), monotonic()))
