"""Endpoint descriptions: what an operator writes after `--port` becomes a Twisted server endpoint.

`describe` reads them; `adopted` listens on sockets that others have opened, `passed` are systemd's; `held` opens
sockets for other processes; `trying` asks whether a start could; `proxied` and `proxyheader` are `haproxy:`.
"""

from wsgicontainer.endpoints.describe import Circumstances, endpoint_for
from wsgicontainer.endpoints.held import HeldPort, held_endpoint, inherited
from wsgicontainer.endpoints.passed import Passed, passed_sockets

__all__ = ["Circumstances", "HeldPort", "Passed", "endpoint_for", "held_endpoint", "inherited", "passed_sockets"]
