"""Every interface that crosses a seam between siblings; assembly hands the implementations over.

`I…` here, one implementation for the wire and, where tests want one, a verified fake in `testing`.
Which thread may call what is part of the contract and stands in each docstring.
"""

from __future__ import annotations

from typing import BinaryIO

from zope.interface import Attribute, Interface

from wsgicontainer.messages import AccessEntry, Fields, Request, ResponseHead


class IJob(Interface):
    """Work for an application thread."""

    def run() -> None:
        """Do it. Never raises. Runs in: application thread."""


class IApplicationThreads(Interface):
    """The threads that run the application, and the bounded queue before them."""

    def submit(job: IJob) -> None:
        """Queue a job and see to it that a thread will take it. Runs in: any."""


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

        Takes over `descriptor` (an open file descriptor of the caller's, e.g. from os.dup) and closes it. Raises PeerGone.
        """

    def fail(reason: str) -> None:
        """Answer 500 if nothing was sent yet, otherwise cut so that the reply is visibly broken."""

    def gone() -> bool:
        """True if the peer has closed its connection."""


class IAccessLog(Interface):
    """Where finished requests are told."""

    def record(entry: AccessEntry) -> None:
        """Keep the entry for the next batch of lines; never blocks on the disk for each. Runs in: any."""

    def reopen() -> None:
        """Write what is kept and open the file anew, for log rotation. Runs in: reactor thread."""
