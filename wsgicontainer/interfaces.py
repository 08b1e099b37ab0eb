"""Every interface that crosses a seam between siblings; assembly hands the implementations over.

`I…` here, one implementation for the wire and, where tests want one, a verified fake in `testing`.
Which thread may call what is part of the contract and stands in each docstring.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import BinaryIO

from zope.interface import Attribute, Interface

from wsgicontainer.messages import Fields, Request, ResponseHead


class IJob(Interface):
    """Work for an application thread."""

    def run() -> bool | None:
        """Do it, or, once overdue, only say so to whoever waits. Never raises. Runs in: application thread.

        True if it was interrupted: its thread has to look whether it was written off meanwhile.
        """

    def overdue(now: float) -> bool:
        """Tell whether it has waited too long at `now`, on the monotonic clock; `run` goes by the last answer.

        Runs in: reactor thread, or the connection's owner.
        """


class IApplicationThreads(Interface):
    """The threads that run the application, and the bounded queue before them."""

    def submit(job: IJob) -> bool:
        """Queue a job and see to it that a thread will take it; False if the queue is full. Runs in: any."""


class IInterrupted(IJob):
    """A job whose thread may be written off."""

    returned: bool = Attribute("Whether its thread has come back from it; set by that thread, under the pool's lock.")


class IReplacedThreads(IApplicationThreads):
    """Threads that are replaced when one does not come back."""

    def write_off(thread: int, job: IInterrupted) -> bool:
        """Count a thread out, unless it has come back from `job`: another may run for it. Runs in: reactor thread."""

    def written_off() -> int:
        """Count the threads that were written off and have not ended. Runs in: any."""


class IWire(Interface):
    """The bytes of one connection. Runs in: whoever owns the connection, unless said otherwise."""

    usual: int = Attribute("The event that says no more than: something has come.")
    drained: bool = Attribute("True if there is nothing to receive before the next event; its owner may clear it.")
    suspect: bool = Attribute("True once an event said that it has vanished: ask `vanished`.")
    secure: bool = Attribute("True on TLS.")
    peer: tuple[str, str] = Attribute("The peer's address and port; ('', '') for unix sockets.")
    local: tuple[str, str] = Attribute("Our address and port; ('', '') for unix sockets.")
    progress: int = Attribute("Octets sent so far: tells a slow peer from one that takes nothing.")

    def noticed(event: int) -> bool:
        """Tell whether an event of the set needs the owner's eye. Runs in: the holder of the lead."""

    def receive() -> bytes | None:
        """Return what has arrived, None if there is nothing, b"" at the end."""

    def gone() -> bool:
        """Tell whether the peer has left."""

    def vanished() -> bool:
        """Tell whether the connection was reset or closed both ways: nobody can read a reply any more."""

    def hand_over(noticed: Callable[[int], None], ready: Callable[[], None]) -> None:
        """Have another connection told of events from now on; one more event may still reach the one before."""

    def look_again() -> None:
        """Have the connection rung once more soon, so that others get their turn first."""

    def send(data: bytes) -> bool:
        """Send; keep what can't go yet. True if the kernel has taken all there is. Raises PeerGone."""

    def send_both(head: bytes, content: bytes) -> bool:
        """Send one after the other, as `send` does. Raises PeerGone."""

    def send_file(descriptor: int, offset: int, count: int) -> None:
        """Send a piece of a regular file after what is kept; takes over the descriptor. Raises PeerGone."""

    def wait_for_room() -> None:
        """Wait until no more than the budget is unsent. Raises PeerGone. Runs in: application thread."""

    def flush() -> bool:
        """Send what is kept as far as possible; True if nothing is left. Raises PeerGone."""

    def end_output() -> bool:
        """Tell the peer that nothing more will come, and go on receiving. False: only `close` can tell it."""

    def cut() -> None:
        """Wake the owner with an end of the connection. Runs in: any."""

    def close(reset: bool = False) -> bool:
        """Close, with a RST if the peer must see that the reply is broken. False: the end is still to be rung."""


class ICarrier(IWire):
    """A wire that another one may run on, as TLS does."""

    def ended_within(octets: int) -> bool:
        """Tell whether the peer has closed its side, and no more than so many octets before that are unread."""


class ISecureWire(IWire):
    """The content of a TLS connection."""

    alpn: str | None = Attribute("The protocol agreed on (RFC 7301), '' for none; None before the handshake's end.")

    def variables() -> dict[str, str]:
        """Return what the connection adds to each environ: `SSL_PROTOCOL` and the like, once the handshake is over."""


class IOwnership(Interface):
    """The right to touch one connection. Runs in: any."""

    def claim() -> bool:
        """Become the owner, or leave word for the present one."""

    def seize() -> bool:
        """Become the owner if nobody is, without leaving word."""

    def release() -> bool:
        """Let go. True if word was left and the caller owns it again."""


class IOpenConnection(Interface):
    """What the roll knows of a connection, whatever its HTTP version. Runs in: reactor thread."""

    deadline: float = Attribute("When the present wait ends, on the monotonic clock; infinite while a request runs.")

    def expire(now: float) -> None:
        """End a wait that took too long."""

    def leave(over: bool) -> None:
        """Tell the peer, if that can be told, that the server is on its way out; close if idle once that is `over`."""

    def make_room() -> bool:
        """Close if no request has come whole; False if one has, or is just coming."""

    def cut() -> None:
        """End at once, whatever is running."""


