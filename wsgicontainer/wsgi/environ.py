"""The environ of one request (PEP 3333, RFC 3875 section 4.1). Pure."""

from __future__ import annotations

from typing import Any

from wsgicontainer.interfaces import IExchange

_OF_A_REQUEST = (
    "REQUEST_METHOD",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
    "SERVER_PROTOCOL",
    "REQUEST_URI",
    "RAW_URI",
    "wsgi.input",
    "wsgicontainer.request_id",
    "wsgicontainer.disconnected",
)


def template_for(errors: Any, file_wrapper: Any, *, multiprocess: bool) -> dict[str, Any]:
    """Return what every environ of this process starts from; `errors` is a text stream that any thread may write to."""
    # The keys of environ_for stand here too: a copy then has room for them, and setting them is no insertion.
    return {
        **dict.fromkeys(_OF_A_REQUEST, ""),
        "SERVER_SOFTWARE": "wsgicontainer",
        "wsgi.version": (1, 0),
        "wsgi.errors": errors,
        "wsgi.multithread": True,
        "wsgi.multiprocess": multiprocess,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": file_wrapper,
    }


def environ_for(exchange: IExchange) -> dict[str, Any]:
    """Return a new environ: the connection's part, which begins with `template_for`, then this request's."""
    request = exchange.request
    environ = exchange.template.copy()
    environ.update(request.fields)
    prefix = exchange.prefix
    environ["REQUEST_METHOD"] = request.method
    environ["SCRIPT_NAME"] = prefix
    environ["PATH_INFO"] = request.path[len(prefix) :] if prefix else request.path
    environ["QUERY_STRING"] = request.query
    environ["SERVER_PROTOCOL"] = request.protocol
    environ["REQUEST_URI"] = environ["RAW_URI"] = request.target
    environ["wsgi.input"] = exchange.content
    environ["wsgicontainer.request_id"] = exchange.request_id
    environ["wsgicontainer.disconnected"] = exchange.gone
    return environ
