"""What decides on values of the peer's or the application's keeps its promises for any of them."""

from __future__ import annotations

import re
from ipaddress import IPv6Address

from hypothesis import example, given
from hypothesis import strategies as st
from zope.interface import implementer

from wsgicontainer.errors import ApplicationError
from wsgicontainer.http import headers
from wsgicontainer.http.responses import ResponseHeads
from wsgicontainer.http.routing import Routes
from wsgicontainer.interfaces import IExchange, IResponder

# --- Hosts ---

_HOSTS = st.text(alphabet="az09.-_~%2F[]:@/?#, \x00\xe9", max_size=20)


@given(_HOSTS | st.ip_addresses(v=6).map(lambda address: f"[{address}]:80"))
def test_a_host_is_no_more_than_a_name_and_a_port(text):
    """Whatever passes has none of the characters that end a host in a URI."""
    if headers.is_host(text):
        assert not set(text) & set("@/?# \0\xe9")
        assert text.count("[") == text.count("]") <= 1


@given(st.ip_addresses(v=6), st.integers(min_value=0, max_value=65535))
def test_every_address_is_a_host(address: IPv6Address, port: int):
    assert headers.is_host(f"[{address}]:{port}")
    assert headers.is_host(f"[{address.exploded}]")


# --- Responses ---

_TEXT = st.text(alphabet="aZ0-_: ,;\t\r\n\0\x7f\x85\xe9\u2603", max_size=12)
_NAMES = st.sampled_from(["Content-Type", "Content-Length", "Connection", "Server", "date", "Set-Cookie", "TE", "X"])
_PAIRS = st.tuples(_NAMES | _TEXT, _TEXT | st.sampled_from(["3", "close", "a b"]))
_STATUSES = st.sampled_from(["200 OK", "404 Not Found", "204"]) | _TEXT | st.integers(100, 700).map("{} X".format)
_LINE = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [\t\x20-\x7e\x80-\xff]*")
_HEADS = ResponseHeads("test", lambda: 0.0)
"""One for all examples: what it remembers must not show."""


@given(_STATUSES, st.lists(_PAIRS, max_size=5))
@example("", [("", "")])  # a fuzzer's: once it was taken for a head that had been rendered before
def test_any_response_is_checked_lines_or_an_error(status, fields):
    """No value of an application splits a response, frames it, or is lost."""
    answers = [_rendered(heads, status, fields) for heads in (ResponseHeads("test", lambda: 0.0), _HEADS, _HEADS)]
    assert answers[0] == answers[1] == answers[2]
    if isinstance(answers[0], ApplicationError | str):
        return
    first, *lines = answers[0].block.removesuffix("\r\n").split("\r\n")
    assert re.fullmatch(r"HTTP/1\.1 [2-5][0-9][0-9] [\t\x20-\x7e\x80-\xff]*", first)
    assert all(_LINE.fullmatch(line) for line in lines)
    names = [line.partition(":")[0].lower() for line in lines]
    assert not set(names) & {"content-length", "connection", "transfer-encoding", "te"}
    assert "date" in names and "server" in names
    sent = [name.lower() for name, _ in fields if name.lower() not in ("content-length", "connection")]
    assert names[: len(sent)] == sent


def _rendered(heads, status, fields):
    try:
        return heads.render(status, fields)
    except ApplicationError as error:
        return str(error)


@given(_TEXT | st.integers(min_value=0, max_value=10**18 - 1).map(str))
def test_any_content_length_is_a_number_or_an_error(value):
    try:
        length = headers.content_length(value)
    except ApplicationError:
        return
    assert str(length) == value.lstrip("0").rjust(1, "0")


# --- Routes ---


@implementer(IResponder)
class Nobody:
    """Answers nothing."""

    def respond(self, exchange: IExchange) -> None:
        """Leave it."""


_SEGMENTS = st.lists(st.sampled_from(["a", "b", "ab", "", "..", "\xe9"]), max_size=4)
_PATHS = _SEGMENTS.map(lambda segments: "/" + "/".join(segments))


@given(st.lists(_PATHS, unique_by=lambda prefix: prefix.rstrip("/"), max_size=5), _PATHS | st.just("*"))
def test_the_longest_mount_that_holds_whole_segments_answers(prefixes, path):
    mounts, fallback, server = {prefix.rstrip("/"): Nobody() for prefix in prefixes}, Nobody(), Nobody()
    prefix, responder = Routes(list(mounts.items()), fallback, server).find(path)
    fitting = [each for each in mounts if (path + "/").startswith(each + "/")]
    if fitting:
        assert prefix == max(fitting, key=len)
        assert responder is mounts[prefix]
    else:
        assert (prefix, responder) == ("", server if path == "*" else fallback)
