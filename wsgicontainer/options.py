"""The table of options as the command line, the environment and TOML: texts -> Settings.

The command line is read and checked when Twisted parses it, without opening a file, importing the application or
touching a reactor. Environment and TOML are read by `settings_from`, later, through what the caller hands in.
TOML < environment < command line; a list replaces the list of a weaker source.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any, NoReturn

from attrs import frozen
from twisted import copyright as twisted_copyright
from twisted.python import usage

from wsgicontainer.errors import ConfigurationError
from wsgicontainer.settings import OPTIONS, Option, Settings, Spelling
from wsgicontainer.settings.foreign import instead_of
from wsgicontainer.settings.pages import help_page
from wsgicontainer.settings.table import did_you_mean, find_option, values_from_plain

COMMAND_LINE = Spelling("--{name}", "--{name} {value}")
ENVIRONMENT = Spelling("{variable}", "{variable}={value}")
TWIST_OPTIONS = ("reactor", "log-level", "log-file", "log-format")
"""What `twist` takes for itself, before our name."""

_FEW = 3
"""Options that begin with what was typed, of which each is named: more would be a list to read."""

ReadFile = Callable[[str], bytes]
"""Reads a whole file by name; raises OSError."""


class Options(usage.Options):
    """What the user typed: a dict from Settings attributes (`"ports"`, `"min_threads"`) to the values that were given.

    Beside them stand `"config"`, `"check-config"` and `"print-config"`. The `opt_` methods come from the table.
    """

    def opt_help(self) -> NoReturn:
        """Print this page and stop."""
        try:
            print(self, flush=True)
        except BrokenPipeError:  # its reader has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0)

    opt_h = opt_help

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse, with options before and after APP; what is wrong is one sentence on stderr and exit status 2."""
        words = list(sys.argv[1:] if options is None else options)
        completing = words[-2:-1] == ["--_shell-completion"]
        try:
            super().parseOptions(  # Twisted has no types there
                words if completing else arrange(words, self.longOpt, self.shortOpt)
            )
        except (usage.UsageError, ConfigurationError) as error:
            sys.stderr.write(f"wsgicontainer: {error}\n")
            raise SystemExit(ConfigurationError.exit_status) from None

    def parseArgs(self, *applications: str) -> None:
        """Take APP."""
        for text in applications:
            if "wsgi" in self:
                raise ConfigurationError(
                    f"APP: {text!r} is one application too many beside {self['wsgi']!r}; write --mount /path={text}"
                )
            self["wsgi"] = find_option("wsgi", _POSITIONAL).parse(text, _POSITIONAL)

    def opt_version(self) -> NoReturn:
        """Print versions and stop."""
        python = ".".join(map(str, sys.version_info[:3]))
        print(f"wsgicontainer {version('wsgicontainer')}, Twisted {twisted_copyright.version}, Python {python}")
        raise SystemExit(0)

    def __str__(self) -> str:
        """Render the page of `--help`."""
        return self.getUsage()

    def getUsage(self, width: int | None = None) -> str:
        """Render the page of `--help` for `width` columns, or for the terminal."""
        return help_page(command_name(sys.argv[0]), width or min(shutil.get_terminal_size().columns, 120))


_POSITIONAL = Spelling("APP", "{value}")


def _taker(option: Option) -> Callable[..., None]:
    """Make the method with which usage.Options hands over an option: Twisted's way to have repeatable ones."""
    key = option.attribute or option.name

    def take(self: Options, text: str) -> None:
        value = option.parse(text, COMMAND_LINE)
        self[key] = (*self.get(key, ()), value) if option.repeatable else value

    def note(self: Options) -> None:
        self[key] = True

    method = take if option.takes_value else note
    method.__doc__ = option.help
    return method


for _option in OPTIONS:
    _method = _taker(_option)
    setattr(Options, f"opt_{_option.name.replace('-', '_')}", _method)
    if _option.flag:
        setattr(Options, f"opt_{_option.flag}", _method)


