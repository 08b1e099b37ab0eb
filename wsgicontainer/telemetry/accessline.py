r"""One line of the access log: a format compiled once, applied to each `AccessEntry`.

`common`, `combined` and `json` are f-strings of their own; any other text is gunicorn's `%(atom)s` language plus
`%(Q)s`, seconds in the queue. Nothing that a peer sends can forge a line or end a quoted field: text formats write
quotes, backslashes, control characters and what is not ASCII as `\"`, `\\` and `\xhh`; JSON escapes as JSON does.

What came from the peer is looked at in one piece first (`_plain`), and ordinary lines are never escaped field by field:
1.2 µs instead of 3 for a `combined` line. `bytes.translate` does the looking faster than a regular expression would.
Text of requests is "bytes as unicode" (PEP 3333), so `\xc3\xa9` and JSON's `\u00c3\u00a9` are the octets of an UTF-8 é.
Pure: it renders the moment that it is given. Runs in: any.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Callable
from datetime import datetime
from json.encoder import encode_basestring_ascii

from wsgicontainer.errors import ConfigurationError
from wsgicontainer.messages import AccessEntry

Line = Callable[[AccessEntry, str], str]
"""Renders an entry, given its moment as `moment_of` writes it; without the line's end."""

COMMON = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s'
COMBINED = COMMON + ' "%(f)s" "%(a)s"'

_ODD = re.compile(r"[^ !#-\[\]-~]")
_ODD_IN_WORD = re.compile(r"[^!#-\[\]-~]")
_ODD_OCTETS = bytes(octet for octet in range(256) if octet < 0x20 or octet > 0x7E or octet in b'"\\')
_PART = re.compile(r"%%|%\((?:(?P<atom>[A-Za-z])|\{(?P<name>[^{}()]+)\}(?P<kind>[ioe]))\)s")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def compile_format(text: str, getpid: Callable[[], int] = os.getpid) -> Line:
    """Make the function that renders entries in this format.

    `text` is `common`, `combined`, `json` or a text with atoms; `getpid` serves `%(p)s`.
    Raises ConfigurationError for an atom that does not exist.
    """
    if text == "json":
        return _json_line
    if text == "combined":
        return _combined_line
    if text == "common":
        return _common_line
    return _compiled(text, {**_ATOMS, "p": lambda _entry, _: f"<{getpid()}>"})


def moment_of(text: str) -> Callable[[datetime], str]:
    """Say how the format `text` wants its moments, whole seconds with their zone; cache one per second."""
    return _iso_moment if text == "json" else _clf_moment


def _clf_moment(when: datetime) -> str:
    """Write `10/Oct/2000:13:55:36 -0700`, month names in English whatever the application set as locale."""
    return f"{when:%d}/{_MONTHS[when.month - 1]}/{when:%Y:%H:%M:%S %z}"


def _iso_moment(when: datetime) -> str:
    """Write `2000-10-10T13:55:36-07:00` (RFC 3339); the line puts the milliseconds in between."""
    return when.isoformat(timespec="seconds")


# -- escaping --


def _escape_one(found: re.Match[str]) -> str:
    octet = found.group()
    if octet in '"\\':
        return "\\" + octet
    number = ord(octet)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}"


def _plain(text: str) -> bool:
    """Tell whether nothing in the text needs escaping, neither in a quoted field nor in JSON."""
    return text.isascii() and len(text.encode().translate(None, _ODD_OCTETS)) == len(text)


def escape(text: str) -> str:
    """Make text fit for a quoted field of one line."""
    return _ODD.sub(_escape_one, text)


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


def _user_word(fields: dict[str, str]) -> str:
    """Escape the user, blanks too as the field has no quotes; `-` if there is none."""
    return _ODD_IN_WORD.sub(_escape_one, user_of(fields)) or "-"


# -- the formats that most use, as f-strings --


def _common_line(entry: AccessEntry, moment: str) -> str:
    peer, line = entry.peer or "-", entry.request_line
    if not _plain(peer + line):
        peer, line = escape(peer), escape(line)
    return f'{peer} - {_user_word(entry.fields)} [{moment}] "{line}" {entry.code} {entry.sent or "-"}'


def _combined_line(entry: AccessEntry, moment: str) -> str:
    field = entry.fields.get
    peer, line = entry.peer or "-", entry.request_line
    referer, agent = field("HTTP_REFERER") or "-", field("HTTP_USER_AGENT") or "-"
    if not _plain(f"{peer}{line}{referer}{agent}"):
        peer, line, referer, agent = escape(peer), escape(line), escape(referer), escape(agent)
    user = _user_word(entry.fields) if "HTTP_AUTHORIZATION" in entry.fields else "-"
    return f'{peer} - {user} [{moment}] "{line}" {entry.code} {entry.sent or "-"} "{referer}" "{agent}"'


