r"""One line of the access log: a format compiled once, applied to each finished request.

`common`, `combined` and `json` are f-strings of their own; any other text is gunicorn's `%(atom)s` language plus
`%(Q)s`, seconds in the queue. What of a line a request's head decides, `escaping` included, is put together once if
the head comes again, as it does from pollers, probes and mobile apps (`_kept`): 6,000 instructions become 1,500.
Lines are ASCII. Pure: it renders the moment that it is given. Runs in: any.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import datetime

from attrs import frozen

from wsgicontainer.errors import ConfigurationError
from wsgicontainer.interfaces import IAccessEntry
from wsgicontainer.telemetry.escaping import escape, escape_json, plain, user_of, user_word

Line = Callable[[IAccessEntry, str, float], str]
"""Renders an entry with its end, given its second as the format writes it, and the second's begin as `began` counts."""

COMMON = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s'
COMBINED = COMMON + ' "%(f)s" "%(a)s"'

_PART = re.compile(r"%%|%\((?:(?P<atom>[A-Za-z])|\{(?P<name>[^{}()]+)\}(?P<kind>[ioe]))\)s")
_CODES = [str(code) for code in range(600)]
"""Status codes as text: a look-up costs 150 instructions, formatting 700."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@frozen
class LineFormat:
    """How lines are written."""

    line: Line
    moment: Callable[[datetime], str]
    """Writes a moment, whole seconds with their zone, for `line`: once for all lines of a second."""
    timed: bool
    """Whether lines show how long a request waited or took."""
    repeats: bool = False
    """Whether the same head, moment, status and length of content always make the same line."""


def compile_format(text: str, getpid: Callable[[], int] = os.getpid) -> LineFormat:
    """Read a format: `common`, `combined`, `json` or a text with atoms; `getpid` serves `%(p)s`.

    Raises ConfigurationError for an atom that does not exist.
    """
    if text == "json":
        return LineFormat(_json_line, _iso_moment, timed=True)
    if text == "combined":
        return LineFormat(_combined_line, _clf_moment, timed=False, repeats=True)
    if text == "common":
        return LineFormat(_common_line, _clf_moment, timed=False, repeats=True)
    return _compiled(text, {**_ATOMS, "p": lambda _entry, _: f"<{getpid()}>"})


def _clf_moment(when: datetime) -> str:
    """Write `10/Oct/2000:13:55:36 -0700`, month names in English whatever the application set as locale."""
    return f"{when:%d}/{_MONTHS[when.month - 1]}/{when:%Y:%H:%M:%S %z}"


def _iso_moment(when: datetime) -> str:
    """Write `2000-10-10T13:55:36-07:00` (RFC 3339); the line puts the milliseconds in between."""
    return when.isoformat(timespec="seconds")


def _kept(entry: IAccessEntry, make: Callable[[IAccessEntry], tuple[str, ...]]) -> tuple[str, ...]:
    """Return what the head decides, made anew; leave it with a head that has come before."""
    request, parts = entry.request, make(entry)
    request.line = () if request.line is None else parts
    return parts


def _request_line(entry: IAccessEntry) -> str:
    request = entry.request
    return f"{request.method} {request.target} {request.protocol}" if request.method else entry.unread


# -- the formats that most use, as f-strings --


def _common_line(entry: IAccessEntry, moment: str, _: float) -> str:
    before, between = entry.request.line or _kept(entry, _common_parts)
    return f"{before}{moment}{between}{_CODES[entry.code]} {entry.sent or '-'}\n"


def _common_parts(entry: IAccessEntry) -> tuple[str, ...]:
    client, line = entry.client or "-", _request_line(entry)
    if not plain(client + line):
        client, line = escape(client), escape(line)
    return f"{client} - {user_word(entry.request.fields)} [", f'] "{line}" '


def _combined_line(entry: IAccessEntry, moment: str, _: float) -> str:
    before, between, after = entry.request.line or _kept(entry, _combined_parts)
    return f"{before}{moment}{between}{_CODES[entry.code]} {entry.sent or '-'}{after}"


def _combined_parts(entry: IAccessEntry) -> tuple[str, ...]:
    fields = entry.request.fields
    client, line = entry.client or "-", _request_line(entry)
    referer, agent = fields.get("HTTP_REFERER") or "-", fields.get("HTTP_USER_AGENT") or "-"
    if not plain(f"{client}{line}{referer}{agent}"):
        client, line, referer, agent = escape(client), escape(line), escape(referer), escape(agent)
    user = user_word(fields) if "HTTP_AUTHORIZATION" in fields else "-"
    return f"{client} - {user} [", f'] "{line}" ', f' "{referer}" "{agent}"\n'


def _json_line(entry: IAccessEntry, moment: str, second: float) -> str:
    """Write an object; what was not sent is "". A request that could not be read has its `request_line` too."""
    before, after = entry.request.line or _kept(entry, _json_parts)
    thousandths = min(999, int((entry.began - second) * 1000))  # rounded, a second's last moment may lie beyond it
    return (
        f'{{"time":"{moment[:19]}.{thousandths:03d}{moment[19:]}","request_id":"{entry.request_id}"{before}'
        f'"status":{entry.code},"bytes":{entry.sent},'
        f'"duration":{entry.duration:.6f},"queued":{entry.queued:.6f}{after}'
    )


def _json_parts(entry: IAccessEntry) -> tuple[str, ...]:
    request, fields, client = entry.request, entry.request.fields, entry.client
    method, target, protocol = request.method, request.target, request.protocol
    referer, agent = fields.get("HTTP_REFERER") or "", fields.get("HTTP_USER_AGENT") or ""
    user = user_of(fields) if "HTTP_AUTHORIZATION" in fields else ""
    if not plain(f"{client}{method}{target}{protocol}{referer}{agent}{user}"):
        client, method, target, protocol = map(escape_json, (client, method, target, protocol))
        referer, agent, user = map(escape_json, (referer, agent, user))
    unread = "" if method else f'"request_line":"{escape_json(entry.unread)}",'
    return (
        f',"peer":"{client}","user":"{user}",{unread}"method":"{method}","target":"{target}","protocol":"{protocol}",',
        f',"referer":"{referer}","user_agent":"{agent}"}}\n',
    )


# -- any other format --

_Atom = Callable[[IAccessEntry, str], str]
"""Writes its part of an entry, escaped, given its moment."""


def _request_field(name: str) -> _Atom:
    key = name.upper().replace("-", "_")
    if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = "HTTP_" + key
    return lambda entry, _: escape(entry.request.fields.get(key) or "-")


def _response_field(name: str) -> _Atom:
    wanted = name.lower()

    def values(entry: IAccessEntry, _: str) -> str:
        return escape(", ".join([value for key, value in entry.reply_fields if key.lower() == wanted]) or "-")

    return values


def _unkept(_name: str) -> _Atom:
    return lambda _entry, _: "-"


_NAMED = {"i": _request_field, "o": _response_field, "e": _unkept}

_ATOMS: dict[str, _Atom] = {
    "h": lambda entry, _: escape(entry.client or "-"),
    "l": lambda _entry, _: "-",
    "u": lambda entry, _: user_word(entry.request.fields),
    "t": lambda _entry, moment: f"[{moment}]",
    "r": lambda entry, _: escape(_request_line(entry)),
    "m": lambda entry, _: escape(entry.request.method or "-"),
    "U": lambda entry, _: escape(entry.request.target.partition("?")[0] or "-"),
    "q": lambda entry, _: escape(entry.request.target.partition("?")[2]),
    "H": lambda entry, _: escape(entry.request.protocol or "-"),
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
_TIMED = frozenset("TDMLQ")
_OF_A_REPLY = _TIMED | frozenset("tsBbpo")
"""Atoms, and a kind of named ones, that differ from request to request though the head is the same."""


def _compiled(text: str, atoms: dict[str, _Atom]) -> LineFormat:
    template, of_heads, of_replies = _split(text, atoms)

    def parts(entry: IAccessEntry) -> tuple[str, ...]:
        return (template % tuple([atom(entry, "").replace("%", "%%") for atom in of_heads]),)

    def line(entry: IAccessEntry, moment: str, _: float) -> str:
        (rest,) = entry.request.line or _kept(entry, parts)
        return rest % tuple([atom(entry, moment) for atom in of_replies])

    return LineFormat(line, _clf_moment, timed=any(part["atom"] in _TIMED for part in _PART.finditer(text)))


def _split(text: str, atoms: dict[str, _Atom]) -> tuple[str, list[_Atom], list[_Atom]]:
    """Split a format into a template for `%`, and the atoms of heads and of replies.

    What the template makes of a head's atoms is the template for those of its replies.
    """
    template, end = "", 0
    of_heads: list[_Atom] = []
    of_replies: list[_Atom] = []
    for part in _PART.finditer(text):
        template += _literal(text[end : part.start()], text)
        end = part.end()
        if part.group() == "%%":
            template += "%%%%"
            continue
        atom = _NAMED[part["kind"]](part["name"]) if part["name"] else atoms.get(part["atom"])
        if atom is None:
            raise _refused(part.group(), text)
        later = (part["atom"] or part["kind"]) in _OF_A_REPLY
        (of_replies if later else of_heads).append(atom)
        template += "%%s" if later else "%s"
    return template + _literal(text[end:], text) + "\n", of_heads, of_replies


def _literal(piece: str, text: str) -> str:
    if "%" in piece:
        raise _refused(piece[piece.index("%") :][:12], text)
    if "\n" in piece or "\r" in piece:
        raise ConfigurationError(f"--access-log-format {text!r} holds a line break: an entry is one line; take it out.")
    return piece.encode("ascii", "backslashreplace").decode()


def _refused(atom: str, text: str) -> ConfigurationError:
    return ConfigurationError(
        f"--access-log-format: {atom!r} in {text!r} is no atom: use common, combined, json, or atoms such as %(h)s,"
        " %(r)s, %({User-Agent}i)s and %(Q)s (a percent sign is %%)."
    )
