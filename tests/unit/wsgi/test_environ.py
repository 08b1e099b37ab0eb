"""The environ says what PEP 3333 and RFC 3875 want, and nothing of one request is seen by another."""

from __future__ import annotations

import io

import pytest

from wsgicontainer.testing import MemoryExchange, make_request
from wsgicontainer.wsgi.environ import environ_for, template_for

ERRORS = io.StringIO()


def exchange(target: str = "/a%20b?c=%20", prefix: str = "", **fields: str) -> MemoryExchange:
    one = MemoryExchange(make_request("POST", target, fields), prefix, b"content")
    one.template = {**template_for(ERRORS, list, multiprocess=False), "REMOTE_ADDR": "192.0.2.1"}
    return one


def test_a_whole_environ():
    one = exchange(HTTP_HOST="h", CONTENT_TYPE="t", CONTENT_LENGTH="7")
    assert environ_for(one) == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b",
        "QUERY_STRING": "c=%20",
        "CONTENT_TYPE": "t",
        "CONTENT_LENGTH": "7",
        "HTTP_HOST": "h",
        "REMOTE_ADDR": "192.0.2.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "wsgicontainer",
        "REQUEST_URI": "/a%20b?c=%20",
        "RAW_URI": "/a%20b?c=%20",
        "wsgi.version": (1, 0),
        "wsgi.input": one.content,
        "wsgi.errors": ERRORS,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": list,
        "wsgicontainer.request_id": "0123456789abcdef",
        "wsgi.early_hints": one.early_hints,
    }


@pytest.mark.parametrize(
    ("prefix", "target", "script_name", "path_info"),
    [
        ("", "/", "", "/"),
        ("", "/caf%C3%A9", "", "/caf\xc3\xa9"),
        ("/app", "/app", "/app", ""),
        ("/app", "/app/", "/app", "/"),
        ("/app", "/app/x/y", "/app", "/x/y"),
        ("/app", "/%61pp/x", "/app", "/x"),
    ],
)
def test_a_mount_s_prefix_is_its_script_name(prefix, target, script_name, path_info):
    """SCRIPT_NAME and PATH_INFO together are always the decoded path."""
    environ = environ_for(exchange(target, prefix))
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (script_name, path_info)


def test_each_request_has_its_own():
    """An application may do with its environ what it likes."""
    one = exchange(HTTP_HOST="h")
    for _ in range(4):  # also what is put together once for a head that comes again
        again = environ_for(one)
        assert (again["HTTP_HOST"], again["REMOTE_ADDR"], again["wsgi.version"]) == ("h", "192.0.2.1", (1, 0))
        again["HTTP_HOST"] = again["REMOTE_ADDR"] = again["wsgi.errors"] = "spoilt"
        again.pop("wsgi.version")
    assert one.request.fields == {"HTTP_HOST": "h"}


def test_a_head_that_comes_again_has_the_same_environ_but_for_content_and_name():
    one = exchange(HTTP_HOST="h")
    first = environ_for(one)
    for number in range(3):
        one.content, one.request_id = io.BytesIO(), str(number)
        assert environ_for(one) == {**first, "wsgi.input": one.content, "wsgicontainer.request_id": str(number)}


def test_many_processes():
    assert template_for(ERRORS, list, multiprocess=True)["wsgi.multiprocess"] is True
