"""Our command with one more port, on which the reactor answers a health probe: how soon it gets its turn under load.

`PROBE_PORT=9000 python -m probed apps:hello --threads 4`: everything but that port is `python -m wsgicontainer`.
"""

import os

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol

from wsgicontainer.__main__ import main


class Answer(Protocol):
    """Answer whatever is asked, and close."""

    def dataReceived(self, data: bytes) -> None:
        """Say that all is well."""
        self.transport.write(b"HTTP/1.0 200 OK\r\n\r\n")
        self.transport.loseConnection()


if __name__ == "__main__":
    reactor.listenTCP(int(os.environ["PROBE_PORT"]), Factory.forProtocol(Answer), interface="127.0.0.1")
    main()
