"""The values that cross the seams: a request, the head of a response.

Not frozen where one is made for each request, by its one owner: attrs' frozen classes cost 60 ns a field there.
Text is latin-1 `str` with one character per octet, as PEP 3333 wants it ("bytes-as-unicode").
"""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen

Fields = list[tuple[str, str]]
"""Field lines of a response: (name, value) pairs in the order of sending."""
MAPPED = "::ffff:"
"""What a socket for IPv6 and IPv4 puts before the address of an IPv4 peer (RFC 4291 section 2.5.5.2)."""


@define(slots=True)
class Request:
    """The head of one request, checked (RFC 9112 section 3 and 5)."""

    method: str
    """As sent, case-sensitive: `"GET"`."""
    target: str
    """As sent: `"/a%20b?c=d"`, `"http://host/a"`, `"*"`."""
    path: str
    """Percent-decoded path, one character per octet: `"/a b"`."""
    query: str
    """What follows the first `?`, as sent."""
    protocol: str
    """`"HTTP/1.1"`, `"HTTP/1.0"` or `"HTTP/2"`."""
    fields: dict[str, str]
    """Field lines under their CGI names: `HTTP_HOST`, `CONTENT_TYPE`, `CONTENT_LENGTH`."""
    environ: dict[str, Any] | None = None
    """What `wsgi.environ` keeps for a head that comes again; nobody else's business."""
    line: tuple[str, ...] | None = field(default=None, init=False, eq=False)
    """The same for `telemetry.accessline`."""
    told: tuple[str, int, int, str] | None = field(default=None, init=False, eq=False)
    """The last whole line of `telemetry.accesslog`: its moment, the reply's code and octets of content, its text."""


@define
class Moment:
    """The time of a batch of events: one look at the clock for all of them."""

    now: float = 0.0
    """Seconds on the monotonic clock; set by whoever begins to look at connections."""


@frozen
class ResponseHead:
    """The head of one response, checked and ready for the wire; many responses may share one."""

    code: int
    """Status code, 200–599."""
    status: str
    """`"200 OK"`"""
    fields: Fields
    """What the application gave: look, never change."""
    block: str
    """Status line and field lines as HTTP/1.1 text with Server and Date; no framing, no empty line at the end."""
    length: int | None
    """The application's Content-Length in octets; None if it gave none."""
    close: bool
    """True if the application asked for `Connection: close`."""
    whole: bytes | None = None
    """As octets, with Content-Length and the empty line if the length is known; None if the framing may be another."""
