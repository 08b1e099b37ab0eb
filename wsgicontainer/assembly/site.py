"""What all connections share: who answers which request, by which limits and clocks; here the application is imported.

Runs in: whoever serves or checks, before the reactor runs; with --preload a zygote.
"""

from __future__ import annotations

from wsgicontainer.assembly.becoming import account_of
from wsgicontainer.connections.ownership import Ownership
from wsgicontainer.connections.roll import Roll
from wsgicontainer.deadlines.exchange import TimedExchange
from wsgicontainer.http.exchange import Exchange
from wsgicontainer.http.fixed import Fixed
from wsgicontainer.http.forwarding import Proxies
from wsgicontainer.http.head import HeadLimits, HeadParser
from wsgicontainer.http.redirect import Redirecting
from wsgicontainer.http.responses import ResponseHeads
from wsgicontainer.http.routing import Routes
from wsgicontainer.http.site import Clocks, ContentLimits, Site
from wsgicontainer.interfaces import IApplicationThreads, IResponder
from wsgicontainer.process import privileges
from wsgicontainer.settings import Settings
from wsgicontainer.static.mount import StaticMount
from wsgicontainer.telemetry.accesslog import AccessLog
from wsgicontainer.timers.repeating import Timer
from wsgicontainer.wsgi.application import FileWrapper, WSGIApplication
from wsgicontainer.wsgi.environ import template_for
from wsgicontainer.wsgi.errors import ErrorsStream
from wsgicontainer.wsgi.loading import load


def site_of(
    settings: Settings, threads: IApplicationThreads, roll: Roll, log: AccessLog | None, routes: Routes | None = None
) -> Site:
    """Return what all connections share; the application is imported now, if there are no `routes` yet."""
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
