"""What is wrong with a head whose end has not come: waiting for the end would only hide the answer. Pure."""

from __future__ import annotations

import re

from wsgicontainer.errors import PeerError
from wsgicontainer.http.head import HeadParser

_BARE_END = re.compile(rb"(?<!\r)\n|\r(?=[^\n])")
_TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def fault(head: bytes, looked_at: int, longest: int, parser: HeadParser) -> PeerError | None:
    """Return what no further octet can mend, None if `head` may still become one; it must not be empty.

    `looked_at` octets were found sound before: only what is new is looked at, else a head that drips would cost the
    square of its length (100 s for 64 KiB). A head longer than `longest` octets is wrong without its end: 414 or 431.
    """
    if head == b"\r":  # half of the empty line that is forgiven
        return None
    cut = head.find(b"\r\n")
    if cut >= looked_at:
        try:
            parser.check_request_line(head[:cut])
        except PeerError as error:
            return error
    if head[0] not in _TOKEN or _BARE_END.search(head, looked_at):
        return PeerError("400 Bad Request", "malformed request")
    if len(head) <= longest:
        return None
    if cut >= 0:
        return PeerError("431 Request Header Fields Too Large", f"the head exceeds {longest} octets")
    return PeerError("414 URI Too Long", "the request line is too long")
