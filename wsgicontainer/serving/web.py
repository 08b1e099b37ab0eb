"""Listens on every endpoint, ends waits that take too long, and drains.

The way out: accept what waits in the kernel's queue, stop listening, tell every further reply `Connection: close`, give
clients half a second to use the connections that they have, close those that idle, wait for what runs, cut the rest.
Runs in: reactor thread.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsgicontainer.connections.overflow import IN_KERNEL
from wsgicontainer.connections.roll import Roll
from wsgicontainer.connections.taking import Taking
from wsgicontainer.endpoints.deaf import deafen
from wsgicontainer.errors import BootError, PortError
from wsgicontainer.http.site import Site

_log = Logger()
SWEEP = 1.0
"""Seconds between looks at all connections' clocks: no clock of the server needs to be finer."""
RELIEF = 0.05
"""Seconds between looks for connections that may go, while there are too many: newcomers wait for it."""
FAREWELL = 0.5
"""Seconds that clients have, once draining, to send one more request on a connection that they hold."""
LONG_FAREWELL = 5.0
"""The same if others serve on, so that nobody waits for this process: a request that has set out longer ago is rare."""
ROUND = 0.1
"""Seconds between rounds through all connections while draining."""
GLANCE = 0.01
"""Seconds between looks at what still runs while draining."""
LAST_ACCEPTS = 4096
"""Turns of accepting before listening ends: a bound, should more come all the time."""
PARTING = 0.25
"""Seconds that connections have to end once they were cut."""


@frozen
class Listener:
    """An endpoint, how the operator wrote it, and who takes its connections."""

    description: str
    endpoint: IStreamServerEndpoint
    factory: Taking
    secure: bool = False
    """Whether it speaks TLS."""
    early: bool = True
    """Whether it is opened before privileges are shed, or as the user that the server becomes."""
    held: bool = False
    """Whether another process holds its socket: then what waits in its queue is not lost when this one goes."""
    shared: bool = False
    """Whether other processes accept from the very same socket."""


class WebService(Service):
    """The strports web service: any number of listeners for one site."""

    name = "web"

    def __init__(
        self,
        reactor: Any,
        listeners: Sequence[Listener],
        site: Site,
        roll: Roll,
        graceful: float,
    ) -> None:
        """`graceful` is how many seconds a drain waits for what runs."""
        self.reactor = self._reactor = reactor
        self._site, self._roll, self._graceful = site, roll, graceful
        self._ports: list[Any] = []
        self._held: dict[int, list[Any]] = {}
        self.empty = True
        """Whether nobody else serves on: then a drain has to accept what waits in the kernel's queue."""
        self._opening: list[tuple[Any, Listener]] | None = None
        """Those that are open, while others are opened with them."""
        self._listeners, self._hurried = list(listeners), False
        self._sweeper = LoopingCall(lambda: roll.sweep(monotonic()))
        self._sweeper.clock = reactor
        self._reliever = LoopingCall(roll.make_room)
        self._reliever.clock = reactor
        roll.watch(self.pause, self.resume, reactor.callFromThread)

    def privilegedStartService(self) -> None:
        """Listen before privileges are shed. Raises BootError for a port that can't be had."""
        super().privilegedStartService()
        self._listen([each for each in self._listeners if each.early])
        self._listeners = [each for each in self._listeners if not each.early]

    def startService(self) -> None:
        """Listen wherever that is not done, and look after the connections' clocks. Raises BootError."""
        super().startService()
        self._listen(self._listeners)
        self._listeners = []
        self._sweeper.start(SWEEP, now=False)

    def stopService(self) -> Deferred[None]:
        """Drain; fires when every connection has ended or was cut."""
        super().stopService()
        return Deferred.fromCoroutine(self._drain())

    def ready(self) -> bool:
        """Tell whether requests are wanted: it has started, and does not drain, or others go on. Runs in: any."""
        return (bool(self.running) and not self._site.draining) or not self.empty

    def connections(self) -> int:
        """Count those that are open."""
        return len(self._roll)

    def hurry(self) -> None:
        """Cut a drain short: what still runs is not waited for."""
        self._hurried = True

    def pause(self) -> None:
        """Accept nothing for now: there are too many connections. What comes waits in the kernel's queue."""
        for port in self._ports:
            port.stopReading()
        self._reliever.start(RELIEF, now=False)

    def resume(self) -> None:
        """Accept again."""
        if self._reliever.running:
            self._reliever.stop()
        for port in self._ports:
            if not self._site.draining:
                port.startReading()

    def _listen(self, listeners: Sequence[Listener]) -> None:
        self._opening = []
        for listener in listeners:
            failures: list[Failure] = []
            waiting = listener.endpoint.listen(listener.factory)
            waiting.addCallbacks(self._opened, failures.append, callbackArgs=(listener,))
            if failures:
                self._abandon()
                raise _refusal(listener.description, failures[0])
        # Only now: threads accept from here on, and what they answer may depend on any port.
        opened, self._opening = self._opening, None
        for port, listener in opened:
            self._take_over(port, listener)

    def _opened(self, port: Any, listener: Listener) -> None:
        if listener.secure and not self._site.https_port:
            self._site.https_port = getattr(port.getHost(), "port", 0)
        if self._opening is None:  # an endpoint that took its time
            self._take_over(port, listener)
        else:
            self._opening.append((port, listener))

    def _take_over(self, port: Any, listener: Listener) -> None:
        port = listener.factory.adopt(port)
        self._ports.append(port)
        _bound_unsent(port)
        _bound_accepts(port, _one if listener.shared else self._roll.room)
        if self._reliever.running or self._site.draining:
            port.stopReading()
        if not listener.held:
            place = where(port.getHost(), listener.secure, listener.description)
            _log.info("wsgicontainer is listening on {where}", where=place)

    def add(self, listener: Listener) -> None:
        """Have one more endpoint to listen on at the start."""
        self._listeners.append(listener)

    def take(self, slot: int, listeners: Sequence[Listener]) -> None:
        """Listen on the sockets of a slot. Raises BootError."""
        before = len(self._ports)
        self._listen(listeners)
        self._held[slot] = self._ports[before:]

    def give_back(self, slot: int) -> None:
        """Listen no longer on the sockets of a slot: another process does."""
        for port in self._held.pop(slot, ()):
            self._ports.remove(port)
            port.stopListening()

    def _abandon(self) -> None:
        for port in [*self._ports, *(port for port, _ in self._opening or ())]:
            port.stopListening()
        self._ports, self._opening = [], None

    async def _drain(self) -> None:
        self._site.draining = True
        await self._close_ports()
        if len(self._roll):
            _log.info("Draining {connections}", connections=_counted(len(self._roll)))
        await self._left()
        if len(self._roll):
            _log.warn("Cutting {connections}, still busy", connections=_counted(len(self._roll)))
            self._each(lambda connection: connection.cut())
            await self._parted(self._reactor.seconds() + PARTING)
        for looking in (self._sweeper, self._reliever):
            if looking.running:
                looking.stop()

    async def _left(self) -> None:
        began = now = due = self._reactor.seconds()
        while len(self._roll) and not self._hurried and now - began < self._graceful:
            if now >= due:
                due = now + ROUND
                farewell = min(FAREWELL if self.empty else LONG_FAREWELL, self._graceful / 2)
                self._say_farewell(now - began >= farewell)
            await deferLater(self._reactor, GLANCE)
            now = self._reactor.seconds()

    def _say_farewell(self, over: bool) -> None:
        self._each(lambda connection: connection.leave(over))
        self._roll.sweep(monotonic())

    async def _close_ports(self) -> None:
        for port in self._ports:
            if self.empty:
                deafen(port)
                _accept_what_waits(port)
            await _ended(port.stopListening())

    async def _parted(self, until: float) -> None:
        while len(self._roll) and self._reactor.seconds() < until:
            await deferLater(self._reactor, GLANCE)

    def _each(self, do: Callable[[Any], object]) -> None:
        for connection in self._roll:
            do(connection)


