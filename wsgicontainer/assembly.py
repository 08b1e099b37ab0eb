"""Settings + reactor -> one MultiService. The one place that knows everybody; reads top to bottom.

    watchdog · signals · identity · pid-file · access-log · threads · deadlines · certificates · timers · web · notices

They start in this order and stop in the opposite one. Ports are opened before all of that (`privilegedStartService`).

Runs in: reactor thread, before the reactor runs.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from twisted.application.internet import TimerService
from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.connections.nest import POSSIBLE, Nest
from wsgicontainer.connections.overflow import Disk, Room
from wsgicontainer.connections.ownership import Ownership
from wsgicontainer.connections.roll import Roll
from wsgicontainer.connections.taking import Taking
from wsgicontainer.connections.tlswire import Front
from wsgicontainer.deadlines.exchange import TimedExchange
from wsgicontainer.deadlines.watch import PERIOD, Patience, Watch
from wsgicontainer.endpoints import Circumstances, Passed, endpoint_for, passed_sockets
from wsgicontainer.errors import ConfigurationError
from wsgicontainer.http.exchange import Exchange
from wsgicontainer.http.forwarding import Proxies
from wsgicontainer.http.h1 import Connection
from wsgicontainer.http.head import HeadLimits, HeadParser
from wsgicontainer.http.health import probes
from wsgicontainer.http.redirect import Redirecting
from wsgicontainer.http.responses import ResponseHeads
from wsgicontainer.http.routing import Routes
from wsgicontainer.http.site import Clocks, ContentLimits, Site
from wsgicontainer.http2.connection import successor
from wsgicontainer.http2.requests import Shared
from wsgicontainer.interfaces import IApplicationThreads, IExchange, IOperatorNotices, IResponder
from wsgicontainer.process import init, prctl, privileges
from wsgicontainer.process.descriptors import raise_descriptor_limit
from wsgicontainer.process.identity import Identity, check_spool, tell_unreadable_interpreter
from wsgicontainer.process.leaving import Leaving
from wsgicontainer.process.memory import keep_freed_memory
from wsgicontainer.process.notify import notices_from
from wsgicontainer.process.pidfile import PidFile
from wsgicontainer.process.privileges import Account
from wsgicontainer.process.signals import SignalHandlers
from wsgicontainer.process.unraisable import without_server_names
from wsgicontainer.serving import Listener, OrderedService, Telling, Watchdog, WebService
from wsgicontainer.settings import Settings
from wsgicontainer.settings.listening import alpn
from wsgicontainer.settings.securing import is_file, secured, tls_of
from wsgicontainer.settings.sites import probe_paths
from wsgicontainer.static.mount import StaticMount
from wsgicontainer.telemetry.accessline import compile_format
from wsgicontainer.telemetry.accesslog import AccessLog
from wsgicontainer.telemetry.sparing import Sparing
from wsgicontainer.threads import ApplicationThreads
from wsgicontainer.threads.pool import LINGER
from wsgicontainer.timers.repeating import RepeatingTasks, Timer
from wsgicontainer.tls.clients import described
from wsgicontainer.tls.contexts import Policy
from wsgicontainer.tls.ports import Presented
from wsgicontainer.wsgi.application import FileWrapper, WSGIApplication
from wsgicontainer.wsgi.environ import template_for
from wsgicontainer.wsgi.errors import ErrorsStream
from wsgicontainer.wsgi.loading import load, make_importable

_log = Logger()
LOG_FLUSH = 0.5
"""Seconds between batches of access-log lines."""
QUEUE_SWEEP = 1.0
"""Seconds between looks for requests that have waited too long for a thread."""
CERTIFICATES_LOOK = 0.5
"""Seconds between looks at what has changed of the certificates: a renewal is served within a second."""
ENDING = 20
"""Lingers of a leader that the end of the threads is waited for: those that are free need one."""


def makeService(settings: Settings, reactor: Any) -> MultiService:
    """Return the server, ready to start: a MultiService with named children.

    Imports the application, but listens nowhere and starts no thread. Raises ConfigurationError, and its kind LoadError
    if the application does not import.
    """
    pids = [os.getpid(), *([os.getppid()] if settings.init else [])]  # whom systemd has started may be init now
    notices, passed = notices_from(os.environ), passed_sockets(os.environ, pids)
    _enter(settings)
    container = OrderedService()
    nest = _nest(settings)
    threads = ApplicationThreads(
        reactor, nest, least=settings.min_threads, most=settings.threads, longest_queue=settings.max_queue
    )
    log = _access_log(settings, reactor)
    way_out = _WayOut(reactor)
    watch = _watch(settings, threads, way_out)
    presented = _presented(settings)
    web = _web(settings, _circumstances(settings, reactor, passed), nest, watch or threads, log, presented)
    reload = _reload(notices, log, presented)
    children: list[Service] = [SignalHandlers(reactor, _signals(way_out, web, log, reload))]
    account = _account(settings)
    steps = _steps(settings, account, presented)
    if steps:
        children.append(Identity(steps))
    if settings.pid_file is not None:
        children.append(PidFile(settings.pid_file, account is None))
    if log is not None:
        children.append(_AccessLogService(log, reactor))
    children.append(_ThreadsService(threads, reactor, nest, way_out))
    if watch is not None:
        children.append(_repeating("deadlines", PERIOD, watch.sweep, reactor))
    if presented is not None:
        sys.unraisablehook = without_server_names(sys.unraisablehook)
        children.append(_repeating("certificates", CERTIFICATES_LOOK, presented.look, reactor))
    if settings.timers:
        children.append(RepeatingTasks(_timers(settings), threads, reactor))
    children.append(web)
    for child in _told(children, notices, reactor, threads, web):
        child.setServiceParent(container)
    return container


def check(settings: Settings) -> None:
    """Do everything that makeService does, but start nothing: for --check-config. Raises ConfigurationError."""
    from twisted.internet.testing import MemoryReactorClock

    _enter(settings)
    compile_format(settings.access_log_format)
    _routes(settings)
    _timers(settings)
    _presented(settings)
    at = _circumstances(settings, MemoryReactorClock(), Passed([]))
    for port in settings.ports:
        _endpoint(port, at)


# The parts


def _enter(settings: Settings) -> None:
    """Make the working directory and the environment what the application will find."""
    if settings.chdir is not None:
        try:
            os.chdir(settings.chdir)
        except OSError as error:
            raise ConfigurationError(
                f"--chdir {settings.chdir} can't be entered ({error.strerror}); name a folder that exists"
            ) from None
    _set_umask(settings)
    os.environ.update(dict(settings.env))
    make_importable(os.getcwd(), sys.path)


def _set_umask(settings: Settings) -> None:
    if settings.umask is not None:
        os.umask(int(settings.umask, 8))


def _account(settings: Settings) -> Account | None:
    """Return whom the server is to become; None if it stays who it is. Raises ConfigurationError."""
    if settings.user is None and settings.group is None:
        return None
    running = os.geteuid(), os.getegid()
    return privileges.account_for(settings.user, settings.group, privileges.system_accounts(), running)


def _steps(settings: Settings, account: Account | None, presented: Presented | None) -> list[Callable[[], object]]:
    """Return what makes the process what it is to be, once its ports are open."""
    steps: list[Callable[[], object]] = []
    if settings.umask is not None:
        steps.append(lambda: _set_umask(settings))  # once more: a daemon's fork has set one
    if account is not None:
        label = account.label
        steps += [lambda: privileges.shed(account), lambda: check_spool(label)]
        steps.append(lambda: tell_unreadable_interpreter(label))
        if presented is not None:
            steps.append(lambda: presented.tell_unreadable(label))
    if settings.name is not None:
        title = settings.name
        steps.append(lambda: prctl.set_title(title))
    if settings.init:
        parent = os.getppid()
        steps.append(lambda: init.follow(parent))
    return steps


def _nest(settings: Settings) -> Nest | None:
    """Return the nested set of connections, or None where connections stay on Twisted's transports."""
    if settings.transport == "nested" and not POSSIBLE:
        raise ConfigurationError("--transport nested needs Linux's epoll; leave it out or write --transport twisted")
    return Nest() if POSSIBLE and settings.transport != "twisted" else None


