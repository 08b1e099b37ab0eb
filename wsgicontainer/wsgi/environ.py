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
    "wsgi.early_hints",
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
    """Return a new environ.

    What a head says is put together once if the head comes again, as it does from pollers, probes and mobile apps:
    then a request costs a copy and two stores (1,800 instructions of 8,000).
    """
    request = exchange.request
    if request.environ is None:
        request.environ = {}
        environ = _of_head(exchange)
    else:
        if not request.environ:
            request.environ = _of_head(exchange)
        environ = request.environ.copy()
    environ["wsgi.input"] = exchange.content
    environ["wsgicontainer.request_id"] = exchange.request_id
    environ["wsgi.early_hints"] = exchange.early_hints
    return environ


def _of_head(exchange: IExchange) -> dict[str, Any]:
    """Return the connection's part, which begins with `template_for`, then what this head says."""
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
    return environ
