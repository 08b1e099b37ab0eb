"""What a process becomes: its folder and environment at once, its user, title and the like once its ports are open.

Runs in: whoever serves or checks, before the reactor runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from wsgicontainer.errors import ConfigurationError
from wsgicontainer.process import init, prctl, privileges
from wsgicontainer.process.identity import check_spool, tell_unreadable_interpreter
from wsgicontainer.process.privileges import Account
from wsgicontainer.settings import Settings
from wsgicontainer.tls.ports import Presented


def enter(settings: Settings) -> None:
    """Make the working directory and the environment what the application will find.

    Where it is imported from comes later: until privileges are shed nothing is imported from a folder of the user's.
    """
    enter_folder(settings)
    _set_umask(settings)
    os.environ.update(dict(settings.env))


def enter_folder(settings: Settings) -> None:
    """Enter the working directory: for a supervisor only names of sockets and of the pid file are relative to it."""
    if settings.chdir is not None:
        try:
            os.chdir(settings.chdir)
        except OSError as error:
            raise ConfigurationError(
                f"--chdir {settings.chdir} can't be entered ({error.strerror}); name a folder that exists"
            ) from None


def _set_umask(settings: Settings) -> None:
    if settings.umask is not None:
        os.umask(int(settings.umask, 8))


def account_of(settings: Settings) -> Account | None:
    """Return whom the server is to become; None if it stays who it is. Raises ConfigurationError."""
    if settings.user is None and settings.group is None:
        return None
    running = os.geteuid(), os.getegid()
    return privileges.account_for(settings.user, settings.group, privileges.system_accounts(), running)


def steps_of(settings: Settings, presented: Presented | None) -> list[Callable[[], object]]:
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
