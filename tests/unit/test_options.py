"""The command line, the environment and TOML: who may say what, and who wins."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wsgicontainer
from wsgicontainer.errors import ConfigurationError
from wsgicontainer.options import Options, arrange, command_name, settings_from, sourced_from
from wsgicontainer.settings import OPTIONS, Settings

APP = "mysite.wsgi:application"


def files(**texts: str) -> Callable[[str], bytes]:
    """Make a reader of files that exist only here; `wsgicontainer_toml` is wsgicontainer.toml."""
    contents = {name.replace("_", "."): text.encode("latin-1") for name, text in texts.items()}

    def read(name: str) -> bytes:
        if name not in contents:
            raise FileNotFoundError(2, "No such file or directory")
        return contents[name]

    return read


def parsed(*words: str) -> Options:
    options = Options()
    options.parseOptions(words)
    return options


def settings(*words: str, environ: Mapping[str, str] | None = None, **texts: str) -> Settings:
    return settings_from(parsed(*words), environ or {}, files(**texts))


def refused(*words: str, environ: Mapping[str, str] | None = None, **texts: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        settings(*words, environ=environ, **texts)
    return str(caught.value)


# The command line -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        [APP, "--threads", "3", "-p", "tcp:1", "--port=tcp:2"],
        ["--threads=3", "-ptcp:1", APP, "--port", "tcp:2"],
        ["--wsgi", APP, "-p", "tcp:1", "-p", "tcp:2", "--threads", "5", "--threads", "3"],
        ["-p", "tcp:1", "-p", "tcp:2", "--threads", "3", "--", APP],
    ],
)
def test_options_may_stand_before_and_after_the_application(words: list[str]) -> None:
    assert dict(parsed(*words)) == {"wsgi": APP, "threads": 3, "ports": ("tcp:1", "tcp:2")}


def test_ports_and_addresses_keep_their_order() -> None:
    assert settings(APP, "-b", ":1", "-p", "tcp:2", "--bind", "unix:x").ports == ("tcp:1", "tcp:2", "unix:x")


def test_underscores_in_names_are_taken_as_gunicorn_has_them() -> None:
    assert parsed("--limit-request-field_size", "100") == {"limit_request_field_size": 100}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--threads", "many"], "--threads: 'many' is not a whole number; write --threads 8"),
        (["--port", "8000"], "--port: '8000' does not say what to listen on; write --port tcp:8000"),
        (["-b", "x"], "--bind: 'x' is not host:port; write --bind x:8000"),
        (["--thread", "3"], "--thread: there is no such option; did you mean --threads?"),
        (["--time", "3"], "--time: there is no such option; did you mean --timeout or --timer?"),
        (["--print"], "--print: there is no such option; did you mean --print-config?"),
        (["--max", "3"], "--max: there is no such option; see wsgicontainer --help"),
        (["--access_logfile=-"], "--access-logfile: there is no such option; write --access-log"),
        (
            ["-n"],
            "-n: there is no such option; twistd has it, and takes it before our name: twistd -n … wsgicontainer",
        ),
        (["-k", "g"], "-k: there is no such option; there is one kind, with threads; write --threads for how many"),
        (["-cgunicorn.py"], "-cgunicorn.py: there is no such option; write --config with a file that is TOML"),
        (
            ["-l", "x"],
            "-l: there is no such option; twistd has it, and takes it before our name: twistd -l … wsgicontainer",
        ),
        (["--entirely-unknown"], "--entirely-unknown: there is no such option; see wsgicontainer --help"),
        (["-x", "3"], "-x: there is no such option; see wsgicontainer --help"),
        (["-hx"], "-hx: there is no such option; see wsgicontainer --help"),
        (["--threads"], "--threads: its value is missing; write --threads 8"),
        (["-p"], "-p: its value is missing; write -p tcp:8000"),
        (["--check-config=yes"], "--check-config: it takes no value; write --check-config"),
        (
            ["--log-level", "debug"],
            "--log-level: it belongs to twist; write it before wsgicontainer: twist --log-level … wsgicontainer",
        ),
        (["a/b.py"], "APP: 'a/b.py' does not name a module and what to call in it; write a.b:application"),
        (["a", "b"], "APP: 'b' is one application too many beside 'a'; write --mount /path=b"),
        (["-"], "APP: '-' does not name a module and what to call in it; write mysite.wsgi:application"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_status_2(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(*words)
    assert caught.value.code == 2
    assert capsys.readouterr() == ("", f"wsgicontainer: {told}\n")


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("--reload", "nothing watches the files yet: while you develop, use your framework's own server, or end"),
        ("--reload-dir=x", "; with --workers 2, kill -HUP has new code follow without losing a request"),
        ("--noreload", "nothing watches the files: leave it out"),
        ("--max-threads=3", "there is no such option; write --threads"),
        ("-v", "how much is told is twist's: twist --log-level debug wsgicontainer"),
        ("--ini", "write --config with a file that is TOML"),
        ("--log-config", "twist --log-file=FILE wsgicontainer"),
        ("--pidfile=x", "takes it before our name: twistd --pidfile … wsgicontainer; ours is --pid-file"),
    ],
)
def test_who_knows_another_server_is_told_what_it_is_called_here(word: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(told)):
        arrange([word], ["port="], "p:")


def test_words_come_from_the_command_line_if_nobody_gives_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["wsgicontainer", APP])
    options = Options()
    options.parseOptions()
    assert options == {"wsgi": APP}


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_is_a_page_on_standard_output(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(word)
    assert not caught.value.code
    assert "--graceful-timeout S" in capsys.readouterr().out


def test_version_names_ours_and_twisteds(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed("--version")
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"wsgicontainer {wsgicontainer.__version__}, Twisted ")


def test_the_usage_fits_the_width_that_twisted_asks_for() -> None:
    options = Options()
    assert options.getUsage(width=100) != options.getUsage(width=80)
    assert str(options) == options.getUsage()


def test_the_shell_can_complete(capsys: pytest.CaptureFixture[str]) -> None:
    options = Options()
    options._shellCompFile = sys.stdout
    with pytest.raises(SystemExit):
        options.parseOptions(["", "--_shell-completion", "zsh:2"])
    assert "--graceful-timeout" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("/usr/bin/twist", "twist wsgicontainer"),
        ("twistd", "twistd wsgicontainer"),
        ("/x/wsgicontainer/__main__.py", "python -m wsgicontainer"),
        ("/bin/wsgicontainer", "wsgicontainer"),
    ],
)
def test_help_shows_the_command_that_was_typed(program: str, command: str) -> None:
    assert command_name(program) == command


@given(st.lists(st.text(max_size=8)), st.lists(st.text(min_size=1).filter(lambda text: text[0] != "-")))
def test_values_and_positional_words_come_through_as_they_are(values: list[str], positional: list[str]) -> None:
    words = [word for value in values for word in ("--port", value)]
    assert arrange([*positional, *words], ["port="], "") == [
        *(f"--port={value}" for value in values),
        "--",
        *positional,
    ]


@given(
    st.lists(st.sampled_from(["-p", "--port", "--port=x", "--help", "-h", "--", "-", "a", "--no", "-x"]), max_size=6)
)
def test_any_line_is_arranged_or_refused(words: list[str]) -> None:
    try:
        arranged = arrange(words, ["port=", "help"], "p:h")
    except ConfigurationError:
        return
    assert len(arranged) <= len(words) + 1


def test_a_short_flag_of_somebodys_subclass_is_kept() -> None:
    assert arrange(["-v", "a"], [], "v") == ["-v", "--", "a"]


def test_a_subclass_may_have_an_option_that_the_table_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    class Theirs(Options):
        optParameters = (("color", "c", "red", "the color"),)

    options = Theirs()
    options.parseOptions(["--color", "blue", APP])
    assert options == {"color": "blue", "wsgi": APP}
    with pytest.raises(SystemExit):
        options.parseOptions(["--color"])
    assert capsys.readouterr().err == "wsgicontainer: --color: its value is missing\n"


def test_parsing_needs_no_reactor_and_opens_nothing() -> None:
    program = (
        "import sys\n"
        "from wsgicontainer.tap import Options\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(args) if event == 'open' else None)\n"
        f"Options().parseOptions(['{APP}', '--config', '/nowhere', '--chdir', '/nowhere'])\n"
        "assert not opened, opened\n"
        "assert 'twisted.internet.reactor' not in sys.modules\n"
        "assert 'mysite' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# The environment --------------------------------------------------------------------------------------------------


def test_every_option_has_its_variable() -> None:
    made = settings(
        environ={
            "WSGICONTAINER_WSGI": APP,
            "WSGICONTAINER_GRACEFUL_TIMEOUT": "5",
            "WSGICONTAINER_PORT": "tcp:1; tcp:2 ;",
            "WSGICONTAINER_BIND": ":3",
            "WSGICONTAINER_ENV": "A=b;c\nB=d\n",
            "WSGICONTAINER_THREADS": "",
            "OTHER": "x",
        }
    )
    assert (made.wsgi, made.graceful_timeout, made.env) == (APP, 5.0, (("A", "b;c"), ("B", "d")))
    assert sorted(made.ports) == ["tcp:1", "tcp:2", "tcp:3"]


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("WSGICONTAINER_THREADS", "many", "'many' is not a whole number; write WSGICONTAINER_THREADS=8"),
        ("WSGICONTAINER_THREDS", "3", "there is no such option; did you mean WSGICONTAINER_THREADS?"),
        ("WSGICONTAINER_MAX_THREADS", "3", "there is no such option; write --threads"),
        ("PORT", "http", "'tcp:http' has no port from 0 to 65535; write PORT=8000"),
    ],
)
def test_a_wrong_variable_is_told_by_its_name(variable: str, value: str, told: str) -> None:
    assert refused(APP, environ={variable: value}) == f"{variable}: {told}"


def test_variables_that_kubernetes_makes_for_a_service_of_our_name_are_left_alone() -> None:
    assert settings(APP, environ={"WSGICONTAINER_SERVICE_HOST": "10.0.0.1"}) == settings(APP)


@pytest.mark.parametrize(
    ("words", "environ", "ports"),
    [
        ([], {}, ("tcp:8000:interface=127.0.0.1",)),
        ([], {"PORT": "5000"}, ("tcp:5000",)),
        ([], {"PORT": ""}, ("tcp:8000:interface=127.0.0.1",)),
        (["-p", "tcp:1"], {"PORT": "5000"}, ("tcp:1",)),
        ([], {"PORT": "5000", "WSGICONTAINER_BIND": ":2"}, ("tcp:2",)),
    ],
)
def test_the_platforms_port_counts_if_no_endpoint_is_given(
    words: list[str], environ: dict[str, str], ports: tuple[str, ...]
) -> None:
    assert settings(APP, *words, environ=environ).ports == ports


# TOML -------------------------------------------------------------------------------------------------------------


def test_the_command_line_wins_over_the_environment_which_wins_over_toml() -> None:
    toml = f'wsgi = "{APP}"\nthreads = 2\nkeep-alive = 2\nbacklog = 2\nport = ["tcp:1"]\nmount = {{"/x" = "a:b"}}\n'
    environ = {"WSGICONTAINER_THREADS": "3", "WSGICONTAINER_KEEP_ALIVE": "3"}
    sourced = sourced_from(parsed("--threads", "4", "-p", "tcp:9"), environ, files(wsgicontainer_toml=toml))
    made = sourced.settings
    assert (made.wsgi, made.threads, made.keep_alive, made.backlog, made.ports) == (APP, 4, 3.0, 2, ("tcp:9",))
    assert sourced.origins == {
        "wsgi": "wsgicontainer.toml",
        "mounts": "wsgicontainer.toml",
        "backlog": "wsgicontainer.toml",
        "keep_alive": "environment",
        "threads": "command line",
        "ports": "command line",
    }


def test_pyproject_toml_is_read_if_there_is_no_file_of_our_own() -> None:
    pyproject = "[tool.wsgicontainer]\nbacklog = 7"
    assert settings(APP, pyproject_toml=pyproject).backlog == 7
    assert settings(APP, pyproject_toml=pyproject, wsgicontainer_toml="backlog = 8").backlog == 8
    assert settings(APP, pyproject_toml="tool = 3").backlog == 2048


def test_a_named_file_is_the_only_one() -> None:
    assert settings(APP, "--config", "my.toml", my_toml="backlog = 1", wsgicontainer_toml="threads = 1").backlog == 1
    environ = {"WSGICONTAINER_CONFIG": "my.toml"}
    assert settings(APP, environ=environ, my_toml="backlog = 1").backlog == 1


@pytest.mark.parametrize(
    ("words", "texts", "told"),
    [
        (["--config", "x"], {}, "--config: there is no file x; write one, or leave --config out"),
        (
            [],
            {"wsgicontainer_toml": "threads = 'x'"},
            "wsgicontainer.toml: threads: 'x' is not a whole number; write threads = 8",
        ),
        (
            [],
            {"wsgicontainer_toml": "port = 8"},
            "wsgicontainer.toml: port: '8' does not say what to listen on; write port = \"tcp:8\"",
        ),
        (
            [],
            {"wsgicontainer_toml": "thread = 8"},
            "wsgicontainer.toml: thread: there is no such option; did you mean threads?",
        ),
        (
            [],
            {"wsgicontainer_toml": "access_logfile = '-'"},
            "wsgicontainer.toml: access_logfile: there is no such option; write --access-log",
        ),
        (["--config", "{x}"], {"{x}": "thread = 8"}, "{x}: thread: there is no such option; did you mean threads?"),
        (
            [],
            {"pyproject_toml": "[tool]\nwsgicontainer = 3"},
            "pyproject.toml: wsgicontainer under tool is not a table; write [tool.wsgicontainer]",
        ),
    ],
)
def test_a_wrong_file_is_told_by_its_name(words: list[str], texts: dict[str, str], told: str) -> None:
    assert refused(APP, *words, **texts) == told


@pytest.mark.parametrize("text", ["threads =", "\xff"])
def test_a_file_that_is_not_toml_is_told(text: str) -> None:
    assert refused(APP, wsgicontainer_toml=text).startswith("wsgicontainer.toml: it is not TOML: ")


def test_who_brings_gunicorns_file_is_told_what_is_read_here() -> None:
    told = refused(APP, "--config", "gunicorn.conf.py", **{"gunicorn.conf.py": "import os"})
    assert told.startswith("gunicorn.conf.py: it is not TOML: ")
    assert told.endswith('; options are TOML here, as in port = "tcp:8000"')


def test_a_file_that_may_not_be_read_is_told() -> None:
    def read(name: str) -> bytes:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(ConfigurationError, match=r"^wsgicontainer\.toml: it can't be read: Permission denied; mend"):
        settings_from(parsed(APP), {}, read)


# One truth --------------------------------------------------------------------------------------------------------


BESIDE = {"keyfile": ("certfile", "c.pem"), "ca-certs": ("cert-reqs", "required"), "cert-reqs": ("ca-certs", "c.pem")}
"""What makes no sense alone."""


@given(st.sampled_from([option for option in OPTIONS if option.attribute]))
def test_an_option_means_the_same_wherever_it_is_written(option: Any) -> None:
    words = [] if option.name == "wsgi" else [APP]
    environ = {} if option.name == "wsgi" else {"WSGICONTAINER_WSGI": APP}
    if option.name in BESIDE:
        name, value = BESIDE[option.name]
        words += [f"--{name}", value]
        environ[f"WSGICONTAINER_{name.upper().replace('-', '_')}"] = value
    toml = f"{option.name} = '{option.example}'"
    typed = settings(*words, f"--{option.name}", *([option.example] if option.takes_value else []))
    assert typed == settings(environ={**environ, option.variable: option.example})
    assert typed == settings(environ=environ, wsgicontainer_toml=toml)