def _json_line(entry: AccessEntry, moment: str) -> str:
    """Write an object; what was not sent is "". A request that could not be parsed has its `request_line` too."""
    fields = entry.fields
    field = fields.get
    peer, method, target, protocol, name = entry.peer, entry.method, entry.target, entry.protocol, entry.request_id
    referer, agent = field("HTTP_REFERER") or "", field("HTTP_USER_AGENT") or ""
    user = user_of(fields) if "HTTP_AUTHORIZATION" in fields else ""
    if not _plain(f"{peer}{method}{target}{protocol}{name}{referer}{agent}{user}"):
        peer, method, target, protocol = map(_json_escape, (peer, method, target, protocol))
        name, referer, agent, user = map(_json_escape, (name, referer, agent, user))
    unparsed = "" if entry.method else f'"request_line":"{_json_escape(entry.request_line)}",'
    return (
        f'{{"time":"{moment[:19]}.{f"{int(entry.at * 1000):03d}"[-3:]}{moment[19:]}","request_id":"{name}",'
        f'"peer":"{peer}","user":"{user}",{unparsed}"method":"{method}","target":"{target}","protocol":"{protocol}",'
        f'"status":{entry.code},"bytes":{entry.sent},"duration":{entry.duration:.6f},"queued":{entry.queued:.6f},'
        f'"referer":"{referer}","user_agent":"{agent}"}}'
    )


def _json_escape(text: str) -> str:
    return encode_basestring_ascii(text)[1:-1]


# -- any other format --


def _path(entry: AccessEntry, _: str) -> str:
    return entry.target.partition("?")[0] or "-"


def _query(entry: AccessEntry, _: str) -> str:
    return entry.target.partition("?")[2]


def _request_field(name: str) -> Line:
    key = name.upper().replace("-", "_")
    if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = "HTTP_" + key
    return lambda entry, _: entry.fields.get(key) or "-"


def _response_field(name: str) -> Line:
    wanted = name.lower()
    return lambda entry, _: ", ".join([value for key, value in entry.reply if key.lower() == wanted]) or "-"


def _unkept(_name: str) -> Line:
    return lambda _entry, _: "-"


_NAMED = {"i": _request_field, "o": _response_field, "e": _unkept}

_ATOMS: dict[str, Line] = {
    "h": lambda entry, _: entry.peer or "-",
    "l": lambda _entry, _: "-",
    "u": lambda entry, _: _user_word(entry.fields),
    "t": lambda _entry, moment: f"[{moment}]",
    "r": lambda entry, _: entry.request_line,
    "m": lambda entry, _: entry.method or "-",
    "U": _path,
    "q": _query,
    "H": lambda entry, _: entry.protocol or "-",
    "s": lambda entry, _: str(entry.code),
    "B": lambda entry, _: str(entry.sent),
    "b": lambda entry, _: str(entry.sent or "-"),
    "f": _request_field("Referer"),
    "a": _request_field("User-Agent"),
    "T": lambda entry, _: str(int(entry.duration)),
    "D": lambda entry, _: str(int(entry.duration * 1_000_000)),
    "M": lambda entry, _: str(int(entry.duration * 1000)),
    "L": lambda entry, _: f"{entry.duration:.6f}",
    "Q": lambda entry, _: f"{entry.queued:.6f}",
}
_OURS = frozenset("ltusBbTDMLQp")
"""Atoms that hold nothing of the peer's, or are escaped already."""


def _split(text: str, atoms: dict[str, Line]) -> tuple[str, list[Line], list[int]]:
    """Split a format into a template for `%`, its atoms, and which of them hold what the peer sent."""
    template, end = "", 0
    found: list[Line] = []
    theirs: list[int] = []
    for part in _PART.finditer(text):
        template += _literal(text[end : part.start()], text)
        end = part.end()
        if part.group() == "%%":
            template += "%%"
            continue
        atom = _NAMED[part["kind"]](part["name"]) if part["name"] else atoms.get(part["atom"])
        if atom is None:
            raise _refused(part.group(), text)
        if part["atom"] not in _OURS:
            theirs.append(len(found))
        template += "%s"
        found.append(atom)
    return template + _literal(text[end:], text), found, theirs


def _literal(piece: str, text: str) -> str:
    if "%" in piece:
        raise _refused(piece[piece.index("%") :][:12], text)
    if "\n" in piece or "\r" in piece:
        raise ConfigurationError(f"--access-log-format {text!r} holds a line break: an entry is one line; take it out.")
    return piece


def _refused(atom: str, text: str) -> ConfigurationError:
    return ConfigurationError(
        f"--access-log-format: {atom!r} in {text!r} is no atom: use common, combined, json, or atoms such as %(h)s,"
        " %(r)s, %({User-Agent}i)s and %(Q)s (a percent sign is %%)."
    )


def _compiled(text: str, atoms: dict[str, Line]) -> Line:
    template, found, theirs = _split(text, atoms)

    def line(entry: AccessEntry, moment: str) -> str:
        values = [atom(entry, moment) for atom in found]
        if not _plain("".join(values)):
            for place in theirs:
                values[place] = escape(values[place])
        return template % tuple(values)

    return line
