"""A finished request, as the access log sees it."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import Factory, define, evolve
from zope.interface import implementer
from zope.interface.verify import verifyObject

from wsgicontainer.interfaces import IAccessEntry
from wsgicontainer.messages import Request


@implementer(IAccessEntry)
@define
class Entry:
    request: Request = Factory(
        lambda: Request(
            "GET",
            "/a?b=c",
            "/a",
            "b=c",
            "HTTP/1.1",
            {
                "HTTP_REFERER": "http://h/",
                "HTTP_USER_AGENT": "curl/8",
                "CONTENT_TYPE": "text/plain",
                "HTTP_X_A": "1",
            },
        )
    )
    unread: str = ""
    client: str = "192.0.2.7"
    request_id: str = "00112233aabbccdd"
    began: float = 971186136.123
    code: int = 200
    sent: int = 1234
    reply_fields: Sequence[tuple[str, str]] = (("Server", "one"), ("server", "two"))
    duration: float = 1.234567
    queued: float = 0.0005


def entry(fields: dict[str, str] | None = None, unread: str = "", **changes: object) -> Entry:
    """Make an entry; with `unread` it is that of a request that could not be read."""
    made = Entry(unread=unread, **changes)  # type: ignore[arg-type]
    if unread:
        made.request = evolve(made.request, method="", target="", protocol="")
    if fields is not None:
        made.request = evolve(made.request, fields=fields)
    return made


verifyObject(IAccessEntry, Entry())
