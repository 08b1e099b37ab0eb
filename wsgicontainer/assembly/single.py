"""Settings + reactor -> one MultiService. The one place that knows everybody; reads top to bottom.

    watchdog · signals · identity · pid-file · access-log · threads · deadlines · certificates · timers · web · notices

They start in this order and stop in the opposite one. Ports are opened before all of that (`privilegedStartService`).
With several workers `supervising` assembles the first process, and `prepare` and `makeWorker` the others.
Runs in: reactor thread, before the reactor runs.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen
from twisted.application.internet import TimerService
from twisted.application.service import MultiService, Service
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.python.reflect import namedModule

from wsgicontainer.connections.nest import POSSIBLE, Nest
from wsgicontainer.connections.overflow import Disk, Room
from wsgicontainer.connections.ownership import Ownership
from wsgicontainer.connections.roll import Roll
from wsgicontainer.connections.taking import Taking
from wsgicontainer.connections.tlswire import Front
from wsgicontainer.deadlines.exchange import TimedExchange
from wsgicontainer.deadlines.watch import PERIOD, Patience, Watch
from wsgicontainer.endpoints import Circumstances, Passed, endpoint_for, held_endpoint, passed_sockets
from wsgicontainer.errors import ConfigurationError
from wsgicontainer.forked.link import Duties, WorkerLink
from wsgicontainer.forked.warmup import ask
from wsgicontainer.forked.zygote import Order
from wsgicontainer.http.exchange import Exchange
from wsgicontainer.http.fixed import Fixed
from wsgicontainer.http.forwarding import Proxies
from wsgicontainer.http.h1 import Connection
from wsgicontainer.http.head import HeadLimits, HeadParser
from wsgicontainer.http.health import probes
from wsgicontainer.http.redirect import Redirecting
from wsgicontainer.http.responses import ResponseHeads
from wsgicontainer.http.routing import Routes
from wsgicontainer.http.site import Clocks, ContentLimits, Site
from wsgicontainer.http2.requests import Shared
from wsgicontainer.http2.succeeding import successor
from wsgicontainer.interfaces import IApplicationThreads, IOperatorNotices, IResponder
from wsgicontainer.links import Channel
from wsgicontainer.process import init, prctl, privileges, succession
from wsgicontainer.process.descriptors import raise_descriptor_limit
from wsgicontainer.process.identity import Identity, check_spool, tell_unreadable_interpreter
from wsgicontainer.process.leaving import WayOut
from wsgicontainer.process.notify import notices_from
from wsgicontainer.process.pidfile import PidFile
from wsgicontainer.process.privileges import Account
from wsgicontainer.process.signals import SignalHandlers
from wsgicontainer.process.unraisable import without_server_names
from wsgicontainer.serving import AccessLogService, Listener, OrderedService, Telling, Watchdog, WebService
from wsgicontainer.settings import Settings
from wsgicontainer.settings.listening import alpn
from wsgicontainer.settings.securing import is_file, secured, tls_of
from wsgicontainer.settings.sites import probe_paths
from wsgicontainer.static.mount import StaticMount
from wsgicontainer.supervising import Identified, supervised
from wsgicontainer.telemetry.accesslog import AccessLog
from wsgicontainer.telemetry.sparing import Sparing
from wsgicontainer.threads import ApplicationThreads
from wsgicontainer.threads.service import ThreadsService
from wsgicontainer.timers.repeating import RepeatingTasks, Timer
from wsgicontainer.tls.clients import described
from wsgicontainer.tls.contexts import Policy
from wsgicontainer.tls.ports import Presented
from wsgicontainer.wsgi.application import FileWrapper, WSGIApplication
from wsgicontainer.wsgi.environ import template_for
from wsgicontainer.wsgi.errors import ErrorsStream
from wsgicontainer.wsgi.loading import load, make_importable

CERTIFICATES_LOOK = 0.5
"""Seconds between looks at what has changed of the certificates: a renewal is served within a second."""


def makeService(
    settings: Settings,
    reactor: Any,
    reread: Callable[[], Settings] | None = None,
    notices: Sequence[IOperatorNotices] = (),
) -> MultiService:
    """Return the server, ready to start: a MultiService with named children.

    Imports the application, unless workers do, but listens nowhere and starts no thread or process. `reread` reads the
    options anew at a reload, and `notices` are told how all the workers are. Raises ConfigurationError, and its kind
    LoadError if the application does not import.
    """
    if settings.workers > 1 or succession.note_of(os.environ) is not None:
        account = account_of(settings)  # workers'; this process keeps what it may
        steps = _steps(evolve(settings, user=None, group=None), None)
        identity = Identified(steps, lambda: privileges.acting_as(account))
        return supervised(settings, reactor, reread or (lambda: settings), notices, identity)
    pids = [os.getpid(), *([os.getppid()] if settings.init else [])]  # whom systemd has started may be init now
    operator, passed = notices_from(os.environ), passed_sockets(os.environ, pids)
    enter(settings)
    way_out = WayOut(reactor)
    presented = present(settings)
    make_importable(os.getcwd(), sys.path)
    core = _core(settings, reactor, way_out, way_out.replace, Prepared(settings, presented))
    at, account = circumstances(settings, reactor, passed), account_of(settings)
    for port in settings.ports:
        core.web.add(core.listener(port, endpoint_at(port, at), early=account is None or not is_file(port)))
    reload = _reload(operator, core.log, core.presented)
    first: list[Service] = [SignalHandlers(reactor, _signals(way_out, core.web, core.log, reload))]
    steps = _steps(settings, core.presented)
    if steps:
        first.append(Identity(steps))
    if settings.pid_file is not None:
        first.append(PidFile(settings.pid_file, account is None))
    return _ordered(_told([*first, *core.children(reactor)], operator, reactor, core.threads, core.web))


def prepare(words: Mapping[str, Any]) -> Prepared:
    """Make what the workers of one generation share. Raises ConfigurationError. Runs in: zygote.

    The front contexts of TLS are made here, as they have the keys of session tickets: a ticket from one worker is good
    in all of them. Keys are read, then privileges are shed, then the application is imported.
    """
    namedModule(words["reactor"])  # installed in each worker; what is imported here all share
    settings = Settings.from_plain(words["settings"])
    os.chdir(words["cwd"])
    enter(settings)
    presented = present(settings)
    for step in _steps(settings, presented):
        step()
    make_importable(os.getcwd(), sys.path)
    if not words["preload"]:
        return Prepared(settings, presented, words["reactor"])
    return Prepared(settings, presented, words["reactor"], load_routes(settings), load_timers(settings))


def makeWorker(order: Order, reactor: Any) -> MultiService:  # noqa: N802 (beside makeService)
    """Return one worker, ready to start. Raises ConfigurationError. Runs in: worker."""
    prepared: Prepared = order.prepared
    settings = prepared.settings
    way_out = WayOut(reactor)
    channel = Channel(socket.socket(fileno=order.descriptors[0]))
    core = _core(settings, reactor, way_out, lambda: link.recycle("has lost threads to --timeout"), prepared)
    sockets = dict(enumerate(order.descriptors[2:]))

    def take(slot: int, descriptors: Mapping[int, int]) -> None:
        core.web.take(slot, [_held(core, reactor, order.words, *each) for each in descriptors.items()])

    def drain(empty: bool) -> None:
        core.web.empty = empty
        way_out.drain()

    duties = Duties(
        listen=lambda: take(order.words["slot"], sockets),
        adopt=take,
        release=core.web.give_back,
        tick=lambda position: core.timers.due(position) if core.timers else None,
        reopen=lambda: core.log.reopen() if core.log else None,
        drain=drain,
        hurry=core.web.hurry,
        pool=lambda: (core.threads.moving(), core.threads.done()),
    )
    link = WorkerLink(reactor, channel, duties, lambda done: _warm_up(core, reactor, done))
    signals = SignalHandlers(reactor, _signals_of_worker(link.leave, duties.reopen))
    return _ordered([signals, link, *core.children(reactor)])


# The parts


def enter(settings: Settings) -> None:
    """Make the working directory and the environment what the application will find.

    Where it is imported from comes later: until privileges are shed nothing is imported from a folder of the user's.
    """
    if settings.chdir is not None:
        try:
            os.chdir(settings.chdir)
        except OSError as error:
            raise ConfigurationError(
                f"--chdir {settings.chdir} can't be entered ({error.strerror}); name a folder that exists"
            ) from None
    _set_umask(settings)
    os.environ.update(dict(settings.env))


def _set_umask(settings: Settings) -> None:
    if settings.umask is not None:
        os.umask(int(settings.umask, 8))


def account_of(settings: Settings) -> Account | None:
    """Return whom the server is to become; None if it stays who it is. Raises ConfigurationError."""
    if settings.user is None and settings.group is None:
        return None
    running = os.geteuid(), os.getegid()
    return privileges.account_for(settings.user, settings.group, privileges.system_accounts(), running)


def _steps(settings: Settings, presented: Presented | None) -> list[Callable[[], object]]:
    """Return what makes the process what it is to be, once its ports are open."""
    steps: list[Callable[[], object]] = []
    account = account_of(settings)
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


def _watch(settings: Settings, threads: ApplicationThreads, replace: Callable[[], None]) -> Watch | None:
    """Return who looks at requests' deadlines, if they have any."""
    if not settings.timeout:
        return None
    most_stuck = settings.max_stuck_threads or settings.threads
    return Watch(threads, Patience(settings.timeout, most_stuck), replace)


