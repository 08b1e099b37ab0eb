"""A socket that a supervisor holds is left as it is: for the supervisor, and for the next process."""

import os
import socket
import stat

import pytest
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.protocol import Factory, Protocol

from wsgicontainer.endpoints.adopted import AdoptedEndpoint
from wsgicontainer.errors import BootError


def listen(descriptor: int) -> object:
    """Have a reactor that never runs listen, stop, and return what it listened on."""
    ports: list = []
    reactor = EPollReactor()
    endpoint = AdoptedEndpoint(reactor, lambda: os.dup(descriptor), 7)
    endpoint.listen(Factory.forProtocol(Protocol)).addCallback(ports.append)
    host = ports[0].getHost()
    ports[0].connectionLost(None)
    reactor.removeAll()
    return host


def test_a_unix_socket_keeps_its_file_its_mode_and_its_listening(tmp_path):
    """Twisted's own adopting changes the mode, shuts down and removes: the next process would have no clients."""
    path = str(tmp_path / "site.sock")
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(path)
        held.listen()
        os.chmod(path, 0o640)
        assert listen(held.fileno()).name == path.encode()
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(path)


@pytest.mark.parametrize(("family", "name"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_the_family_is_the_sockets_own(family, name):
    with socket.create_server((name, 0), family=family) as held:
        assert listen(held.fileno()).host == name
        socket.create_connection((name, held.getsockname()[1]), timeout=5).close()


def test_what_can_not_be_found_fails_the_listening():
    def find():
        raise BootError("there is none")

    failures: list = []
    AdoptedEndpoint(None, find, 7).listen(Factory()).addErrback(failures.append)
    assert failures[0].check(BootError)
