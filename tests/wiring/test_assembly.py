"""Assembly: what the service is made of, and that it also stands where there is no epoll."""

import subprocess
import sys

from authority import Authority
from twisted.application.service import MultiService
from twisted.internet.testing import MemoryReactorClock

from wsgicontainer import Settings
from wsgicontainer.assembly import makeService


class Reactor(MemoryReactorClock):
    """With the one method more that threads need."""

    def callFromThread(self, call, *args):
        self.callLater(0, call, *args)


def test_the_children_have_names(tmp_path):
    """Who composes the server into a service of their own finds its parts by name."""
    settings = Settings(
        wsgi="wsgiref.simple_server:demo_app",
        access_log=str(tmp_path / "log"),
        pid_file=str(tmp_path / "pid"),
        timers=["60=time:time"],
    )
    service = makeService(settings, Reactor())
    assert isinstance(service, MultiService)
    names = [child.name for child in service]
    assert names == ["signals", "pid-file", "access-log", "threads", "timers", "web"]
    assert service.getServiceNamed("web").name == "web"
    assert not list(tmp_path.iterdir())  # nothing is opened before the start


def test_a_deadline_is_a_service_of_its_own():
    """Without --timeout nothing of it is there."""
    service = makeService(Settings(wsgi="wsgiref.simple_server:demo_app", timeout=30), Reactor())
    assert [child.name for child in service] == ["signals", "threads", "deadlines", "web"]


def test_certificates_are_a_service_if_a_port_needs_them(tmp_path, monkeypatch):
    """They are looked at twice a second; a port beside them without TLS has none."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    Authority(tmp_path).write(tmp_path / "certificates", "a.example")
    ports = (f"txsni:{tmp_path}/certificates:tcp:1", "tcp:2")
    service = makeService(Settings(wsgi="wsgiref.simple_server:demo_app", ports=ports), Reactor())
    assert [child.name for child in service] == ["signals", "threads", "certificates", "web"]
    assert service.getServiceNamed("certificates").step == 0.5
    assert [each.secure for each in service.getServiceNamed("web")._listeners] == [True, False]


def test_it_stands_without_epoll():
    """On a platform without epoll everything imports, and connections live on Twisted's transports."""
    script = """
import os, select
for name in [name for name in dir(select) if name.lower().startswith("epoll")]:
    delattr(select, name)
del os.eventfd
from twisted.internet import reactor
from wsgicontainer import Settings, assembly
from wsgicontainer.assembly.core import nest_of
from wsgicontainer.errors import ConfigurationError
settings = Settings(wsgi="wsgiref.simple_server:demo_app")
assert nest_of(settings) is None
assembly.makeService(settings, reactor)
try:
    nest_of(Settings(wsgi="x:y", transport="nested"))
except ConfigurationError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "--transport" in done.stdout