def _repeating(name: str, seconds: float, do: Callable[[], object], reactor: Any) -> TimerService:
    service = TimerService(seconds, do)
    service.clock = reactor
    service.setName(name)
    return service


def present(settings: Settings) -> Presented | None:
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
class _Core:
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
        front = _front(self.settings, self.presented, port)
        taking = self.taking(self.site, front)
        held = shared is not None
        return Listener(port, endpoint, taking, front is not None, early, held=held, shared=bool(shared))

    def taking(self, site: Site, front: Front | None) -> Taking:
        """Return what takes connections for a site."""
        return Taking(lambda wire: Connection(site, wire), self.nest, self.web.reactor, self.room, front)


def _core(settings: Settings, reactor: Any, way_out: WayOut, replace: Callable[[], None], prepared: Prepared) -> _Core:
    """Make what serves; the application is imported now, if it is not `prepared`."""
    nest = _nest(settings)
    threads = ApplicationThreads(
        reactor, nest, least=settings.min_threads, most=settings.threads, longest_queue=settings.max_queue
    )
    log = _access_log(settings, reactor)
    watch = _watch(settings, threads, replace)
    roll = Roll(raise_descriptor_limit(settings.max_connections))
    site = _site(settings, watch or threads, roll, log, prepared.routes)
    site.template["wsgi.multiprocess"] = bool(prepared.reactor)
    if nest is not None:
        site.moment = nest.moment
    room = Room(settings.output_buffer, settings.send_timeout, Disk(settings.output_disk))
    if "h2" in settings.http_protocols:
        sparing = Sparing(lambda seconds, call: reactor.callFromThread(reactor.callLater, seconds, call))
        most = roll.room() // 2
        site.successor = successor(Shared(settings.max_concurrent_streams, room, most, sparing=sparing))
    timers = None
    if settings.timers:
        found = prepared.timers if prepared.timers is not None else load_timers(settings)
        timers = RepeatingTasks(found, threads, None if prepared.reactor else reactor)
    web = WebService(reactor, [], site, roll, settings.graceful_timeout)
    if settings.health is not None:  # nothing stands before them: who asks is a machine beside us
        site.routes = site.routes.beside(probes(probe_paths(settings.health), web.ready))
    return _Core(settings, nest, threads, log, watch, prepared.presented, timers, site, room, web, way_out)


