"""Whom the server becomes once its ports are open: `--user`, `--group`.

One rule: only ports and keys are root's. All else, the application's import, the pid file, the access log, unix sockets
and temporary files, is done as the user, so nothing that the user could have put in a path is followed with more rights
than it has itself. What was shed can't be had again, and that is tried out.
Runs in: the main thread; the C library tells all others, should the application have started some on import.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from attrs import frozen
from twisted.logger import Logger

from wsgicontainer.errors import BootError, ConfigurationError

with suppress(ImportError):  # not on Windows
    import grp
    import pwd

_log = Logger()


@frozen
class Account:
    """A user and a group, and how the operator calls them."""

    label: str
    """`"--user www-data"`, for sentences."""
    uid: int
    gid: int
    groups: tuple[int, ...]
    """All its groups, `gid` among them."""


@frozen
class Accounts:
    """Where users and groups are looked up."""

    user: Callable[[str | int], Any]
    """A name or number -> its entry, as of `pwd`; raises KeyError."""
    group: Callable[[str | int], Any]
    groups_of: Callable[[str, int], Sequence[int]]
    """A user's name and first group -> all its groups."""


def system_accounts() -> Accounts:
    """Return those of this machine. Raises ConfigurationError where there are none."""
    try:
        return Accounts(
            lambda who: pwd.getpwuid(who) if isinstance(who, int) else pwd.getpwnam(who),
            lambda who: grp.getgrgid(who) if isinstance(who, int) else grp.getgrnam(who),
            os.getgrouplist,
        )
    except NameError:
        raise ConfigurationError("--user and --group need a system with users; leave them out") from None


def account_for(user: str | None, group: str | None, accounts: Accounts, running: tuple[int, int]) -> Account | None:
    """Find whom the operator means; None if nobody. `running` is the uid and gid of now. Raises ConfigurationError."""
    if user is None and group is None:
        return None
    entry = None if user is None else _find("user", user, accounts.user)
    uid = running[0] if user is None else int(user) if entry is None else entry.pw_uid
    if group is not None:
        found = _find("group", group, accounts.group)
        gid = int(group) if found is None else found.gr_gid
    elif entry is not None:
        gid = entry.pw_gid
    else:
        raise ConfigurationError(f"--user {user}: this number has no group of its own; write --group {user} beside it")
    groups = (gid,) if entry is None else tuple(dict.fromkeys((gid, *accounts.groups_of(entry.pw_name, gid))))
    return Account(f"--group {group}" if user is None else f"--user {user}", uid, gid, groups)


def _find(kind: str, text: str, look_up: Callable[[str | int], Any]) -> Any:
    """Return an entry; None for a number without one, which is allowed: containers often have no such entries."""
    number = text.isascii() and text.isdecimal()
    try:
        return look_up(int(text) if number else text)
    except (KeyError, OverflowError):
        if number and int(text) < 2**32 - 1:
            return None
        raise ConfigurationError(f"--{kind} {text}: there is no such {kind}; name one, or a number") from None


@contextmanager
def acting_as(account: Account | None, system: Any = os) -> Iterator[None]:
    """Be somebody for a while; what is started meanwhile stays so. Raises BootError if this process may not."""
    if account is None or _is(account, system) or not hasattr(system, "setresuid"):
        yield
        return
    uid, gid, groups = system.geteuid(), system.getegid(), system.getgroups()
    with _permitted(account, system):
        system.setgroups(list(account.groups))
        system.setresgid(account.gid, account.gid, gid)
        system.setresuid(account.uid, account.uid, uid)
    try:
        yield
    finally:
        system.setresuid(uid, uid, uid)
        system.setresgid(gid, gid, gid)
        system.setgroups(groups)


def shed(account: Account, system: Any = os) -> None:
    """Become somebody for good. Raises BootError if this process may not, or if it could go back."""
    if _is(account, system):
        return
    with _permitted(account, system):
        system.setgroups(list(account.groups))
        system.setgid(account.gid)
        system.setuid(account.uid)
    if account.uid and _regains(system):
        raise BootError(
            f"{account.label}: this process could become root again; take its capabilities away (CAP_SETUID, SETPCAP)"
        )
    _log.info("wsgicontainer runs as user {uid}, group {gid}", uid=account.uid, gid=account.gid)


def _is(account: Account, system: Any) -> bool:
    """Tell whether nothing has to be shed."""
    users, groups = {system.getuid(), system.geteuid()}, {system.getgid(), system.getegid()}
    return users == {account.uid} and groups == {account.gid} and (account.uid != 0 or _has_groups(account, system))


def _has_groups(account: Account, system: Any) -> bool:
    return set(system.getgroups()) <= set(account.groups)


@contextmanager
def _permitted(account: Account, system: Any) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BootError(
            f"{account.label}: user {system.geteuid()} may not become another ({error.strerror}); "
            "start as root, or leave it out"
        ) from None


def _regains(system: Any) -> bool:
    for again in (system.setuid, system.seteuid):
        with suppress(OSError):
            again(0)
            return True
    return False
