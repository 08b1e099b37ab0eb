"""The classes of differences, each with its reason; docs/design/what-we-accept.md shows them.

A class is as narrow as one can say it: who, what kind, why it was refused, and what stands in the octets. Where the
others read something in another way than we do (`"field HTTP_HOST"`, `"version"`), little explains it.
"""

from __future__ import annotations

import re

from attrs import field, frozen

from tests.conformance.differential.differences import Difference
from tests.conformance.differential.readers import ours

_EITHER = "h11, llhttp"


@frozen
class Class:
    """One explained way to differ."""

    reader: str
    kind: str
    """A regular expression for the difference's kind, whole."""
    refused: str
    """One for the beginning of the reason of the one who refuses."""
    what: str
    why: str
    octets: bytes = field(default=b"", kw_only=True)
    """One that finds something in the octets."""
    closes: bool = field(default=False, kw_only=True)
    """Whether we refuse too, once the lines that have begun are complete."""

    def explains(self, difference: Difference) -> bool:
        """Tell whether a difference belongs here."""
        return (
            difference.reader in self.reader.split(", ")
            and bool(re.fullmatch(self.kind, difference.kind))
            and bool(re.match(self.refused, difference.refused))
            and bool(re.search(self.octets, difference.octets))
            and (not self.closes or _refused_later(difference))
        )


def _refused_later(difference: Difference) -> bool:
    more = ours(difference.octets + b"\r\n\r\n")
    return bool(more.refused) and more.requests == difference.our.requests


def class_of(difference: Difference) -> Class | None:
    """Return the first class that explains a difference."""
    return next((one for one in CLASSES if one.explains(difference)), None)


_WE = "we refuse, they (read|wait)"
_THEY = "we (read|wait), they refuse"
_SEMANTICS = "It reads syntax only and leaves this to whoever uses it; we are who uses it."
_LATER = "It looks at a head when its end has come; what no end can mend is refused at once here, so nobody waits."
_SOONER = "It reads octet by octet, and refuses in the middle of a line what we refuse at the end of the head."