def _ordered(children: Iterable[Service]) -> OrderedService:
    container = OrderedService()
    for child in children:
        child.setServiceParent(container)
    return container


def _held(core: _Core, reactor: Any, words: Mapping[str, Any], port: int, descriptor: int) -> Listener:
    """Return a port whose socket the supervisor holds."""
    settings = core.settings
    description = settings.ports[port]
    tls = secured(description)
    trusts = Proxies(settings.forwarded_allow_ips).trusts
    inside = description if tls is None else tls.inside
    endpoint = held_endpoint(reactor, inside, descriptor, words["backlogs"][port], trusts)
    return core.listener(description, endpoint, shared=words["shared"][port])


def _warm_up(core: _Core, reactor: Any, done: Callable[[str], object]) -> None:
    """Have one request answered in memory; the access log does not tell it."""
    settings = core.settings
    if not settings.warmup:
        done("")
        return
    taking = core.taking(evolve(core.site, access_log=None), None)

    def serve(sock: socket.socket) -> None:
        reactor.adoptStreamConnection(sock.fileno(), socket.AF_UNIX, taking)

    ask(reactor, serve, settings.warmup, settings.worker_timeout / 2, done)


def circumstances(settings: Settings, reactor: Any, passed: Passed) -> Circumstances:
    """Return what ports are opened with."""
    return Circumstances(reactor, settings.backlog, Proxies(settings.forwarded_allow_ips).trusts, passed)