def _access_log(settings: Settings, reactor: Any) -> AccessLog | None:
    if settings.access_log is None:
        return None
    return AccessLog(settings.access_log, settings.access_log_format, reactor.callFromThread)


def _watch(settings: Settings, threads: ApplicationThreads, way_out: _WayOut) -> Watch | None:
    """Return who looks at requests' deadlines, if they have any."""
    if not settings.timeout:
        return None
    most_stuck = settings.max_stuck_threads or settings.threads
    return Watch(threads, Patience(settings.timeout, most_stuck), way_out.replace)


def _repeating(name: str, seconds: float, do: Callable[[], object], reactor: Any) -> TimerService:
    service = TimerService(seconds, do)
    service.clock = reactor
    service.setName(name)
    return service


def _presented(settings: Settings) -> Presented | None:
    """Return what ports with TLS present, certificates read; None if there is no such port. Raises BootError."""
    if not any(tls_of(port, settings.certfile, settings.keyfile) for port in settings.ports):
        return None
    protocols = alpn(settings.http_protocols)
    policy = Policy(settings.tls_min, settings.ciphers, protocols, settings.ca_certs, settings.cert_reqs)
    presented = Presented(policy)
    for port in settings.ports:
        _front(settings, presented, port)
    return presented


def _front(settings: Settings, presented: Presented | None, port: str) -> Front | None:
    """Return what begins the handshakes on a port; None if it has no TLS. Raises BootError."""
    tls = tls_of(port, settings.certfile, settings.keyfile)
    if tls is None or presented is None:
        return None
    label = "--certfile" if tls.inside == port else f"--port {port}"
    context = presented.folder(label, tls.folder) if tls.folder else presented.files(label, tls.files)
    return Front(context, None if settings.cert_reqs == "none" else described)


