"""The door of twist and twistd: sentences and exit statuses."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from twisted.application.service import MultiService, Service

from wsgicontainer import tap
from wsgicontainer.errors import BootError, ConfigurationError, LoadError
from wsgicontainer.options import Options
from wsgicontainer.settings import Settings
from wsgicontainer.tap import _make_service, _ToldService, below_init, goes_into_background

APP = "mysite.wsgi:application"


def no_file(name: str) -> bytes:
    raise FileNotFoundError


def build(settings: Settings) -> MultiService:
    return MultiService()


def make(
    *words: str,
    build: Callable[[Settings], MultiService] = build,
    check: Callable[[Settings], None] = lambda settings: None,
) -> MultiService:
    options = Options()
    options.parseOptions(words)
    return _make_service(options, {}, no_file, build, check)


class Unstartable(Service):
    """A service that can't start, such as one whose port is taken."""

    def __init__(self, when: str) -> None:
        self.when = when

    def privilegedStartService(self) -> None:
        if self.when == "privileged":
            raise BootError("--port: tcp:80 is taken; write --port tcp:8000")

    def startService(self) -> None:
        if self.when == "start":
            raise BootError("--port: tcp:80 is taken; write --port tcp:8000")


def unstartable(when: str) -> MultiService:
    service = MultiService()
    Unstartable(when).setServiceParent(service)
    return service


def test_twisted_finds_the_two_names_that_it_wants() -> None:
    assert tap.__all__ == ["Options", "makeService"]
    assert callable(tap.makeService)


def test_the_service_gets_the_settings() -> None:
    seen = []

    def keep(settings: Settings) -> MultiService:
        seen.append(settings)
        return MultiService()

    service = make(APP, "--threads", "3", build=keep)
    service.privilegedStartService()
    service.startService()
    assert seen == [Settings(wsgi=APP, threads=3)]
    assert [child.running for child in service] == [1]


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (ConfigurationError("--x: no"), 2, "wsgicontainer: --x: no\n"),
        (BootError("--x: no"), 3, "wsgicontainer: --x: no\n"),
        (LoadError("APP: no"), 4, "wsgicontainer: APP: no\n"),
        (LoadError("APP: no", "Traceback\nKeyError\n"), 4, "Traceback\nKeyError\nwsgicontainer: APP: no\n"),
    ],
)
@pytest.mark.parametrize("words", [[], ["--check-config"]])
def test_an_error_is_a_sentence_and_an_exit_status(
    words: list[str], error: ConfigurationError, status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(settings: Settings) -> MultiService:
        raise error

    with pytest.raises(SystemExit) as caught:
        make(APP, *words, build=fail, check=lambda settings: fail(settings) and None)
    assert caught.value.code == status
    assert capsys.readouterr() == ("", told)


def test_nothing_to_serve_is_told_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        make()
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        "wsgicontainer: APP: there is nothing to serve; write twist wsgicontainer mysite.wsgi:application\n"
    )


def test_print_config_prints_toml_and_stops(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        make(APP, "--print-config")
    assert caught.value.code == 0
    assert f'wsgi = "{APP}"  # command line\n' in capsys.readouterr().out


def test_check_config_loads_everything_says_what_would_run_and_stops(capsys: pytest.CaptureFixture[str]) -> None:
    checked: list[Settings] = []
    with pytest.raises(SystemExit) as caught:
        make(APP, "--check-config", check=checked.append)
    assert caught.value.code == 0
    assert checked == [Settings(wsgi=APP)]
    assert capsys.readouterr().out.startswith(f"applications  / = {APP}\n")


@pytest.mark.parametrize("when", ["privileged", "start"])
def test_a_taken_port_is_a_sentence_and_status_3(when: str, capsys: pytest.CaptureFixture[str]) -> None:
    service = make(APP, build=lambda settings: unstartable(when))
    start = {"privileged": service.privilegedStartService, "start": service.startService}[when]
    with pytest.raises(SystemExit) as caught:
        start()
    assert caught.value.code == 3
    assert capsys.readouterr().err == "wsgicontainer: --port: tcp:80 is taken; write --port tcp:8000\n"


def test_twistd_removes_its_pid_file_on_a_refusal() -> None:
    """Its runner does so for an Exception only; a plain SystemExit would leave the file."""
    with pytest.raises(Exception) as caught:
        make(APP, build=lambda settings: unstartable("start")).startService()
    assert isinstance(caught.value, SystemExit)


def test_a_daemon_leaves_the_error_to_twistds_status_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    pids = iter([os.getpid(), os.getpid() + 1])
    service = _ToldService(unstartable("start"), lambda: next(pids))
    with pytest.raises(BootError, match="is taken"):
        service.startService()
    assert capsys.readouterr().err == ""


def test_a_server_that_needs_an_init_gets_one_and_knows_it() -> None:
    divided: list[str] = []
    settings = Settings(wsgi=APP)
    assert below_init(settings, False, 77, lambda: divided.append("no")) == settings
    below = below_init(settings, False, 1, lambda: divided.append("process 1"))
    assert below.init and below == below_init(Settings(wsgi=APP, init=True), False, 77, lambda: divided.append("asked"))
    assert divided == ["process 1", "asked"]


@pytest.mark.parametrize(("pid", "asked", "who"), [(77, True, "--init"), (1, False, "process 1")])
def test_a_daemon_is_refused_where_its_init_would_end(pid: int, asked: bool, who: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        below_init(Settings(wsgi=APP, init=asked), True, pid, pytest.fail)
    assert str(caught.value) == f"{who}: when twistd goes into the background, init ends; write twistd --nodaemon"


@pytest.mark.parametrize(
    ("outer", "background"),
    [
        (None, False),
        ({"reactor": None}, False),
        ({"nodaemon": 0, "debug": False}, True),
        ({"nodaemon": 1, "debug": False}, False),
        ({"nodaemon": 0, "debug": True}, False),
    ],
)
def test_only_a_twistd_without_nodaemon_goes_into_the_background(
    outer: dict[str, object] | None, background: bool
) -> None:
    options = Options()
    options.parent = outer
    assert goes_into_background(options) is background