CLASSES = [
    Class(_EITHER, _WE, "405 ", "`*` with another method than `OPTIONS`", _SEMANTICS),
    Class(_EITHER, _WE, "501 .*CONNECT", "`CONNECT`", _SEMANTICS),
    Class(_EITHER, _WE, "501 .*transfer coding", "a coding before `chunked`", _SEMANTICS),
    Class(_EITHER, _WE, "505 ", "a version that is not HTTP/1.x", _SEMANTICS),
    Class(
        _EITHER, _WE, "414 |431 |400 .*too long", "more than a limit allows", "Its limits are others, or its user's."
    ),
    Class(_EITHER, _WE, "417 ", "an expectation other than `100-continue`", _SEMANTICS),
    Class(
        _EITHER,
        _WE,
        "400 .*Content-Type sent twice",
        "two `Content-Type`",
        "It is no list, and filters guess differently.",
    ),
    Class(
        _EITHER,
        _WE,
        "400 .*malformed Host",
        "a `Host` that names no host",
        "A name that is none ends up in links and caches.",
    ),
    Class(_EITHER, _WE, "400 .*malformed request target", "no path, no absolute URI", _SEMANTICS),
    Class(
        _EITHER,
        _WE,
        "400 .*malformed request line",
        "a fragment in the target",
        "A client never sends one (RFC 9112 section 3.2.1).",
        octets=rb" [^ \r\n]*#",
    ),
    Class("llhttp", _WE, "400 .*Host sent twice", "two `Host`", _SEMANTICS),
    Class("llhttp", _WE, "400 .*Host is missing", "no `Host`", _SEMANTICS),
    Class(
        "h11",
        _WE,
        "400 .*Host is missing",
        "no `Host` with HTTP/1.2 and above",
        "It asks for Host in 1.1 only; a higher minor version is read as ours.",
        octets=rb"HTTP/1\.[2-9]",
    ),
    Class(
        "h11",
        "version",
        "",
        "HTTP/1.2 and above",
        "It tells the version as sent; we tell what we conform to (RFC 9110 section 2.5).",
        octets=rb"HTTP/1\.[2-9]",
    ),
    Class(
        "llhttp",
        _THEY,
        "HttpParserError: Invalid HTTP version",
        "HTTP/1.2 and above, 505s",
        "It knows a list of versions; a higher minor version is read as ours (RFC 9110 section 2.5).",
        octets=rb"HTTP/(1\.[2-9]|[02-9]\.[0-9])",
    ),
    Class(
        _EITHER,
        "field HTTP_HOST",
        "",
        "`Host` beside an absolute target",
        "The target's host counts (RFC 9112 section 3.2.2); they leave this to their user.",
        octets=rb"(?i) https?://",
    ),
    Class(
        "h11",
        _WE,
        "400 .*malformed request$",
        "bare LF or CR as a line's end",
        "It takes LF for an end (RFC 9112 section 2.2 allows it); what other readers do not, smuggles.",
        octets=rb"(?<!\r)\n|\r(?!\n)",
    ),
    Class(
        "h11",
        _WE,
        "400 .*malformed (field|request) line",
        "bare LF, two CR, folding",
        "It unfolds and takes LF for an end; RFC 9112 section 5.2 lets a server refuse both.",
        octets=rb"(?<!\r)\n|\r(?!\n)|\r\n[ \t]",
    ),
    Class(
        "h11",
        _WE,
        "400 .*malformed field line",
        "control characters in a value",
        "It forbids NUL and line ends only; RFC 9110 section 5.5 forbids all.",
        octets=rb"[\x01-\x08\x0b-\x1f\x7f]",
    ),
    Class(
        "h11",
        _WE,
        "400 .*Content-Length",
        "the same length twice, or in a list",
        "RFC 9112 section 6.3 allows both answers; nobody sends it in good faith.",
        octets=rb"(?i)Content-Length: *[0-9]",
    ),
    Class(
        "h11",
        _WE,
        "400 .*both",
        "`Content-Length` beside chunked",
        "RFC 9112 section 6.1 allows to ignore the length; it is how smuggling begins.",
    ),
    Class(
        _EITHER,
        _WE,
        "400 .*in HTTP/1.0",
        "a transfer coding in HTTP/1.0",
        "Its framing is faulty by RFC 9112 section 6.1.",
    ),
    Class(
        "h11", "we refuse, they wait", "400 .*malformed request", "a request line or a first octet that is none", _LATER
    ),
    Class(
        "llhttp",
        _THEY,
        "HttpParserInvalidMethodError",
        "a method that it does not know",
        "It has a list of methods; any token is one (RFC 9110 section 9.1).",
    ),
    Class("llhttp", "we wait, they refuse", "", "a line that is wrong before its end", _SOONER, closes=True),
    Class(
        "h11",
        _WE,
        "400 .*bare LF in chunked",
        "bare LF after a chunk's lines",
        "It takes LF for an end; others do not, so it smuggles.",
    ),
    Class(
        "h11",
        _WE,
        "400 .*malformed chunk size",
        "an odd chunk extension, a blank after the size",
        "It skips to the line's end without a look; here it is the grammar of RFC 9112 section 7.1.1, or nothing.",
    ),
    Class(
        "h11",
        "we refuse, they wait",
        "400 .*chunk size|400 .*trailer",
        "chunks or trailer fields that no end can mend",
        _LATER,
    ),
    Class(
        "h11",
        _WE,
        "400 .*trailer section",
        "two CR, folding and control characters in a trailer section",
        "As in field lines.",
        octets=rb"\r\r\n|[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\n[ \t]",
    ),
    Class(
        _EITHER,
        _THEY,
        "HttpParserError: .*Content-Length|bad Content-Length|conflicting Content-Length",
        "a trailer field `Content-Length`",
        "A trailer field frames nothing (RFC 9110 section 6.5.1): it is dropped unread.",
        octets=rb"(?i)\r\n0[^\r\n]*\r\n(?:[^\r\n]+\r\n)*Content-Length",
    ),
    Class(
        "llhttp",
        _WE,
        "400 .*malformed request",
        "a request line without a version",
        "It takes it for HTTP/0.9, with field lines that HTTP/0.9 has not.",
        octets=rb"(?m)^[^ \r\n]+ +[^ \r\n]* ?\r?\n",
    ),
    Class(
        "h11",
        _THEY,
        "no request line received",
        "an empty line before a request",
        "RFC 9112 section 2.2 asks servers to skip one.",
        octets=rb"^\r\n|\r\n\r\n",
    ),
    Class(
        "llhttp",
        _WE,
        "400 .*malformed Content-Length",
        "a length of 19 digits",
        "It counts to 2⁶⁴; what is longer than 18 digits is no content that anybody sends.",
        octets=rb"Content-Length: [0-9]{19}",
    ),
    Class(
        "llhttp",
        _WE,
        "400 .*malformed chunk size",
        "a chunk size of 16 digits",
        "It counts to 2⁶⁴; 15 digits are more than anybody sends.",
        octets=rb"\n[0-9A-Fa-f]{16}",
    ),
    Class(
        "llhttp",
        _WE,
        "400 .*malformed Transfer-Encoding",
        "an empty member of the list",
        "It may be ignored (RFC 9110 section 5.6.1), but readers differ in it, and it frames.",
        octets=rb": *,|, *,|, *\r",
    ),
    Class(
        _EITHER,
        _THEY,
        "illegal chunk header|HttpParserError: Invalid character in chunk size",
        "blanks around a chunk extension's parts",
        "RFC 9112 section 7.1.1 has them, as bad whitespace that one reads.",
        octets=rb"\n[0-9A-Fa-f]+[ \t]*;[^\r\n]*",
    ),
    Class(
        "h11",
        "we wait, they refuse",
        "illegal request line",
        "a CR behind a request",
        "It is half of the empty line that is forgiven (RFC 9112 section 2.2).",
        octets=rb"\r\Z",
    ),
    Class(
        "llhttp",
        _WE,
        "400 .*malformed request",
        "bare LF, or several empty lines, before a request",
        "It skips any number; one is forgiven here (RFC 9112 section 2.2), as each renews a clock.",
        octets=rb"\A[\r\n]|\r\n\r\n[^\r\n]{0,64}[\r\n]",
    ),
]