class ISuccessor(IOpenConnection):
    """A connection that goes on where another one has found another protocol."""

    def noticed(event: int) -> None:
        """Take an event of the set. Runs in: the holder of the lead."""

    def ready() -> None:
        """Look at a transport that has received, sent or ended. Runs in: reactor thread."""

    def go_on() -> None:
        """Do what can be done, and let go. Runs in: the owner, who is none when this returns."""


class IRoll(Interface):
    """The roll of open connections."""

    def enter(connection: IOpenConnection) -> None:
        """Add a connection. Runs in: any."""

    def replace(before: IOpenConnection, after: IOpenConnection) -> None:
        """Put a connection in another one's place: at no moment there are both, or neither. Runs in: any."""

    def strike(connection: IOpenConnection) -> None:
        """Take a closed connection off. Runs in: any."""


class IResponder(Interface):
    """What a request can be routed to: a WSGI application, a static mount, a fixed answer."""

    def respond(exchange: IExchange) -> None:
        """Answer the exchange before returning; exceptions end as 500 or a cut. Runs in: application thread."""


class IExchange(Interface):
    """One request and its reply, whatever the HTTP version. Runs in: the application thread that has it."""

    request: Request = Attribute("The request's head.")
    prefix: str = Attribute("What routing matched: '' or '/static'; the responder serves the rest of the path.")
    template: dict[str, object] = Attribute("The connection's part of a WSGI environ: copy, never change.")
    content: BinaryIO = Attribute("The request's content, whole and decoded, at position 0.")
    request_id: str = Attribute("Names this request in logs: 16 hex digits.")
    started: bool = Attribute("True once a head was handed to the wire.")

    def prepare(status: str, fields: Fields) -> ResponseHead:
        """Check and render a response's head (RFC 9110 section 5, PEP 3333).

        Raises ApplicationError for a status or field that may not be sent. Sends nothing.
        """

    def early_hints(fields: Fields) -> None:
        """Send 103 (RFC 8297) ahead of the response, to clients that understand it.

        Raises PeerGone, and ApplicationError for a field that may not be sent or after the response has begun.
        """

    def reply(head: ResponseHead, content: bytes) -> None:
        """Send a whole response at once; it gets a Content-Length if the head has none. Raises PeerGone."""

    def start(head: ResponseHead) -> None:
        """Take the head of a response of unknown length; it goes out with the first content, or at the end."""

    def write(data: bytes) -> None:
        """Send content; wait while more than the output budget is unsent. Raises PeerGone, ApplicationError."""

    def finish() -> None:
        """End a response that was started. Raises ApplicationError if it is shorter than its Content-Length."""

    def reply_file(head: ResponseHead, descriptor: int, offset: int, count: int) -> None:
        """Send `count` octets of a regular file from `offset` as the whole content, without holding the thread.

        Takes over `descriptor` (an open file descriptor, from os.dup for example) and closes it. Raises PeerGone.
        """

    def error(status: str, fields: Fields | None = None) -> None:
        """Reply with a status and a line of text that says it. Raises PeerGone."""

    def fail(reason: str) -> None:
        """Answer 500 if nothing was sent yet, otherwise cut so that the reply is visibly broken."""

    def gone() -> bool:
        """Tell whether the peer has closed its connection."""


class IAccessEntry(Interface):
    """All that a line of the access log may show, of one request that is over."""

    request: Request = Attribute("Its head; one without a method if it could not be read.")
    unread: str = Attribute("What could not be read: its first line as it came, cut at 8,190 characters.")
    client: str = Attribute("The client's address, '' for a unix socket: the same whenever the same head comes again.")
    request_id: str = Attribute("Names it in logs: 16 hex digits.")
    began: float = Attribute("When the head was complete: seconds on the monotonic clock.")
    code: int = Attribute("Status code; 499 if the client left before there was one.")
    sent: int = Attribute("Octets of content sent.")
    reply_fields: Sequence[tuple[str, str]] = Attribute("The response's field lines as the application gave them.")
    duration: float = Attribute("Seconds from the head to the end of the reply, if the log is `timed`.")
    queued: float = Attribute("Seconds that it waited for an application thread, if the log is `timed`.")


class IAccessLog(Interface):
    """Where finished requests are told."""

    timed: bool = Attribute("Whether lines show `duration` or `queued`: otherwise nobody looks at a clock for them.")

    def record(entry: IAccessEntry) -> None:
        """Write the entry's line with the next batch; the entry itself is not kept. Never waits. Runs in: any."""

    def reopen() -> None:
        """Write what is kept and open the file anew, for log rotation. Runs in: reactor thread."""


class IOperatorNotices(Interface):
    """Whoever has started the server and wants to know how it fares: systemd, or nobody.

    Nothing here waits or fails. Runs in: reactor thread.
    """

    heard: bool = Attribute("Whether anybody listens: otherwise nothing needs to be looked up for it.")
    patience: float | None = Attribute("Seconds without `alive` after which the server is killed; None: never.")

    def ready(text: str) -> None:
        """Say that requests are answered from now on; `text` is a line for people."""

    def reloading() -> None:
        """Say that a reload begins; `reloaded` will follow."""

    def reloaded(reason: str | None = None) -> None:
        """Say that the reload is over; `reason` says why the old goes on."""

    def stopping(text: str) -> None:
        """Say that the way out begins."""

    def status(text: str) -> None:
        """Say what is going on, in a line for people, and sparingly."""

    def alive() -> None:
        """Say that everything that serves answers, at least twice in `patience`."""
