"""The door of `twist` and `twistd`: the two names that Twisted wants of a plugin, `Options` and `makeService`.

What goes wrong becomes one sentence on stderr and an exit status, whether settings are wrong, the application does not
import or a port is taken when the service starts. The global reactor is imported here, once settings are sound.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from attrs import evolve
from twisted.application.service import MultiService
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from zope.interface import provider

from wsgicontainer.errors import ConfigurationError, LoadError
from wsgicontainer.options import Options, ReadFile, sourced_from
from wsgicontainer.process import init, succession
from wsgicontainer.process.leaving import LAST_WORD, leave_within
from wsgicontainer.settings import Settings
from wsgicontainer.settings.pages import summary_page, toml_page

__all__ = ["Options", "makeService"]


def makeService(options: Options) -> MultiService:
    """Make the service that the options ask for; Twisted calls this once, with its reactor installed.

    Raises SystemExit: with status 0 after --print-config and --check-config, otherwise with the error's status.
    """
    began_in = Path.cwd()

    def read_file(name: str) -> bytes:
        return (began_in / name).read_bytes()

    def reread() -> Settings:
        return sourced_from(options, os.environ, read_file).settings

    build = partial(_build, goes_into_background(options), reread)
    return _make_service(options, os.environ, read_file, build, _check)


def _build(daemon: bool, reread: Callable[[], Settings], settings: Settings) -> MultiService:
    asked = settings.init
    if succession.note_of(os.environ) is None:
        settings = below_init(settings, daemon, os.getpid(), init.divide)
    else:  # the supervisor before has seen to it
        settings = evolve(settings, init=succession.is_below_init(os.environ))
    from twisted.internet import reactor

    from wsgicontainer import assembly

    implied = settings.init and not asked  # as process 1: nobody has changed his mind at a reload
    return assembly.makeService(settings, reactor, (lambda: evolve(reread(), init=True)) if implied else reread)


def goes_into_background(options: Options) -> bool:
    """Tell whether it is a `twistd` that will leave its terminal: who has started it sees it end."""
    outer = getattr(options, "parent", None) or {}
    return "nodaemon" in outer and not (outer["nodaemon"] or outer["debug"])


def below_init(settings: Settings, daemon: bool, pid: int, divide: Callable[[], object]) -> Settings:
    """Return the settings of a server that has an init above it if it needs one; `init` tells which it is.

    The reactor is installed, but does not run; no application is imported, no thread started, nothing open.
    Raises ConfigurationError.
    """
    if not init.is_needed(settings.init, pid):
        return settings
    if daemon:
        who = "--init" if settings.init else "process 1"
        raise ConfigurationError(f"{who}: when twistd goes into the background, init ends; write twistd --nodaemon")
    divide()
    return evolve(settings, init=True)


def _check(settings: Settings) -> None:
    from wsgicontainer import assembly

    with _warnings() as warned:
        assembly.check(settings)
    sys.stderr.write("".join(warned))


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect what a start would warn of in the log, which never begins here.

    A check that fails has its one sentence: the log may have told the same already, with another mend.
    """
    told: list[str] = []

    @provider(ILogObserver)
    def note(event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.warn and event["log_namespace"].startswith("wsgicontainer"):
            told.append(f"wsgicontainer: warning: {formatEvent(event)}\n")

    globalLogPublisher.addObserver(note)
    try:
        yield told
    finally:
        globalLogPublisher.removeObserver(note)


def _make_service(
    options: Options,
    environ: Mapping[str, str],
    read_file: ReadFile,
    build: Callable[[Settings], MultiService],
    check: Callable[[Settings], None],
) -> MultiService:
    """Do what `makeService` does, with the effects handed in."""
    with _telling():
        sourced = sourced_from(options, environ, read_file)
        if "print-config" in options:
            _say_and_stop(toml_page(sourced.settings, sourced.origins))
        if "check-config" in options:
            check(sourced.settings)
            _say_and_stop(summary_page(sourced.settings))
        return _ToldService(build(sourced.settings), os.getpid)


def _say_and_stop(page: str) -> None:
    sys.stdout.write(page)
    sys.stdout.flush()
    _end_with(0)
    raise SystemExit(0)


class _Refusal(SystemExit, Exception):
    """The exit after the sentence; also an Exception, so that `twistd -n` removes its pid file on the way out."""


@contextmanager
def _telling() -> Iterator[None]:
    """Turn a ConfigurationError into its sentence on stderr and its exit status."""
    try:
        yield
    except ConfigurationError as error:
        details = error.details.rstrip() + "\n" if isinstance(error, LoadError) and error.details else ""
        sys.stderr.write(f"{details}wsgicontainer: {error}\n")
        _end_with(error.exit_status)
        raise _Refusal(error.exit_status) from None


def _end_with(status: int) -> None:
    """See to it that the process ends, though the application may have left a thread that the interpreter waits for."""
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        leave_within(LAST_WORD, status)


class _ToldService(MultiService):
    """Holds the whole service and tells what goes wrong when it starts, such as a taken port.

    A `twistd` that has gone into the background has no stderr any more: there the error itself goes up, and twistd
    reports it to the terminal through its status pipe.
    """

    def __init__(self, service: MultiService, getpid: Callable[[], int]) -> None:
        super().__init__()  # Twisted has no types there
        self._getpid = getpid
        self._made_in = getpid()
        service.setServiceParent(self)

    def privilegedStartService(self) -> None:
        """Start what needs privileges; `twist` never calls this."""
        self._start(super().privilegedStartService)

    def startService(self) -> None:
        """Start."""
        self._start(super().startService)

    def _start(self, start: Callable[[], None]) -> None:
        if self._getpid() != self._made_in:
            start()
            return
        with _telling():
            start()