def command_name(program: str) -> str:
    """Say what the user types before our options, from `sys.argv[0]`."""
    name = os.path.basename(program)
    if name == "__main__.py":
        return "python -m wsgicontainer"
    return f"{name} wsgicontainer" if name in ("twist", "twistd") else "wsgicontainer"


# The command line's order ----------------------------------------------------------------------------------


def arrange(words: Sequence[str], longs: Collection[str], shorts: str) -> list[str]:
    """Put options before positional arguments, each with its whole name and its value: what getopt then can't misread.

    `longs` and `shorts` are getopt's: `["port=", "help"]`, `"p:h"`. Raises ConfigurationError.
    """
    options: list[str] = []
    positional: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            positional.extend(rest)
        elif word.startswith("--"):
            options.append(_long(word, rest, longs))
        elif word.startswith("-") and word != "-":
            options.extend(_short(word, rest, shorts))
        else:
            positional.append(word)
    return [*options, "--", *positional]


def _long(word: str, rest: Iterator[str], longs: Collection[str]) -> str:
    name, equals, value = word[2:].partition("=")
    name = name.replace("_", "-")
    if f"{name}=" in longs:
        return f"--{name}={value if equals else _value(f'--{name}', rest)}"
    if name not in longs:
        raise _unknown(name, longs)
    if equals:
        raise ConfigurationError(f"--{name}: it takes no value; write --{name}")
    return f"--{name}"


def _short(word: str, rest: Iterator[str], shorts: str) -> tuple[str, ...]:
    letter, value = word[1], word[2:]
    if f"{letter}:" in shorts:
        return f"-{letter}", value or _value(f"-{letter}", rest)
    if letter not in shorts or value:
        instead = instead_of(letter) if letter not in shorts else ""
        raise ConfigurationError(f"{word}: there is no such option; {instead or 'see wsgicontainer --help'}")
    return (word,)


def _value(label: str, rest: Iterator[str]) -> str:
    for value in rest:
        return value
    example = next(
        (f"; write {label} {each.example}" for each in OPTIONS if label in (f"--{each.name}", f"-{each.flag}")), ""
    )
    raise ConfigurationError(f"{label}: its value is missing{example}")


def _unknown(name: str, longs: Collection[str]) -> ConfigurationError:
    if name in TWIST_OPTIONS:
        return ConfigurationError(
            f"--{name}: it belongs to twist; write it before wsgicontainer: twist --{name} … wsgicontainer"
        )
    known = sorted(f"--{long.removesuffix('=')}" for long in longs)
    instead = instead_of(name)
    begun = [each for each in known if each.startswith(f"--{name}")]
    if not instead and 0 < len(begun) <= _FEW:
        instead = f"did you mean {' or '.join(begun)}?"
    return ConfigurationError(
        f"--{name}: there is no such option{f'; {instead}' if instead else did_you_mean(f'--{name}', known)}"
    )


# The sources ----------------------------------------------------------------------------------


@frozen
class Sourced:
    """Settings, and where each value comes from."""

    settings: Settings
    origins: Mapping[str, str]
    """Attribute -> `"command line"`, `"environment"` or the file's name; what is not there is a default."""


def settings_from(options: Options, environ: Mapping[str, str], read_file: ReadFile) -> Settings:
    """Make Settings of all sources. Raises ConfigurationError."""
    return sourced_from(options, environ, read_file).settings


def sourced_from(options: Options, environ: Mapping[str, str], read_file: ReadFile) -> Sourced:
    """Make Settings of all sources, and say where each value comes from. Raises ConfigurationError."""
    config = options.get("config") or environ.get("WSGICONTAINER_CONFIG")
    file, table = _read_config(config, read_file)
    attributes = {option.attribute for option in OPTIONS if option.attribute}
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, given in (
        ("environment: PORT", _from_port(environ)),
        ("environment: WEB_CONCURRENCY", _from_concurrency(environ)),
        (file, values_from_plain(table, _toml_spelling(file))),
        ("environment", _from_environment(environ)),
        ("command line", {key: value for key, value in options.items() if key in attributes}),
    ):
        values |= given
        origins |= dict.fromkeys(given, origin)
    return Sourced(Settings(**values), origins)


