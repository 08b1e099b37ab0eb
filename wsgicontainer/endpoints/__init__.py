"""Endpoint descriptions: what an operator writes after `--port` becomes a Twisted server endpoint.

`describe` reads them; `held` opens their sockets for other processes, and listens on such; `proxied` and `proxyheader`
are `haproxy:`.
"""

from wsgicontainer.endpoints.describe import endpoint_for
from wsgicontainer.endpoints.held import HeldPort, held_endpoint, inherited

__all__ = ["HeldPort", "endpoint_for", "held_endpoint", "inherited"]
