r"""One line of the access log: a format compiled once, applied to each `AccessEntry`.

`common`, `combined` and `json` are f-strings of their own; any other text is gunicorn's `%(atom)s` language plus
`%(Q)s`, seconds in the queue. Nothing that a peer sends can forge a line or end a quoted field: text formats write
quotes, backslashes, control characters and what is not ASCII as `\"`, `\\` and `\xhh`; JSON escapes as JSON does.

Lines are built unescaped and looked at once as a whole (ASCII, printable, no backslash, no more quotes than the format
has itself); only a line that fails is built again field by field. That halves the cost of an ordinary line.
Text of requests is "bytes as unicode" (PEP 3333), so `\xc3\xa9` and JSON's `\u00c3\u00a9` are the octets of an UTF-8 é.
Pure: it renders the moment that it is given. Runs in: any.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Callable, Sequence
from datetime import datetime
from json.encoder import encode_basestring_ascii as _quoted

from wsgicontainer.errors import ConfigurationError
from wsgicontainer.messages import AccessEntry

Line = Callable[[AccessEntry, str], str]
"""Renders an entry, given its moment as `moment_of` writes it; without the line's end."""

COMMON = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s'
COMBINED = COMMON + ' "%(f)s" "%(a)s"'

_ODD = re.compile(r"[^ !#-\[\]-~]")
_ODD_IN_WORD = re.compile(r"[^!#-\[\]-~]")
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
    user = _user_word(entry.fields)
    line = f'{entry.peer or "-"} - {user} [{moment}] "{entry.request_line}" {entry.code} {entry.sent or "-"}'
    if line.isascii() and line.isprintable() and "\\" not in line and line.count('"') == 2:
        return line
    return _careful_common(entry, moment)


def _combined_line(entry: AccessEntry, moment: str) -> str:
    fields = entry.fields
    field = fields.get
    user = _user_word(fields) if "HTTP_AUTHORIZATION" in fields else "-"
    line = (
        f'{entry.peer or "-"} - {user} [{moment}] "{entry.request_line}" {entry.code} {entry.sent or "-"}'
        f' "{field("HTTP_REFERER") or "-"}" "{field("HTTP_USER_AGENT") or "-"}"'
    )
    if line.isascii() and line.isprintable() and "\\" not in line and line.count('"') == 6:
        return line
    return _careful_combined(entry, moment)


def _json_line(entry: AccessEntry, moment: str) -> str:
    field = entry.fields.get
    referer, agent, user = field("HTTP_REFERER"), field("HTTP_USER_AGENT"), user_of(entry.fields)
    line = (
        f'{{"time":"{moment[:19]}.{int(entry.at * 1000) % 1000:03d}{moment[19:]}","request_id":"{entry.request_id}",'
        f'"peer":"{entry.peer}","user":"{user}","method":"{entry.method}","target":"{entry.target}",'
        f'"protocol":"{entry.protocol}","request_line":"{entry.request_line}","status":{entry.code},"bytes":{entry.sent},'
        f'"duration":{entry.duration:.6f},"queued":{entry.queued:.6f},'
        f'"referer":"{referer or ""}","user_agent":"{agent or ""}"}}'
    )
    if line.isascii() and line.isprintable() and "\\" not in line and line.count('"') == 48:
        return line
    return _careful_json(entry, moment)


def _careful_json(entry: AccessEntry, moment: str) -> str:
    """Escape each field as JSON does; `_json_line` writes the same where there is nothing to escape."""
    field = entry.fields.get
    texts = {
        "time": f"{moment[:19]}.{int(entry.at * 1000) % 1000:03d}{moment[19:]}",
        "request_id": entry.request_id,
        "peer": entry.peer,
        "user": user_of(entry.fields),
        "method": entry.method,
        "target": entry.target,
        "protocol": entry.protocol,
        "request_line": entry.request_line,
    }
    start = ",".join([f'"{name}":{_quoted(text)}' for name, text in texts.items()])
    return (
        f'{{{start},"status":{entry.code},"bytes":{entry.sent},"duration":{entry.duration:.6f},"queued":{entry.queued:.6f},'
        f'"referer":{_quoted(field("HTTP_REFERER") or "")},"user_agent":{_quoted(field("HTTP_USER_AGENT") or "")}}}'
    )


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
    "p": lambda _entry, _: f"<{os.getpid()}>",
}
_SAFE = frozenset("ltusBbTDMLQp")
"""Atoms that hold nothing of the peer's, or are escaped already."""


def _escaped(atom: Line) -> Line:
    return lambda entry, moment: escape(atom(entry, moment))


def _split(text: str, atoms: dict[str, Line]) -> tuple[str, list[Line], list[Line]]:
    """Split a format into a template for `%` and its atoms, as they are and escaped."""
    template, plain, careful, end = "", [], [], 0
    for part in _PART.finditer(text):
        template += _literal(text[end : part.start()], text)
        end = part.end()
        if part["name"] is None and part["atom"] is None:
            template += "%%"
            continue
        atom = _NAMED[part["kind"]](part["name"]) if part["name"] else atoms.get(part["atom"])
        if atom is None:
            raise _refused(part.group(), text)
        template += "%s"
        plain.append(atom)
        careful.append(atom if part["atom"] in _SAFE else _escaped(atom))
    return template + _literal(text[end:], text), plain, careful


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


def _render(template: str, atoms: Sequence[Line]) -> Line:
    return lambda entry, moment: template % tuple([atom(entry, moment) for atom in atoms])


def _compiled(text: str, atoms: dict[str, Line]) -> Line:
    template, plain, careful = _split(text, atoms)
    fast, slow, quotes = _render(template, plain), _render(template, careful), template.count('"')
    if _ODD.search(template.replace('"', "")):
        return slow

    def line(entry: AccessEntry, moment: str) -> str:
        text = fast(entry, moment)
        if text.isascii() and text.isprintable() and "\\" not in text and text.count('"') == quotes:
            return text
        return slow(entry, moment)

    return line


_careful_common = _render(*_split(COMMON, _ATOMS)[::2])
_careful_combined = _render(*_split(COMBINED, _ATOMS)[::2])