def _accept_what_waits(port: Any) -> None:
    """Accept all that waits in the kernel's queue: it was promised an answer.

    One doRead is not all: Twisted accepts about as many at once as the last time.
    """
    if not hasattr(port, "doRead"):
        return
    poll = select.poll()
    poll.register(port.fileno(), select.POLLIN)
    for _ in range(LAST_ACCEPTS):
        if not poll.poll(0):
            return
        try:
            port.doRead()
        except OSError as error:  # no descriptors, say: the drain goes on all the same
            _log.error("Accepting what waits fails ({reason})", reason=error.strerror)
            return


def _bound_unsent(port: Any) -> None:
    """Bound what the kernel keeps for slow readers. Connections inherit it: no system call for each of them."""
    with suppress(AttributeError, OSError):  # no such option here, or no TCP
        port.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, IN_KERNEL)


def _bound_accepts(port: Any, room: Callable[[], int]) -> None:
    """Have no more accepted at once than there is room for: Twisted takes up to 100, and then descriptors run out."""
    if hasattr(port, "bound"):  # a door
        port.bound(room)
    if not hasattr(port, "numberAccepts"):
        return
    accept = port.doRead

    def accept_some() -> None:
        port.numberAccepts = max(1, min(port.numberAccepts, room()))
        accept()

    port.doRead = accept_some


async def _ended(waiting: Any) -> None:
    if waiting is not None:
        await waiting


def _counted(connections: int) -> str:
    return f"{connections} connection{'' if connections == 1 else 's'}"


def _one() -> int:
    """Have no more than one accepted at a time: the other processes have their turn."""
    return 1


def where(host: Any, secure: bool, description: str) -> str:
    """Say where a port listens, as a person would type it; `host` is its IAddress."""
    scheme = "https" if secure else "http"
    name = getattr(host, "host", None)
    if name is None:
        path = getattr(host, "name", None) or description
        path = path.decode(errors="replace") if isinstance(path, bytes) else path
        return f"unix:{path}{' with TLS' if secure else ''}"
    name = f"[{name}]" if ":" in name else name
    return f"{scheme}://{name}:{host.port}"


def _refusal(description: str, failure: Failure) -> BootError:
    error = failure.value
    if isinstance(error, BootError):
        return error
    return PortError(description, error.socketError if isinstance(error, CannotListenError) else error)
