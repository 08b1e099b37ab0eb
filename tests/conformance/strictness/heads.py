"""Rows about request lines, targets, versions and line ends."""

from __future__ import annotations

from tests.conformance.strictness.row import BAD, Answered, Refused, Row, Section, Served

_LINE = [
    Row("three parts, one space between them", b"GET /a?b HTTP/1.1", Served({"PATH_INFO": "/a"}), "9112 3"),
    Row("a method is any token, its case counts", b"get / HTTP/1.1", Served({"REQUEST_METHOD": "get"}), "9110 9.1"),
    Row("a method nobody knows", b"M-SEARCH / HTTP/1.1", Served({"REQUEST_METHOD": "M-SEARCH"}), "9110 9.1"),
    Row("a method that is no token", b"G(T / HTTP/1.1", BAD, "9110 9.1"),
    Row("no method", b" / HTTP/1.1", BAD, "9112 3"),
    Row("two spaces", b"GET  / HTTP/1.1", BAD, "9112 3"),
    Row("a tab for a space", b"GET\t/ HTTP/1.1", BAD, "9112 3"),
    Row("a space before the line", b" GET / HTTP/1.1", BAD, "9112 3"),
    Row("a space after the line", b"GET / HTTP/1.1 ", BAD, "9112 3"),
    Row("a space in the target", b"GET /a b HTTP/1.1", BAD, "9112 3.2"),
    Row("no target", b"GET HTTP/1.1", BAD, "9112 3"),
    Row("nothing but a word", b"GET", BAD, "9112 3"),
    Row("a NUL", b"GET /\0 HTTP/1.1", BAD, "9112 3"),
    Row("a control character", b"GET /\x7f HTTP/1.1", BAD, "9112 3"),
    Row("an octet that is not ASCII", b"GET /\xe9 HTTP/1.1", BAD, "9112 3.2"),
    Row("a fragment", b"GET /a#b HTTP/1.1", BAD, "9112 3.2.1"),
    Row("longer than --limit-request-line", b"GET /" + b"a" * 8190 + b" HTTP/1.1", Refused(414), "9112 3"),
]
_VERSIONS = [
    Row("HTTP/1.0", b"GET / HTTP/1.0", Served({"SERVER_PROTOCOL": "HTTP/1.0"}, stays=False), "9112 9.3"),
    Row("a minor version above ours", b"GET / HTTP/1.7", Served({"SERVER_PROTOCOL": "HTTP/1.1"}), "9110 2.5"),
    Row("two digits", b"GET / HTTP/1.10", BAD, "9112 2.3"),
    Row("no dot", b"GET / HTTP/11", BAD, "9112 2.3"),
    Row("lower case", b"GET / http/1.1", BAD, "9112 2.3"),
    Row("another protocol", b"GET / HTTQ/1.1", BAD, "9112 2.3"),
    Row("HTTP/0.9 by name", b"GET / HTTP/0.9", Refused(505), "9110 2.5"),
    Row("HTTP/2 by name", b"GET / HTTP/2.0", Refused(505), "9110 2.5"),
    Row("HTTP/3 by name", b"GET / HTTP/3.0", Refused(505), "9110 2.5"),
]
_TARGETS = [
    Row("percent-encoding is decoded once", b"GET /%2561 HTTP/1.1", Served({"PATH_INFO": "/%61"}), "9112 3.2.1"),
    Row("what is no percent-encoding stays", b"GET /%zz% HTTP/1.1", Served({"PATH_INFO": "/%zz%"}), "9112 3.2.1"),
    Row("dots and slashes stay", b"GET //a/../b HTTP/1.1", Served({"PATH_INFO": "//a/../b"}), "9112 3.2.1"),
    Row("what URIs do not hold", b'GET /"<>^{} HTTP/1.1', Served({"PATH_INFO": '/"<>^{}'}), "9112 3.2.1"),
    Row("no slash first", b"GET a HTTP/1.1", BAD, "9112 3.2"),
    Row("only a query", b"GET ?a HTTP/1.1", BAD, "9112 3.2"),
    Row("absolute form: its host counts", b"GET http://o:1/p?q HTTP/1.1", Served({"HTTP_HOST": "o:1"}), "9112 3.2.2"),
    Row("absolute form without a path", b"GET http://o?q HTTP/1.1", Served({"PATH_INFO": "/"}), "9112 3.2.2"),
    Row("absolute form, https", b"GET HTTPS://o/ HTTP/1.1", Served({"wsgi.url_scheme": "http"}), "9112 3.2.2"),
    Row("absolute form, another scheme", b"GET ftp://o/ HTTP/1.1", BAD, "9112 3.2.2"),
    Row("absolute form without a host", b"GET http:///a HTTP/1.1", BAD, "9110 4.2.1"),
    Row("absolute form with only a port", b"GET http://:80/ HTTP/1.1", BAD, "9110 4.2.1"),
    Row("absolute form with a user", b"GET http://u@o/ HTTP/1.1", BAD, "9110 4.2.4"),
    Row("absolute form, a host that is none", b"GET http://[o]/ HTTP/1.1", BAD, "9110 4.2.1"),
    Row("authority form", b"GET o:80 HTTP/1.1", BAD, "9112 3.2.3"),
    Row("CONNECT", b"CONNECT o:80 HTTP/1.1", Refused(501), "9110 9.3.6"),
    Row("CONNECT and a path", b"CONNECT / HTTP/1.1", Refused(501), "9110 9.3.6"),
    Row("OPTIONS for the whole server", b"OPTIONS * HTTP/1.1", Answered(200), "9112 3.2.4"),
    Row("the asterisk with another method", b"GET * HTTP/1.1", Refused(405), "9112 3.2.4"),
    Row("more than an asterisk", b"OPTIONS *?a HTTP/1.1", BAD, "9112 3.2.4"),
]
_HOST = b"Host: h\r\n"
_GET = b"GET / HTTP/1.1\r\n" + _HOST + b"\r\n"
_CONNECTIONS = [
    Row("HTTP/0.9: refused at once, not waited for", b"GET /\r\n", BAD, "9112 2.3"),
    Row("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", Refused(505), "9113 3.4"),
    Row("a TLS handshake", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", BAD, "9112 3"),
    Row("a NUL first", b"\0", BAD, "9112 3"),
    Row("one empty line before a request", b"\r\n" + _GET, Served(), "9112 2.2"),
    Row("two of them", b"\r\n\r\n" + _GET, BAD, "9112 2.2"),
    Row("an empty line that is a bare LF", b"\n" + _GET, BAD, "9112 2.2"),
    Row("bare LF at every end", _GET.replace(b"\r\n", b"\n"), BAD, "9112 2.2"),
    Row("bare LF after the request line", b"GET / HTTP/1.1\nHost: h\r\n\r\n", BAD, "9112 2.2"),
    Row("bare CR after the request line", b"GET / HTTP/1.1\rHost: h\r\n\r\n", BAD, "9112 2.2"),
    Row("bare LF for the empty line", b"GET / HTTP/1.1\r\nHost: h\r\n\n", BAD, "9112 2.2"),
    Row("two CR", b"GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", BAD, "9112 2.2"),
    Row("a space before the first field line", b"GET / HTTP/1.1\r\n Host: h\r\n\r\n", BAD, "9112 2.2"),
    Row(
        "HTTP/1.0 asks for the connection to stay",
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        Served({"HTTP_CONNECTION": None}),
        "9112 9.3",
    ),
    Row("HTTP/1.1 asks for it to close", _GET[:-2] + b"Connection: X, Close\r\n\r\n", Served(stays=False), "9112 9.6"),
    Row(
        "HTTP/1.0 expects 100: it gets none",
        b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
        Served({"content": "a", "HTTP_EXPECT": None}, stays=False),
        "9110 10.1.1",
    ),
    Row("an upgrade to HTTP/2", _GET[:-2] + b"Upgrade: h2c\r\n\r\n", Served({"HTTP_UPGRADE": None}), "9110 7.8"),
    Row("a refused HEAD gets no content", b"HEAD / HTTP/1.1\r\n\r\n", BAD, "9110 9.3.2"),
    Row("a head that stops: after --header-timeout", b"GET / HTTP/1.1\r\nHost: h\r\n", Refused(408), "9110 15.5.9"),
]
_AFTER = b"\r\n" + _HOST + b"\r\n"

HEADS = [
    Section("Request line", b"", _AFTER, _LINE),
    Section("Versions", b"", _AFTER, _VERSIONS),
    Section("Request targets", b"", _AFTER, _TARGETS),
    Section("Connections and line ends", b"", b"", _CONNECTIONS),
]
