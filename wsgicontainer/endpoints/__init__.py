"""Endpoint descriptions: what an operator writes after `--port` becomes a Twisted server endpoint."""

from wsgicontainer.endpoints.describe import endpoint_for

__all__ = ["endpoint_for"]
