"""The door of the zygote and of the workers that it forks; the supervisor starts it with two channels as descriptors.

Nothing here, or below, may import Twisted's reactor before the fork.
"""

from __future__ import annotations

import os
import re
import socket
import sys

from twisted.application.service import MultiService
from twisted.logger import LogEvent, globalLogBeginner
from twisted.python.reflect import namedModule

from wsgicontainer import assembly
from wsgicontainer.errors import ConfigurationError
from wsgicontainer.forked.zygote import Order, Zygote, failure_words
from wsgicontainer.links import Channel, LogRelay
from wsgicontainer.process import prctl
from wsgicontainer.process.leaving import LAST_WORD, leave_within

_TWISTED = ("log_legacy", "twisted.internet.base")
_NOISE = re.compile(r" starting on |\(\w+ Port .* Closed\)|Main loop terminated")
LINK, LOG = 3, 4
"""The descriptors that the supervisor has given us."""


def main() -> None:
    """Be the zygote, and in its children a worker."""
    for descriptor in (LINK, LOG):
        os.set_inheritable(descriptor, False)
    relay = LogRelay(Channel(socket.socket(fileno=LOG)), _says_something)
    relay.who = "zygote"
    globalLogBeginner.beginLoggingTo([relay])
    prctl.set_title("wsgi-zygote")
    order = Zygote(Channel(socket.socket(fileno=LINK)), assembly.prepare, os.fork).serve()
    if order is not None:
        number = order.words["worker"]
        relay.who = f"worker {number}"
        prctl.set_title(f"wsgi-worker-{number}")
        _work(order)
    leave_within(LAST_WORD)


def _says_something(event: LogEvent) -> bool:
    """Tell whether it is none of Twisted's lines on each port and reactor: with many workers those are many."""
    text = str(event.get("log_text") or event.get("log_format") or "")
    return event.get("log_namespace") not in _TWISTED or not _NOISE.search(text)


def _work(order: Order) -> None:
    """Serve until told to end. Runs in: worker."""
    if "twisted.internet.reactor" not in sys.modules:
        namedModule(order.prepared.reactor).install()
    from twisted.internet import reactor

    try:
        service: MultiService = assembly.makeWorker(order, reactor)
        service.startService()
    except ConfigurationError as error:
        Channel(socket.socket(fileno=os.dup(order.descriptors[0]))).send(failure_words(error), patience=5)
        leave_within(LAST_WORD, error.exit_status)
        raise SystemExit(error.exit_status) from None
    reactor.callWhenRunning(prctl.outlive_parent)  # the link tells the supervisor's end from now on
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
