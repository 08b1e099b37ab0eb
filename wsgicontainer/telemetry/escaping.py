r"""Makes what peers sent fit for a line of the access log.

Nothing that a peer sends can forge a line or end a quoted field: text formats write quotes, backslashes, control
characters and what is not ASCII as `\"`, `\\` and `\xhh`; JSON escapes as JSON does. Text of requests is "bytes as
unicode" (PEP 3333), so `\xc3\xa9` and JSON's `\u00c3\u00a9` are the octets of an UTF-8 é. Pure.
"""

from __future__ import annotations

import re
from base64 import b64decode
from json.encoder import encode_basestring_ascii

_ODD = re.compile(r"[^ !#-\[\]-~]")
_ODD_IN_WORD = re.compile(r"[^!#-\[\]-~]")


def plain(text: str) -> bool:
    """Tell whether nothing in the text needs escaping, neither in a quoted field nor in JSON.

    Ordinary requests are looked at in one piece, and never escaped field by field. A regular expression needs twice
    the time for that.
    """
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text


def escape(text: str) -> str:
    """Make text fit for a quoted field of one line."""
    return text if plain(text) else _ODD.sub(_escape_one, text)


def escape_json(text: str) -> str:
    """Make text fit for a JSON string, whose quotes it leaves out."""
    return encode_basestring_ascii(text)[1:-1]


def user_of(fields: dict[str, str]) -> str:
    """Find the user of Basic credentials (RFC 7617); empty if there is none.

    Nobody has checked the password: this is what the client says.
    """
    credentials = fields.get("HTTP_AUTHORIZATION")
    if credentials is None:
        return ""
    scheme, _, token = credentials.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        user, colon, _ = b64decode(token.strip(" "), validate=True).partition(b":")
    except ValueError:
        return ""
    return user.decode("latin-1") if colon else ""


def user_word(fields: dict[str, str]) -> str:
    """Escape the user, blanks too as the field has no quotes; `-` if there is none."""
    return _ODD_IN_WORD.sub(_escape_one, user_of(fields)) or "-"


def _escape_one(found: re.Match[str]) -> str:
    octet = found.group()
    if octet in '"\\':
        return "\\" + octet
    number = ord(octet)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}"
