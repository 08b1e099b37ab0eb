"""The one header policy: which field lines are sound, which reach an application, which a response may carry.

Requests: names that CGI can't tell apart (underscores), `Proxy` (httpoxy), hop-by-hop fields and forwarding headers
from peers that are not trusted never reach an application. Responses: no control characters, no hop-by-hop fields, no
framing of the application's own. Pure; every table is a constant.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address

from wsgicontainer.errors import ApplicationError, PeerError

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
FIELD_LINE = re.compile(rb"(" + _TOKEN + rb"):([\t\x20-\x7e\x80-\xff]*)")
"""RFC 9112 section 5: no space before the colon, no line folding, no control character in the value."""
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|(?:[!$&'()*+,;=\-._~0-9A-Za-z]|%[0-9A-Fa-f]{2})*)(?::[0-9]{0,5})?")

DROPPED = frozenset(
    {
        "HTTP_PROXY",
        "HTTP_KEEP_ALIVE",
        "HTTP_PROXY_CONNECTION",
        "HTTP_PROXY_AUTHORIZATION",
        "HTTP_TE",
        "HTTP_TRAILER",
        "HTTP_UPGRADE",
        "HTTP_FORWARDED",
    }
)
"""Request fields that end here. `Connection`, `Expect` and `Transfer-Encoding` do too, once framing has read them."""
_FORWARDING = "HTTP_X_FORWARDED_"
_ONCE = frozenset({"HTTP_HOST", "CONTENT_LENGTH", "CONTENT_TYPE"})

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_STATUS = re.compile(r"[2-5][0-9][0-9](?: [\t\x20-\x7e\x80-\xff]*)?")
_HOP_BY_HOP = frozenset(
    {
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    }
)


def field(line: bytes, kept: frozenset[str] = frozenset()) -> tuple[str, str]:
    """Return the environ key and value of one request field line; the key is "" for a field that ends here.

    `kept` are keys that do not end here: forwarding fields of a peer that may send them.
    Raises PeerError 400 for a line that RFC 9112 section 5 forbids.
    """
    match = FIELD_LINE.fullmatch(line)
    if match is None:
        raise PeerError("400 Bad Request", "malformed field line")
    name = match[1].decode("ascii")
    key = name.upper().replace("-", "_")
    value = match[2].strip(b" \t").decode("latin-1")
    if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = "HTTP_" + key
    if "_" in name or ((key in DROPPED or key.startswith(_FORWARDING)) and key not in kept):
        return "", ""
    if key == "HTTP_HOST" and not is_host(value):
        raise PeerError("400 Bad Request", "malformed Host")
    return key, value


def is_host(text: str) -> bool:
    """Tell whether this is `uri-host [ ":" port ]` (RFC 9110 section 7.2, RFC 3986 section 3.2.2), empty or not."""
    match = _HOST.fullmatch(text)
    if match is None or match[1] is None:
        return match is not None
    try:
        IPv6Address(match[1])
    except ValueError:
        return False
    return True


def joined(key: str, first: str, second: str) -> str:
    """Combine two field lines of one name (RFC 9110 section 5.3; Cookie: RFC 9113 section 8.2.3).

    Raises PeerError 400 for fields that decide about framing or routing and may stand only once.
    """
    if key in _ONCE:
        raise PeerError("400 Bad Request", f"{key.removeprefix('HTTP_').replace('_', '-').title()} sent twice")
    return first + ("; " if key == "HTTP_COOKIE" else ", ") + second


def status_code(status: object) -> int:
    """Return the code of an application's status (`"200 OK"`), or raise ApplicationError."""
    if not isinstance(status, str) or not _STATUS.fullmatch(status):
        raise ApplicationError(f"status {status!r} is not three digits, a space and a reason")
    return int(status[:3])


def checked_pair(pair: object) -> tuple[str, str]:
    """Return one field of an application's response, or raise ApplicationError that names the rule."""
    if type(pair) is not tuple or len(pair) != 2:
        raise ApplicationError(f"response header {pair!r} is not a (name, value) tuple")
    name, value = pair
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ApplicationError(f"field name {name!r} is not a token (RFC 9110 section 5.1)")
    if not isinstance(value, str) or not _VALUE.fullmatch(value):
        raise ApplicationError(f"value of {name} has characters that no field may hold: {value!r}")
    if name.lower() in _HOP_BY_HOP:
        raise ApplicationError(f"{name} is hop-by-hop and belongs to the server (PEP 3333)")
    return name, value


def content_length(value: str) -> int:
    """Return an application's Content-Length in octets, or raise ApplicationError."""
    if not value.isdecimal() or not value.isascii() or len(value) > 18:
        raise ApplicationError(f"Content-Length {value!r} is not a number of octets")
    return int(value)
