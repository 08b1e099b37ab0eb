"""The environ of one request (PEP 3333, RFC 3875 section 4.1). Pure."""

from __future__ import annotations

from typing import Any

from wsgicontainer.interfaces import IExchange


def environ_for(exchange: IExchange, constants: dict[str, Any]) -> dict[str, Any]:
    """Return a new environ: the connection's part, the application's constants, then this request's.

    `constants` are the keys that are the same for all requests of an application.
    """
    request = exchange.request
    environ = exchange.template.copy()
    environ.update(constants)
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
