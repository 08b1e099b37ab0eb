"""Ports without TLS send clients to the https URL, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from wsgicontainer.http.redirect import Redirecting, https_url
from wsgicontainer.interfaces import IExchange
from wsgicontainer.testing import MemoryExchange, make_request


class Serving:
    def respond(self, exchange: IExchange) -> None:
        exchange.reply(exchange.prepare("200 OK", []), b"served")


def answered(target: str, host: str | None = "a.example", scheme: str = "http", port: int = 443) -> MemoryExchange:
    exchange = MemoryExchange(make_request("GET", target, {} if host is None else {"HTTP_HOST": host}))
    exchange.template.update({"wsgi.url_scheme": scheme, "SERVER_PORT": "80"})
    serving: Any = Serving()
    Redirecting(serving, lambda: port).respond(exchange)
    return exchange


@pytest.mark.parametrize(
    ("target", "host", "location"),
    [
        ("/a%20b?c=d&e", "a.example", "https://a.example/a%20b?c=d&e"),
        ("/", "a.example:80", "https://a.example/"),
        ("//b.example/", "a.example", "https://a.example//b.example/"),
        ("http://c.example?x", "a.example", "https://a.example/?x"),
        ("HTTP://c.example:1/x", "[2001:db8::1]:80", "https://[2001:db8::1]/x"),
    ],
)
def test_host_path_and_query_stay(target: str, host: str, location: str) -> None:
    exchange = answered(target, host)
    assert exchange.code == 308
    assert exchange.field("Location") == location


@pytest.mark.parametrize("host", [None, "", ":80"])
def test_a_client_that_names_no_host_can_be_sent_nowhere(host: str | None) -> None:
    assert answered("/", host).code == 400


def test_what_came_over_tls_and_what_proves_our_name_is_served() -> None:
    assert answered("/", scheme="https").body == b"served"
    assert answered("/.well-known/acme-challenge/token").body == b"served"
    assert answered("/.well-known/acme-challenges").code == 308


@pytest.mark.parametrize(
    "target",
    ["", "../x", "a/../../x", "%2e%2e/x", "a%2f..%2fx", "a/b", "..%5cx", "a.b", "a%00", "%2e%2e%2fx", ";/x", "a%0a"],
)
def test_only_a_challenge_is_served_without_tls(target: str) -> None:
    """A path that could be taken for another one is no challenge: nothing else of the site is to be had this way."""
    exchange = answered(f"/.well-known/acme-challenge/{target}")
    assert (exchange.code, exchange.field("Location")) == (
        308,
        f"https://a.example/.well-known/acme-challenge/{target}",
    )


@pytest.mark.parametrize(
    ("asked", "local", "port", "url"),
    [
        ("", "80", 443, "https://h"),
        ("", "80", 8443, "https://h:8443"),
        ("8080", "8080", 8443, "https://h:8443"),
        ("8080", "8080", 0, "https://h"),
        ("", "8080", 8443, "https://h"),
        ("80", "8080", 8443, "https://h"),
    ],
)
def test_ports_that_something_in_front_maps_are_not_told(asked: str, local: str, port: int, url: str) -> None:
    assert https_url("h", asked, local, port) == url
