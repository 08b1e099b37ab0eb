"""What serves, whatever the process is called: threads, connections, the site, the log, timers.

    access-log · threads · deadlines · certificates · timers · web

Runs in: a single process or a worker, reactor thread, before the reactor runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.application.internet import TimerService
from twisted.application.service import Service
from twisted.internet.interfaces import IStreamServerEndpoint

from wsgicontainer.assembly.ports import front_of
from wsgicontainer.assembly.site import load_timers, site_of
from wsgicontainer.connections.nest import POSSIBLE, Nest
from wsgicontainer.connections.overflow import Disk, Room
from wsgicontainer.connections.roll import Roll
from wsgicontainer.connections.taking import Taking
from wsgicontainer.connections.tlswire import Front
from wsgicontainer.deadlines.watch import PERIOD, Patience, Watch
from wsgicontainer.errors import ConfigurationError
from wsgicontainer.http.h1 import Connection
from wsgicontainer.http.health import probes
from wsgicontainer.http.routing import Routes
from wsgicontainer.http.site import Site
from wsgicontainer.http2.requests import Shared
from wsgicontainer.http2.succeeding import successor
from wsgicontainer.process.descriptors import raise_descriptor_limit
from wsgicontainer.process.leaving import WayOut
from wsgicontainer.process.unraisable import without_server_names
from wsgicontainer.serving import AccessLogService, Listener, WebService
from wsgicontainer.settings import Settings
from wsgicontainer.settings.sites import probe_paths
from wsgicontainer.telemetry.accesslog import AccessLog
from wsgicontainer.telemetry.sparing import Sparing
from wsgicontainer.threads import ApplicationThreads
from wsgicontainer.threads.service import ThreadsService
from wsgicontainer.timers.repeating import RepeatingTasks, Timer
from wsgicontainer.tls.ports import Presented

CERTIFICATES_LOOK = 0.5
"""Seconds between looks at what has changed of the certificates: a renewal is served within a second."""


@frozen
class Prepared:
    """What was made before the fork; a single process makes all of it at once."""

    settings: Settings
    presented: Presented | None
    reactor: str = ""
    """The module of the reactor that a worker installs; then a supervisor has made it, and counts for timers."""
    routes: Routes | None = None
    """None if each worker is to import the application."""
    timers: list[Timer] | None = None


@frozen
class Core:
    """What serves, whatever the process is called."""

    settings: Settings
    nest: Nest | None
    threads: ApplicationThreads
    log: AccessLog | None
    watch: Watch | None
    presented: Presented | None
    timers: RepeatingTasks | None
    site: Site
    room: Room
    web: WebService
    way_out: WayOut

    def children(self, reactor: Any) -> list[Service]:
        """Return the services, in the order of their start."""
        children: list[Service] = []
        if self.log is not None:
            children.append(AccessLogService(self.log, reactor))
        children.append(ThreadsService(self.threads, reactor, self.nest, self.way_out))
        if self.watch is not None:
            children.append(_repeating("deadlines", PERIOD, self.watch.sweep, reactor))
        if self.presented is not None:
            sys.unraisablehook = without_server_names(sys.unraisablehook)
            children.append(_repeating("certificates", CERTIFICATES_LOOK, self.presented.look, reactor))
        if self.timers is not None:
            children.append(self.timers)
        return [*children, self.web]

    def listener(
        self, port: str, endpoint: IStreamServerEndpoint, *, early: bool = True, shared: bool | None = None
    ) -> Listener:
        """Return a port whose connections are the site's; `shared` says how, if another process holds its socket."""
        front = front_of(self.settings, self.presented, port)
        taking = self.taking(self.site, front)
        held = shared is not None
        return Listener(port, endpoint, taking, front is not None, early, held=held, shared=bool(shared))

    def taking(self, site: Site, front: Front | None) -> Taking:
        """Return what takes connections for a site."""
        return Taking(lambda wire: Connection(site, wire), self.nest, self.web.reactor, self.room, front)

    def reopen(self) -> None:
        """Open the access log's file anew: it may have been moved away."""
        if self.log is not None:
            self.log.reopen()

    def described(self) -> str:
        """Say in a line what the server is at."""
        threads = self.threads
        return f"{threads.left()} threads, {self.web.connections()} connections, {threads.waiting()} requests wait"


def core_of(prepared: Prepared, reactor: Any, way_out: WayOut, replace: Callable[[], None]) -> Core:
    """Make what serves; the application is imported now, if it is not `prepared`."""
    settings = prepared.settings
    nest = nest_of(settings)
    threads = ApplicationThreads(
        reactor, nest, least=settings.min_threads, most=settings.threads, longest_queue=settings.max_queue
    )
    log = _access_log(settings, reactor)
    watch = _watch(settings, threads, replace)
    roll = Roll(raise_descriptor_limit(settings.max_connections))
    site = site_of(settings, watch or threads, roll, log, prepared.routes)
    site.template["wsgi.multiprocess"] = bool(prepared.reactor)
    if nest is not None:
        site.moment = nest.moment
    room = Room(settings.output_buffer, settings.send_timeout, Disk(settings.output_disk))
    if "h2" in settings.http_protocols:
        site.successor = successor(_streams(settings, room, roll, reactor))
    timers = _timers(prepared, threads, reactor)
    web = WebService(reactor, [], site, roll, settings.graceful_timeout)
    if settings.health is not None:  # nothing stands before them: who asks is a machine beside us
        site.routes = site.routes.beside(probes(probe_paths(settings.health), web.ready))
    return Core(settings, nest, threads, log, watch, prepared.presented, timers, site, room, web, way_out)


def nest_of(settings: Settings) -> Nest | None:
    """Return the nested set of connections, or None where connections stay on Twisted's transports."""
    if settings.transport == "nested" and not POSSIBLE:
        raise ConfigurationError("--transport nested needs Linux's epoll; leave it out or write --transport twisted")
    return Nest() if POSSIBLE and settings.transport != "twisted" else None


def _access_log(settings: Settings, reactor: Any) -> AccessLog | None:
    if settings.access_log is None:
        return None
    return AccessLog(settings.access_log, settings.access_log_format, reactor.callFromThread)


def _watch(settings: Settings, threads: ApplicationThreads, replace: Callable[[], None]) -> Watch | None:
    """Return who looks at requests' deadlines, if they have any."""
    if not settings.timeout:
        return None
    most_stuck = settings.max_stuck_threads or settings.threads
    return Watch(threads, Patience(settings.timeout, most_stuck), replace)


def _streams(settings: Settings, room: Room, roll: Roll, reactor: Any) -> Shared:
    """Return what all connections of HTTP/2 share."""
    sparing = Sparing(lambda seconds, call: reactor.callFromThread(reactor.callLater, seconds, call))
    return Shared(settings.max_concurrent_streams, room, roll.room() // 2, sparing=sparing)


def _timers(prepared: Prepared, threads: ApplicationThreads, reactor: Any) -> RepeatingTasks | None:
    if not prepared.settings.timers:
        return None
    found = prepared.timers if prepared.timers is not None else load_timers(prepared.settings)
    return RepeatingTasks(found, threads, None if prepared.reactor else reactor)


def _repeating(name: str, seconds: float, do: Callable[[], object], reactor: Any) -> TimerService:
    service = TimerService(seconds, do)
    service.clock = reactor
    service.setName(name)
    return service
