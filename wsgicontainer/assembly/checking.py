"""What --check-config does: everything that a start does, but nothing is started.

Runs in: a process that ends after it; with a new supervisor's command it is asked by the supervisor that stays.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from wsgicontainer.assembly.becoming import account_of, enter
from wsgicontainer.assembly.ports import circumstances, endpoint_at, present
from wsgicontainer.assembly.site import load_routes, load_timers
from wsgicontainer.endpoints import Passed
from wsgicontainer.process import privileges, succession
from wsgicontainer.process.privileges import Account
from wsgicontainer.settings import Settings
from wsgicontainer.supervising import check_supervised, checks_for_upgrade
from wsgicontainer.telemetry.accessline import compile_format
from wsgicontainer.wsgi.loading import make_importable


def check(settings: Settings, shed: Callable[[Account], object] = privileges.shed) -> None:
    """Do everything that makeService does, but start nothing: for --check-config. Raises ConfigurationError.

    With several workers it becomes the user for good before it imports the application, as a zygote does: it may be the
    supervisor, which stays root, that has asked.
    """
    succession.check_version(os.environ)
    enter(settings)
    compile_format(settings.access_log_format)
    present(settings)
    account = account_of(settings)
    if settings.workers > 1:
        _check_ports(settings)
        check_supervised(settings)
        if account is not None:
            shed(account)
    make_importable(os.getcwd(), sys.path)
    load_routes(settings)
    load_timers(settings)
    if settings.workers == 1:
        _check_ports(settings)


def _check_ports(settings: Settings) -> None:
    from twisted.internet.testing import MemoryReactorClock

    at = circumstances(settings, MemoryReactorClock(), Passed([]))
    for port in settings.ports:
        if not checks_for_upgrade(port):
            endpoint_at(port, at)