def _web(
    settings: Settings,
    at: Circumstances,
    nest: Nest | None,
    threads: IApplicationThreads,
    log: AccessLog | None,
    presented: Presented | None,
) -> WebService:
    """Return the service that listens, and looks after the roll of connections."""
    roll = Roll(raise_descriptor_limit(settings.max_connections))
    site = _site(settings, threads, roll, log)
    if nest is not None:
        site.moment = nest.moment
    room = Room(settings.output_buffer, settings.send_timeout, Disk(settings.output_disk))
    if "h2" in settings.http_protocols:
        sparing = Sparing(lambda seconds, call: at.reactor.callFromThread(at.reactor.callLater, seconds, call))
        most = roll.room() // 2
        site.successor = successor(Shared(settings.max_concurrent_streams, room, most, sparing=sparing))
    listeners = []
    for port in settings.ports:
        front = _front(settings, presented, port)
        factory = Taking(lambda wire: Connection(site, wire), nest, at.reactor, room, front)
        early = _account(settings) is None or not is_file(port)
        listeners.append(Listener(port, _endpoint(port, at), factory, front is not None, early))
    web = WebService(at.reactor, listeners, site, roll, settings.graceful_timeout)
    if settings.health is not None:  # nothing stands before them: who asks is a machine beside us
        site.routes = site.routes.beside(probes(probe_paths(settings.health), web.ready))
    return web


def _circumstances(settings: Settings, reactor: Any, passed: Passed) -> Circumstances:
    return Circumstances(reactor, settings.backlog, Proxies(settings.forwarded_allow_ips).trusts, passed)


def _endpoint(port: str, at: Circumstances) -> IStreamServerEndpoint:
    """Return what a port listens on, its TLS taken off."""
    tls = secured(port)
    return endpoint_for(port if tls is None else tls.inside, at)


def _site(settings: Settings, threads: IApplicationThreads, roll: Roll, log: AccessLog | None) -> Site:
    proxies = Proxies(settings.forwarded_allow_ips)
    limits = HeadLimits(settings.limit_request_line, settings.limit_request_fields, settings.limit_request_field_size)
    site = Site(
        parser=HeadParser(limits),
        responses=ResponseHeads("wsgicontainer"),
        routes=_routes(settings),
        threads=threads,
        roll=roll,
        new_ownership=Ownership,
        clocks=Clocks(
            header=settings.header_timeout,
            body=settings.body_timeout,
            body_rate=settings.body_min_rate,
            keep_alive=settings.keep_alive,
            send=settings.send_timeout,
            queue=settings.queue_timeout,
        ),
        limits=ContentLimits(
            most=settings.limit_request_body, in_memory=settings.body_buffer, head=settings.limit_request_head
        ),
        template=template_for(ErrorsStream(), FileWrapper, multiprocess=False),
        access_log=log,
        new_exchange=TimedExchange if settings.timeout else Exchange,
        proxies=proxies if settings.forwarded_allow_ips else None,
        proxied=HeadParser(limits, proxies) if settings.forwarded_allow_ips else None,
        over_tls=None if settings.hsts is None else ResponseHeads("wsgicontainer", hsts=settings.hsts),
    )
    if settings.redirect_https:
        site.routes = site.routes.behind(lambda responder: Redirecting(responder, lambda: site.https_port))
    return site


def _routes(settings: Settings) -> Routes:
    """Load every application, look at every folder: as whom the server becomes."""
    with privileges.acting_as(_account(settings)):
        return _loaded_routes(settings)


def _loaded_routes(settings: Settings) -> Routes:
    statics = [(each.prefix, StaticMount(each.directory, each.index, each.max_age)) for each in settings.statics]
    mounts = [(each.prefix, WSGIApplication(load(each.app, "--mount"))) for each in settings.mounts]
    fallback: IResponder = _Fixed("404 Not Found")
    if settings.wsgi is not None:
        fallback = WSGIApplication(load(settings.wsgi, "--wsgi"))
    server_wide = _Fixed("200 OK", [("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")])
    return Routes([*statics, *mounts], fallback, server_wide)


