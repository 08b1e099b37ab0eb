"""start_response, stepped: what may follow what, and what is sent when."""

from __future__ import annotations

import sys

import pytest

from wsgicontainer.errors import ApplicationError
from wsgicontainer.testing import MemoryExchange, make_request
from wsgicontainer.wsgi.response import ExcInfo, Response


@pytest.fixture
def exchange() -> MemoryExchange:
    return MemoryExchange(make_request("GET", "/"))


@pytest.fixture
def response(exchange) -> Response:
    response = Response()
    response.exchange = exchange
    return response


def exc_info(text: str = "the reason") -> ExcInfo:
    try:
        raise ValueError(text)
    except ValueError:
        return sys.exc_info()  # type: ignore[return-value]


def test_nothing_is_sent_before_content(exchange, response):
    response.start_response("200 OK", [])
    response.write(b"")
    assert not exchange.started
    response.write(b"a")
    assert (exchange.started, exchange.body) == (True, b"a")
    response.write(b"")
    response.write(b"b")
    response.finish()
    assert (exchange.body, exchange.finished) == (b"ab", True)


def test_the_callable_it_returns_writes(exchange, response):
    write = response.start_response("200 OK", [("X", "y")])
    write(b"a")
    response.whole(b"b")
    assert (exchange.body, exchange.finished, exchange.field("X")) == (b"ab", True, "y")


def test_a_response_without_content_is_begun_and_ended(exchange, response):
    response.start_response("200 OK", [])
    response.finish()
    assert (exchange.code, exchange.finished) == (200, True)


def test_one_whole_content(exchange, response):
    response.start_response("200 OK", [])
    response.whole(b"all")
    assert (exchange.body, exchange.finished) == (b"all", True)


@pytest.mark.parametrize("way", ["write", "finish", "whole"])
def test_never_called(way, exchange, response):
    with pytest.raises(ApplicationError, match="without calling start_response"):
        getattr(response, way)(*([] if way == "finish" else [b"a"]))
    assert not exchange.started


@pytest.mark.parametrize("content", [b"", b"a"])
def test_twice_without_exc_info(content, exchange, response):
    response.start_response("200 OK", [])
    response.write(content)
    with pytest.raises(ApplicationError, match="twice"):
        response.start_response("404 Not Found", [])


def test_exc_info_before_output_replaces_the_head(exchange, response):
    response.start_response("200 OK", [("X", "y")])
    response.start_response("500 Oops", [], exc_info())
    response.whole(b"sorry")
    assert (exchange.code, exchange.field("X"), exchange.body) == (500, None, b"sorry")


def test_exc_info_after_output_is_raised_anew(exchange, response):
    """With its own traceback, and the head stays."""
    response.start_response("200 OK", [])
    response.write(b"a")
    with pytest.raises(ValueError, match="the reason") as raised:
        response.start_response("500 Oops", [], exc_info())
    assert "exc_info" in [entry.name for entry in raised.traceback]
    assert exchange.code == 200


def test_exc_info_on_the_first_call(exchange, response):
    response.start_response("500 Oops", [], exc_info())
    response.finish()
    assert exchange.code == 500


def test_a_head_that_may_not_be_sent_changes_nothing(exchange, response):
    with pytest.raises(ApplicationError):
        response.start_response("200 OK", [("X", "a\r\nb")])
    response.start_response("404 Not Found", [])
    with pytest.raises(ApplicationError):
        response.start_response("bad", [], exc_info())
    response.finish()
    assert exchange.code == 404


def test_what_was_begun_but_not_sent_gives_way(exchange, response):
    """write() of something unfit sends nothing; an application that catches it may still say 500."""
    started: list[str] = []

    def start(head) -> None:
        started.append(head.status)

    def write(data) -> None:
        if not isinstance(data, bytes):
            raise ApplicationError("content must be bytes")
        exchange.body += data

    exchange.start, exchange.write = start, write
    send = response.start_response("200 OK", [])
    with pytest.raises(ApplicationError):
        send("text")
    response.start_response("500 Oops", [], exc_info())
    response.write(b"sorry")
    assert started == ["200 OK", "500 Oops"]
    assert exchange.body == b"sorry"
