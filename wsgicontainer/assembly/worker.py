"""The processes that a supervisor starts: the zygote, which makes what all workers share, and each worker.

    signals · link · the core

Runs in: zygote and workers, before the reactor runs.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve
from twisted.application.service import MultiService
from twisted.python.reflect import namedModule

from wsgicontainer.assembly.becoming import enter, steps_of
from wsgicontainer.assembly.core import Core, Prepared, core_of
from wsgicontainer.assembly.ports import inside, present
from wsgicontainer.assembly.signals import signals_of_worker
from wsgicontainer.assembly.site import load_routes, load_timers
from wsgicontainer.endpoints import held_endpoint
from wsgicontainer.forked.link import Duties, WorkerLink
from wsgicontainer.forked.warmup import ask
from wsgicontainer.forked.zygote import Order
from wsgicontainer.http.forwarding import Proxies
from wsgicontainer.links import Channel
from wsgicontainer.process import prctl
from wsgicontainer.process.leaving import WayOut
from wsgicontainer.process.signals import SignalHandlers
from wsgicontainer.serving import Listener, OrderedService
from wsgicontainer.settings import Settings
from wsgicontainer.wsgi.loading import make_importable


def prepare(words: Mapping[str, Any]) -> Prepared:
    """Make what the workers of one generation share. Raises ConfigurationError. Runs in: zygote.

    The front contexts of TLS are made here, as they have the keys of session tickets: a ticket from one worker is good
    in all of them. Keys are read, then privileges are shed, then the application is imported: while it is, nobody here
    notices the supervisor's end, so the kernel sees to ours; a change of user makes it forget that.
    """
    supervisor = words.get("supervisor")
    if supervisor:
        prctl.end_with(supervisor)
    namedModule(words["reactor"])  # installed in each worker; what is imported here all share
    settings = Settings.from_plain(words["settings"])
    os.chdir(words["cwd"])
    enter(settings)
    presented = present(settings)
    for step in steps_of(settings, presented):
        step()
    if supervisor:
        prctl.end_with(supervisor)
    make_importable(os.getcwd(), sys.path)
    if not words["preload"]:
        return Prepared(settings, presented, words["reactor"])
    return Prepared(settings, presented, words["reactor"], load_routes(settings), load_timers(settings))


def makeWorker(order: Order, reactor: Any) -> MultiService:  # noqa: N802 (beside makeService)
    """Return one worker, ready to start. Raises ConfigurationError. Runs in: worker."""
    way_out = WayOut(reactor)
    channel = Channel(socket.socket(fileno=order.descriptors[0]))
    core = core_of(order.prepared, reactor, way_out, lambda: link.recycle("has lost threads to --timeout"))
    link = WorkerLink(reactor, channel, _duties(core, order, reactor), lambda done: _warm_up(core, reactor, done))
    signals = SignalHandlers(reactor, signals_of_worker(link.leave, core.reopen))
    return OrderedService([signals, link, *core.children(reactor)])


def _duties(core: Core, order: Order, reactor: Any) -> Duties:
    """Return what the supervisor may ask for."""
    sockets = dict(enumerate(order.descriptors[2:]))

    def take(slot: int, descriptors: Mapping[int, int]) -> None:
        core.web.take(slot, [_held(core, reactor, order.words, *each) for each in descriptors.items()])

    def drain(empty: bool) -> None:
        core.web.empty = empty
        core.way_out.drain()

    return Duties(
        listen=lambda: take(order.words["slot"], sockets),
        adopt=take,
        release=core.web.give_back,
        tick=lambda position: core.timers.due(position) if core.timers else None,
        reopen=core.reopen,
        drain=drain,
        hurry=core.web.hurry,
        fail=core.way_out.fail,
        pool=lambda: (core.threads.moving(), core.threads.done()),
    )


def _held(core: Core, reactor: Any, words: Mapping[str, Any], port: int, descriptor: int) -> Listener:
    """Return a port whose socket the supervisor holds."""
    settings = core.settings
    description = settings.ports[port]
    trusts = Proxies(settings.forwarded_allow_ips).trusts
    endpoint = held_endpoint(reactor, inside(description), descriptor, words["backlogs"][port], trusts)
    return core.listener(description, endpoint, shared=words["shared"][port])


def _warm_up(core: Core, reactor: Any, done: Callable[[str], object]) -> None:
    """Have one request answered in memory; the access log does not tell it."""
    settings = core.settings
    if not settings.warmup:
        done("")
        return
    taking = core.taking(evolve(core.site, access_log=None), None)

    def serve(sock: socket.socket) -> None:
        reactor.adoptStreamConnection(sock.fileno(), socket.AF_UNIX, taking)

    ask(reactor, serve, settings.warmup, settings.boot_timeout / 2, done)