def _timers(settings: Settings) -> list[Timer]:
    with privileges.acting_as(_account(settings)):
        return [Timer(timer.seconds, load(timer.target, "--timer"), str(timer)) for timer in settings.timers]


class _WayOut:
    """Ends the process, once."""

    def __init__(self, reactor: Any) -> None:
        self._reactor, self._ending = reactor, False
        self.leaving = Leaving()

    def drain(self) -> None:
        """Stop the reactor; the services drain."""
        if not self._ending:
            self._ending = True
            self._reactor.stop()

    def replace(self) -> None:
        """Drain, and have the supervisor start a new process."""
        self.leaving.status = 1
        self.drain()


def _told(
    children: list[Service], notices: IOperatorNotices, reactor: Any, threads: ApplicationThreads, web: WebService
) -> list[Service]:
    """Return the services, and around them those that tell of them."""
    watchdog = [Watchdog(reactor, notices, threads.moving)] if notices.patience is not None else []
    telling = [Telling(reactor, notices, lambda: _described(threads, web))] if notices.heard else []
    return [*watchdog, *children, *telling]


def _described(threads: ApplicationThreads, web: WebService) -> str:
    """Say in a line what the server is at."""
    return f"{threads.left()} threads, {web.connections()} connections, {threads.waiting()} requests wait"


def _reload(notices: IOperatorNotices, log: AccessLog | None, presented: Presented | None) -> Callable[[], None]:
    """Return what takes over all that has changed and does not need a new process: the log's file, certificates."""

    def reload() -> None:
        notices.reloading()
        if log is not None:
            log.reopen()
        if presented is not None:
            presented.look()
        notices.reloaded()

    return reload


def _signals(
    way_out: _WayOut, web: WebService, log: AccessLog | None, reload: Callable[[], None]
) -> dict[signal.Signals, Callable[[], object]]:
    """TERM drains; INT and QUIT, or any second one, end at once; HUP reloads; USR1 reopens the log."""
    asked: list[bool] = []

    def stop(hurry: bool) -> None:
        if hurry or asked:
            web.hurry()
        asked.append(True)
        way_out.drain()

    def reopen() -> None:
        if log is not None:
            log.reopen()

    return {
        signal.SIGTERM: lambda: stop(False),
        signal.SIGINT: lambda: stop(True),
        signal.SIGQUIT: lambda: stop(True),
        signal.SIGUSR1: reopen,
        signal.SIGHUP: reload,
    }


@implementer(IResponder)
class _Fixed:
    """The same answer to everything."""

    def __init__(self, status: str, fields: list[tuple[str, str]] | None = None) -> None:
        self._status, self._fields = status, fields

    def respond(self, exchange: IExchange) -> None:
        exchange.error(self._status, self._fields)


class _ThreadsService(Service):
    """The pool's life follows the server's."""

    name = "threads"

    def __init__(self, threads: ApplicationThreads, reactor: Any, nest: Nest | None, way_out: _WayOut) -> None:
        self._threads, self._reactor, self._nest, self._way_out = threads, reactor, nest, way_out
        self._sweeper = LoopingCall(lambda: threads.sweep(monotonic()))
        self._sweeper.clock = reactor
        self._imported_in, self._imported_with = os.getpid(), threading.active_count()

    def startService(self) -> None:
        super().startService()
        if os.getpid() != self._imported_in and self._imported_with > 1:
            _log.warn(
                "The application started {count} threads on import; the daemon's fork has lost them: run "
                "twistd -n, or start them with the first request",
                count=self._imported_with - 1,
            )
        # What is loaded stays: the collector need not look at it again at every full collection.
        gc.collect()
        gc.freeze()
        keep_freed_memory()
        self._threads.start()
        self._sweeper.start(QUEUE_SWEEP, now=False)
        self._reactor.addSystemEventTrigger("after", "shutdown", self._way_out.leaving.begin)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        if self._sweeper.running:
            self._sweeper.stop()
        self._threads.stop()
        return Deferred.fromCoroutine(self._ended())

    async def _ended(self) -> None:
        """Close the set once no thread can poll it any more; one that is stuck in the application is not waited for."""
        for _ in range(ENDING):
            if not self._threads.left():
                if self._nest is not None:
                    self._nest.close()
                return
            await deferLater(self._reactor, LINGER)


class _AccessLogService(Service):
    """Writes batches while the server runs."""

    name = "access-log"

    def __init__(self, log: AccessLog, reactor: Any) -> None:
        self._log, self._flusher = log, LoopingCall(log.flush)
        self._flusher.clock = reactor

    def startService(self) -> None:
        super().startService()
        self._log.open()
        self._flusher.start(LOG_FLUSH, now=False)

    def stopService(self) -> None:
        super().stopService()
        if self._flusher.running:
            self._flusher.stop()
        self._log.close()
