"""The longest prefix that matches whole segments answers."""

from __future__ import annotations

import pytest
from zope.interface import implementer
from zope.interface.verify import verifyObject

from wsgicontainer.http.routing import Routes
from wsgicontainer.interfaces import IExchange, IResponder


@implementer(IResponder)
class Named:
    def __init__(self, name: str) -> None:
        self.name = name

    def respond(self, exchange: IExchange) -> None:
        """Answer nothing: routing only finds it."""


verifyObject(IResponder, Named("x"))
ROUTES = Routes(
    [("/a", Named("a")), ("/a/b", Named("ab")), ("/static/", Named("static"))], Named("fallback"), Named("server")
)


@pytest.mark.parametrize(
    ("path", "prefix", "name"),
    [
        ("/", "", "fallback"),
        ("/a", "/a", "a"),
        ("/a/", "/a", "a"),
        ("/a/c", "/a", "a"),
        ("/ab", "", "fallback"),
        ("/A", "", "fallback"),
        ("/a/b", "/a/b", "ab"),
        ("/a/b/c", "/a/b", "ab"),
        ("/a/bc", "/a", "a"),
        ("/static", "/static", "static"),
        ("/static/x", "/static", "static"),
        ("//a", "", "fallback"),
        ("*", "", "server"),
    ],
)
def test_routes(path, prefix, name):
    found, responder = ROUTES.find(path)
    assert (found, responder.name) == (prefix, name)


def test_a_mount_at_the_root_takes_paths_but_not_the_server():
    """`OPTIONS *` asks about the server, whatever is mounted (RFC 9110 section 9.3.7)."""
    routes = Routes([("/", Named("root"))], Named("fallback"), Named("server"))
    assert [routes.find(path)[1].name for path in ("/", "/x", "*")] == ["root", "root", "server"]
    assert routes.find("/x")[0] == ""


def test_something_may_stand_before_every_responder_but_the_servers_own():
    routes = Routes([("/one", Named("one"))], Named("other"), Named("own"))
    routes = routes.behind(lambda responder: Named(f"before {responder.name}"))
    found = [routes.find(path)[1].name for path in ("/one/x", "/x", "*")]
    assert found == ["before one", "before other", "own"]
