"""Rows about Host and about field lines."""

from __future__ import annotations

from tests.conformance.strictness.row import BAD, Refused, Row, Section, Served

_HOST = [
    Row("name and port", b"Host: a.example:8000", Served({"HTTP_HOST": "a.example:8000"}), "9110 7.2"),
    Row("IPv6", b"Host: [::1]:80", Served({"HTTP_HOST": "[::1]:80"}), "9110 7.2"),
    Row("empty", b"Host:", Served({"HTTP_HOST": ""}), "9110 7.2"),
    Row("a comma may stand in a name", b"Host: a,b", Served({"HTTP_HOST": "a,b"}), "9110 7.2"),
    Row("missing", b"X: y", BAD, "9112 3.2"),
    Row("twice, the same", b"Host: a\r\nHost: a", BAD, "9112 3.2"),
    Row("twice, different", b"Host: a\r\nX: y\r\nhost: b", BAD, "9112 3.2"),
    Row("a space in it", b"Host: a b", BAD, "9112 3.2"),
    Row("a path", b"Host: a/b", BAD, "9112 3.2"),
    Row("a user", b"Host: u@a", BAD, "9112 3.2"),
    Row("a port that is no number", b"Host: a:b", BAD, "9112 3.2"),
    Row("a port of six digits", b"Host: a:123456", BAD, "9112 3.2"),
    Row("a bracket that does not close", b"Host: [::1", BAD, "9112 3.2"),
    Row("brackets without IPv6", b"Host: [1.2.3.4]", BAD, "9112 3.2"),
    Row("a percent sign without digits", b"Host: a%2", BAD, "9112 3.2"),
    Row("not ASCII", b"Host: \xe9", BAD, "9112 3.2"),
    Row(
        "a name like it", b"Host: a\r\nHo-st: b\r\nHost_: c", Served({"HTTP_HOST": "a", "HTTP_HOST_": None}), "9110 5.1"
    ),
]
_ABSOLUTE = [
    Row("missing, with an absolute target", b"X: y", BAD, "9112 3.2"),
    Row("malformed, with an absolute target", b"Host: a b", BAD, "9112 3.2"),
    Row("different from the target", b"Host: a", Served({"HTTP_HOST": "o"}), "9112 3.2.2"),
]
_FIELDS = [
    Row("blanks around the value", b"X: \t a \t", Served({"HTTP_X": "a"}), "9112 5"),
    Row("no value", b"X:", Served({"HTTP_X": ""}), "9112 5"),
    Row("a tab within the value", b"X: a\tb", Served({"HTTP_X": "a\tb"}), "9110 5.5"),
    Row("octets that are not ASCII", b"X: \xe9\xff", Served({"HTTP_X": "\xe9\xff"}), "9110 5.5"),
    Row("a name of odd characters", b"!#$%&'*+.^~: a", Served({"HTTP_!#$%&'*+.^~": "a"}), "9110 5.1"),
    Row("one name twice: a list", b"X: a\r\nx: b", Served({"HTTP_X": "a, b"}), "9110 5.3"),
    Row("Cookie twice", b"Cookie: a=1\r\nCookie: b=2", Served({"HTTP_COOKIE": "a=1; b=2"}), "9113 8.2.3"),
    Row("Content-Type twice", b"Content-Type: a\r\nContent-Type: b", BAD, "9110 8.3"),
    Row("no colon", b"X", BAD, "9112 5"),
    Row("no name", b": a", BAD, "9112 5"),
    Row("a space before the colon", b"X : a", BAD, "9112 5.1"),
    Row("a tab before the colon", b"X\t: a", BAD, "9112 5.1"),
    Row("a space in the name", b"X Y: a", BAD, "9110 5.1"),
    Row("a name that is no token", b"X(Y): a", BAD, "9110 5.1"),
    Row("a name that is not ASCII", b"\xe9: a", BAD, "9110 5.1"),
    Row("a NUL in the name", b"X\0: a", BAD, "9110 5.1"),
    Row("a NUL in the value", b"X: a\0b", BAD, "9110 5.5"),
    Row("a control character in the value", b"X: a\x1bb", BAD, "9110 5.5"),
    Row("DEL in the value", b"X: a\x7fb", BAD, "9110 5.5"),
    Row("bare CR in the value", b"X: a\rY: b", BAD, "9110 5.5"),
    Row("bare LF in the value", b"X: a\nY: b", BAD, "9110 5.5"),
    Row("CR at its end", b"X: a\r", BAD, "9112 2.2"),
    Row("a folded line, space", b"X: a\r\n b", BAD, "9112 5.2"),
    Row("a folded line, tab", b"X: a\r\n\tb", BAD, "9112 5.2"),
    Row("a folded line of blanks", b"X: a\r\n ", BAD, "9112 5.2"),
    Row("a name that CGI mistakes for another", b"X_Y: a", Served({"HTTP_X_Y": None}), "9110 5.1"),
    Row("Proxy, which CGI takes for a setting", b"Proxy: a", Served({"HTTP_PROXY": None}), "9110 5.1"),
    Row("X-Forwarded-For from anybody", b"X-Forwarded-For: a", Served({"HTTP_X_FORWARDED_FOR": None}), "9110 7.6"),
    Row("Forwarded from anybody", b"Forwarded: for=a", Served({"HTTP_FORWARDED": None}), "9110 7.6"),
    Row("TE and Trailer end here", b"TE: trailers\r\nTrailer: X", Served({"HTTP_TE": None}), "9110 7.6.1"),
    Row("an expectation that nobody meets", b"Expect: a", Refused(417), "9110 10.1.1"),
    Row("longer than --limit-request-field-size", b"X: " + b"a" * 8190, Refused(431), "9110 5.4"),
    Row("more than --limit-request-fields", b"X: a\r\n" * 100 + b"X: a", Refused(431), "9110 5.4"),
    Row("longer than --limit-request-head", b"X: a\r\n" * 20_000 + b"X: a", Refused(431), "9110 5.4"),
]

FIELDS = [
    Section("Host", b"GET / HTTP/1.1\r\n", b"\r\n\r\n", _HOST),
    Section("Host beside an absolute target", b"GET http://o/ HTTP/1.1\r\n", b"\r\n\r\n", _ABSOLUTE),
    Section("Field lines", b"GET / HTTP/1.1\r\nHost: h\r\n", b"\r\n\r\n", _FIELDS),
]