def _from_port(environ: Mapping[str, str]) -> dict[str, Any]:
    """Take the platform's PORT: weaker than any endpoint that somebody wrote down."""
    if not environ.get("PORT"):
        return {}
    endpoint = find_option("port", ENVIRONMENT).parse(f"tcp:{environ['PORT']}", Spelling("PORT", "PORT=8000"))
    return {"ports": (endpoint,)}


def _from_concurrency(environ: Mapping[str, str]) -> dict[str, Any]:
    """Take the platform's WEB_CONCURRENCY, the number of workers."""
    if not environ.get("WEB_CONCURRENCY"):
        return {}
    spelling = Spelling("WEB_CONCURRENCY", "WEB_CONCURRENCY=2")
    return {"workers": find_option("workers", ENVIRONMENT).parse(environ["WEB_CONCURRENCY"], spelling)}


_PREFIX = "WSGICONTAINER_"


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Take our variables; an empty one counts as not set.

    A name that is nearly one of ours is a slip and is told; others are left alone: Kubernetes makes such for services.
    """
    known = {option.variable: option for option in OPTIONS if option.attribute}
    plain: dict[str, Any] = {}
    for name in sorted(each for each in environ if each.startswith(_PREFIX) and environ[each]):
        if name in known:
            plain[known[name].name] = _several(environ[name]) if known[name].repeatable else environ[name]
        elif name != f"{_PREFIX}CONFIG":
            _check_slip(name, known)
    return values_from_plain(plain, ENVIRONMENT)


def _check_slip(name: str, known: Collection[str]) -> None:
    word = name.removeprefix(_PREFIX)
    near = did_you_mean(word, [each.removeprefix(_PREFIX) for each in known])
    if "mean" in near:
        foreign = instead_of(word.lower().replace("_", "-"))
        told = f"; {foreign}" if foreign else near.replace("mean ", f"mean {_PREFIX}")
        raise ConfigurationError(f"{name}: there is no such option{told}")


def _several(text: str) -> list[str]:
    """Split a variable's values: one per line; in a single line, between semicolons."""
    parts = text.split("\n" if "\n" in text else ";")
    return [part.strip() for part in parts if part.strip()]


def _read_config(config: str | None, read_file: ReadFile) -> tuple[str, Mapping[str, Any]]:
    """Read the file of options: its name and its table; an empty table if nobody wrote one."""
    if config:
        return config, _read_toml(config, read_file, must=True)
    table = _read_toml("wsgicontainer.toml", read_file)
    if table:
        return "wsgicontainer.toml", table
    tool = _read_toml("pyproject.toml", read_file).get("tool", {})
    ours = tool.get("wsgicontainer", {}) if isinstance(tool, dict) else {}
    if not isinstance(ours, dict):
        raise ConfigurationError("pyproject.toml: wsgicontainer under tool is not a table; write [tool.wsgicontainer]")
    return "pyproject.toml", ours


def _read_toml(name: str, read_file: ReadFile, *, must: bool = False) -> dict[str, Any]:
    try:
        return tomllib.loads(read_file(name).decode())
    except FileNotFoundError:
        if must:
            raise ConfigurationError(f"--config: there is no file {name}; write one, or leave --config out") from None
        return {}
    except OSError as error:
        raise ConfigurationError(f"{name}: it can't be read: {error.strerror}; mend its permissions") from None
    except ValueError as error:
        mend = 'options are TOML here, as in port = "tcp:8000"' if name.endswith(".py") else "mend it there"
        raise ConfigurationError(f"{name}: it is not TOML: {error}; {mend}") from None


def _toml_spelling(file: str) -> Spelling:
    return Spelling(re.sub("[{}]", r"\g<0>\g<0>", file) + ": {name}", "{name} = {quoted}")
