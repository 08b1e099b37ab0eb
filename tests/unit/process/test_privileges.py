"""Whom the server becomes: names and numbers, what is refused, and that there is no way back."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from wsgicontainer.errors import BootError, ConfigurationError
from wsgicontainer.process.privileges import Account, Accounts, account_for, acting_as, shed

USERS = {"www": SimpleNamespace(pw_name="www", pw_uid=33, pw_gid=33)}
GROUPS = {"www": SimpleNamespace(gr_gid=33), "keys": SimpleNamespace(gr_gid=7)}
ACCOUNTS = Accounts(
    lambda who: {**USERS, 33: USERS["www"]}[who],
    lambda who: {**GROUPS, 7: GROUPS["keys"]}[who],
    lambda name, gid: [gid, 50],
)
WWW = Account("--user www", 33, 33, (33, 50))


@pytest.mark.parametrize(
    ("user", "group", "found"),
    [
        ("www", None, WWW),
        ("33", None, Account("--user 33", 33, 33, (33, 50))),
        ("www", "keys", Account("--user www", 33, 7, (7, 50))),
        ("www", "7", Account("--user www", 33, 7, (7, 50))),
        ("10001", "10001", Account("--user 10001", 10001, 10001, (10001,))),
        (None, "keys", Account("--group keys", 0, 7, (7,))),
        (None, None, None),
    ],
)
def test_names_and_numbers(user: str | None, group: str | None, found: Account | None) -> None:
    """A user brings its own groups; a number that nobody has is as good, as containers have it."""
    assert account_for(user, group, ACCOUNTS, (0, 0)) == found


@pytest.mark.parametrize(
    ("user", "group", "told"),
    [
        ("wwv", None, "--user wwv: there is no such user; name one, or a number"),
        ("www", "kezs", "--group kezs: there is no such group; name one, or a number"),
        ("4294967296", "7", "--user 4294967296: there is no such user; name one, or a number"),
        ("10001", None, "--user 10001: this number has no group of its own; write --group 10001 beside it"),
    ],
)
def test_what_does_not_exist_is_a_sentence(user: str, group: str | None, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        account_for(user, group, ACCOUNTS, (0, 0))
    assert str(caught.value) == told


class System:
    """A kernel's idea of a process: real, effective and saved ids."""

    def __init__(self, uid: int = 0, capable: bool = False) -> None:
        self.users, self.groups_, self.extra = [uid] * 3, [uid] * 3, [0, 4]
        self.capable = capable
        self.calls: list[str] = []

    def _privileged(self) -> bool:
        return self.users[1] == 0 or self.capable

    def _check(self, call: str, ids: list[int], wanted: tuple[int, ...]) -> None:
        self.calls.append(call)
        if not self._privileged() and not set(wanted) <= set(ids):
            raise PermissionError(1, "Operation not permitted")

    def getuid(self) -> int:
        return self.users[0]

    def geteuid(self) -> int:
        return self.users[1]

    def getgid(self) -> int:
        return self.groups_[0]

    def getegid(self) -> int:
        return self.groups_[1]

    def getgroups(self) -> list[int]:
        return self.extra

    def setgroups(self, groups: list[int]) -> None:
        self._check("setgroups", [], (-1,))
        self.extra = groups

    def setresgid(self, *ids: int) -> None:
        self._check("setresgid", self.groups_, ids)
        self.groups_ = list(ids)

    def setresuid(self, *ids: int) -> None:
        self._check("setresuid", self.users, ids)
        self.users = list(ids)

    def setgid(self, gid: int) -> None:
        self._check("setgid", self.groups_, (gid,))
        self.groups_ = [gid] * 3

    def setuid(self, uid: int) -> None:
        self._check("setuid", self.users, (uid,))
        self.users = [uid] * 3

    def seteuid(self, uid: int) -> None:
        self._check("seteuid", self.users, (uid,))
        self.users[1] = uid


def test_everything_of_root_is_shed_groups_first() -> None:
    system = System()
    shed(WWW, system)
    assert (system.users, system.groups_, system.extra) == ([33] * 3, [33] * 3, [33, 50])
    assert system.calls[:3] == ["setgroups", "setgid", "setuid"]
    assert system.calls[3:] == ["setuid", "seteuid"]  # the way back is tried


def test_a_process_that_could_go_back_does_not_start() -> None:
    with pytest.raises(BootError, match="--user www: this process could become root again"):
        shed(WWW, System(capable=True))


def test_only_root_may() -> None:
    with pytest.raises(BootError) as caught:
        shed(WWW, System(uid=1000))
    assert str(caught.value) == (
        "--user www: user 1000 may not become another (Operation not permitted); start as root, or leave it out"
    )


def test_who_is_it_already_needs_no_rights() -> None:
    """The same command runs in a container that was started as that user."""
    system = System(uid=33)
    shed(WWW, system)
    with acting_as(WWW, system):
        pass
    assert system.calls == []


def test_the_import_is_done_as_the_user_and_then_ports_as_root() -> None:
    """What the application starts on import has no way back: only the saved id is root's, and an exec forgets it."""
    system = System()

    def fail() -> None:
        with acting_as(WWW, system):
            assert (system.users, system.groups_, system.extra) == ([33, 33, 0], [33, 33, 0], [33, 50])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (system.users, system.groups_, system.extra) == ([0] * 3, [0] * 3, [0, 4])


def test_nobody_in_particular_is_who_we_are() -> None:
    system = System()
    with acting_as(None, system):
        pass
    assert system.calls == []


def test_root_with_another_group_has_that_group_alone() -> None:
    system = System()
    shed(Account("--group keys", 0, 7, (7,)), system)
    assert (system.users, system.groups_, system.extra) == ([0] * 3, [7] * 3, [7])
    assert system.calls == ["setgroups", "setgid", "setuid"]
