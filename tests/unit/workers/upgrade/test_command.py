"""The command that started the server, given once more."""

from __future__ import annotations

import pytest

from wsgicontainer.workers.upgrade.command import command_from


def nowhere(_name: str) -> None:
    return None


@pytest.mark.parametrize(
    ("argv", "checked"),
    [
        (
            ["/venv/bin/python", "-m", "wsgicontainer", "a:b", "--workers", "2"],
            ["/venv/bin/python", "-m", "wsgicontainer", "a:b", "--workers", "2", "--check-config"],
        ),
        (
            ["/venv/bin/python", "/venv/bin/twist", "wsgicontainer", "--workers=2", "--", "a:b"],
            ["/venv/bin/python", "/venv/bin/twist", "wsgicontainer", "--workers=2", "--check-config", "--", "a:b"],
        ),
        (
            ["/venv/bin/python", "/venv/bin/twistd", "-n", "--pidfile", "x.pid", "wsgicontainer", "a:b"],
            ["/venv/bin/python", "/venv/bin/twistd", "-n", "--pidfile=", "wsgicontainer", "a:b", "--check-config"],
        ),
    ],
)
def test_it_is_checked_first(argv: list[str], checked: list[str]) -> None:
    command = command_from(argv, {}, nowhere)
    assert list(command.words) == argv
    assert command.check() == checked


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (["twistd", "-n", "wsgicontainer"], "twistd.pid"),
        (["twistd", "--pidfile=a.pid", "wsgicontainer"], "a.pid"),
        (["twistd", "--pidfile", "a.pid", "wsgicontainer", "--pid-file", "b"], "a.pid"),
        (["twistd", "--pidfile=", "wsgicontainer"], ""),
        (["twist", "wsgicontainer"], ""),
    ],
)
def test_the_pid_file_of_twistd_must_not_be_in_the_way(words: list[str], file: str) -> None:
    assert command_from(["/bin/python", *words], {}, nowhere).pid_file == file


def test_an_interpreter_is_looked_up_anew() -> None:
    """A virtual environment that was changed behind PATH is what runs next."""
    assert command_from(["python3", "x.py"], {}, {"python3": "/new/bin/python3"}.get).words[0] == "/new/bin/python3"


def test_a_pex_is_run_from_its_file_again() -> None:
    argv = ["/usr/bin/python3", "-sE", "/root/.pex/unzipped/__main__.py", "a:b"]
    assert command_from(argv, {"PEX": "/srv/site.pex"}, nowhere).words == ("/srv/site.pex", "a:b")
