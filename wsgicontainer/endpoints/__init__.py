"""Endpoint descriptions: what an operator writes after `--port` becomes a Twisted server endpoint."""

from wsgicontainer.endpoints.describe import Circumstances, endpoint_for
from wsgicontainer.endpoints.passed import Passed, passed_sockets

__all__ = ["Circumstances", "Passed", "endpoint_for", "passed_sockets"]