def endpoint_at(port: str, at: Circumstances) -> IStreamServerEndpoint:
    """Return what a port listens on, its TLS taken off."""
    tls = secured(port)
    return endpoint_for(port if tls is None else tls.inside, at)


def _site(
    settings: Settings, threads: IApplicationThreads, roll: Roll, log: AccessLog | None, routes: Routes | None = None
) -> Site:
    proxies = Proxies(settings.forwarded_allow_ips)
    limits = HeadLimits(settings.limit_request_line, settings.limit_request_fields, settings.limit_request_field_size)
    site = Site(
        parser=HeadParser(limits),
        responses=ResponseHeads("wsgicontainer"),
        routes=routes or load_routes(settings),
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


def load_routes(settings: Settings) -> Routes:
    """Load every application, look at every folder: as whom the server becomes."""
    with privileges.acting_as(account_of(settings)):
        return _loaded_routes(settings)


def _loaded_routes(settings: Settings) -> Routes:
    statics = [(each.prefix, StaticMount(each.directory, each.index, each.max_age)) for each in settings.statics]
    mounts = [(each.prefix, WSGIApplication(load(each.app, "--mount"))) for each in settings.mounts]
    fallback: IResponder = Fixed("404 Not Found")
    if settings.wsgi is not None:
        fallback = WSGIApplication(load(settings.wsgi, "--wsgi"))
    server_wide = Fixed("200 OK", [("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")])
    return Routes([*statics, *mounts], fallback, server_wide)


def load_timers(settings: Settings) -> list[Timer]:
    """Load what is done again and again: as whom the server becomes."""
    with privileges.acting_as(account_of(settings)):
        return [Timer(timer.seconds, load(timer.target, "--timer"), str(timer)) for timer in settings.timers]


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
    way_out: WayOut, web: WebService, log: AccessLog | None, reload: Callable[[], None]
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


def _signals_of_worker(
    drain: Callable[[], object], reopen: Callable[[], object]
) -> dict[signal.Signals, Callable[[], object]]:
    """TERM drains. A terminal sends INT and QUIT to the supervisor, too, which says what to do."""
    return {
        signal.SIGTERM: drain,
        signal.SIGINT: bool,
        signal.SIGQUIT: bool,
        signal.SIGUSR1: reopen,
        signal.SIGHUP: bool,
    }
