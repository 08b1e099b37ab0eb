"""What an option's value may be: a `Kind` turns the operator's text into a value, and a value back into plain data.

What is wrong is told by `Wrong`, with the mend; who was asked (`--threads`, `WSGICONTAINER_THREADS`, `threads =`) is
added by `option`. `kind.parse(str(kind.write(value))) == value` holds for every kind. Here: numbers, words, files.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from attrs import frozen

_Number = TypeVar("_Number", int, float)
Plain = str | int | float
"""What TOML and JSON have for a single value."""


class Wrong(ValueError):
    """A value that can't be; `mend` is the text to write instead, or empty if the option's example serves."""

    def __init__(self, why: str, mend: str = "") -> None:
        """Take what follows the value in the sentence ("is not a whole number") and the text to write instead."""
        super().__init__(why)
        self.mend = mend


@frozen
class Kind:
    """One way of spelling a value."""

    metavar: str
    """How `--help` calls it: `"N"`; empty for a flag."""
    parse: Callable[[str], Any]
    """Text -> value; raises Wrong."""
    write: Callable[[Any], Plain] = str
    """Value -> what stands in TOML or JSON."""
    span: str = ""
    """Smallest and largest value, for the reference."""
    listed: bool = False
    """Whether a list of TOML or Python is one value; `write` takes it then."""


# Numbers ----------------------------------------------------------------------------------


def whole(low: int, high: int) -> Kind:
    """Make the kind of whole numbers from `low` to `high`."""
    return Kind("N", partial(_parse_whole, low, high), int, f"{low} to {high}")


def _parse_whole(low: int, high: int, text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text.strip()):
        raise Wrong("is not a whole number")
    return _within(int(text), low, high)


def seconds(low: float, high: float) -> Kind:
    """Make the kind of durations from `low` to `high` seconds."""
    return Kind("S", partial(_parse_seconds, low, high), write_number, f"{write_number(low)} to {write_number(high)}")


def _parse_seconds(low: float, high: float, text: str) -> float:
    if not re.fullmatch(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text.strip()):
        raise Wrong("is not a number of seconds")
    return _within(float(text), low, high)


def write_number(value: float) -> float | int:
    """Write a whole float as an int: 30.0 as 30."""
    return int(value) if float(value).is_integer() else value


_FACTORS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


def size(low: int, high: int, zero: bool = False) -> Kind:
    """Make the kind of sizes in octets, with suffixes K, M and G (powers of 1024); `zero` also allows 0: no limit."""
    span = f"{'0 (no limit), ' if zero else ''}{write_size(low)} to {write_size(high)}"
    return Kind("SIZE", partial(_parse_size, low, high, zero), write_size, span)


def _parse_size(low: int, high: int, zero: bool, text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,18})([KMG]?)", text.strip().upper())
    if match is None:
        raise Wrong("is not a size")
    value = int(match[1]) * _FACTORS[match[2]]
    return value if zero and value == 0 else _within(value, low, high, write_size)


def write_size(octets: int) -> Plain:
    """Write a size with the largest suffix that divides it: 524288 as "512K"."""
    for suffix in ("G", "M", "K"):
        if octets and octets % _FACTORS[suffix] == 0:
            return f"{octets // _FACTORS[suffix]}{suffix}"
    return octets


def _within(value: _Number, low: float, high: float, write: Callable[[Any], Plain] = write_number) -> _Number:
    if value < low:
        raise Wrong(f"is less than {write(low)}", str(write(low)))
    if value > high:
        raise Wrong(f"is more than {write(high)}", str(write(high)))
    return value


# Words ----------------------------------------------------------------------------------


def choice(*names: str) -> Kind:
    """Make the kind that is one of `names`."""
    return Kind("|".join(names), partial(_parse_choice, names))


def _parse_choice(names: tuple[str, ...], text: str) -> str:
    if text not in names:
        raise Wrong(f"is none of {', '.join(names)}")
    return text


def _parse_flag(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise Wrong("is neither true nor false")
    return _FLAGS[text.lower()]


_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
FLAG = Kind("", _parse_flag, bool)
"""What is said by its name alone on the command line; elsewhere its value is true or false."""


def path(metavar: str) -> Kind:
    """Make the kind of file names; whether the file is there is asked at boot."""
    return Kind(metavar, _parse_path)


def _parse_path(text: str) -> str:
    if not text or "\0" in text:
        raise Wrong("is not a file name")
    return text


def _parse_ciphers(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9+!@=:,_ -]+", text):
        raise Wrong("is no list of ciphers as OpenSSL writes them")
    return text


CIPHERS = Kind("CIPHERS", _parse_ciphers)


def _parse_log_format(text: str) -> str:
    if text not in ("common", "combined", "json") and "%(" not in text:
        raise Wrong("is none of common, combined, json and has no %(atom)s", "combined")
    return text


LOG_FORMAT = Kind("FORMAT", _parse_log_format)


def _parse_variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals or "\0" in text:
        raise Wrong("is not NAME=VALUE")
    return name, value


VARIABLE = Kind("K=V", _parse_variable, "=".join)


def _parse_account(text: str) -> str:
    if not re.fullmatch(r"[^\s:\0/-][^\s:\0/]*", text):
        raise Wrong("is neither a name nor a number")
    return text


ACCOUNT = Kind("NAME|ID", _parse_account)
"""A user or group; whether it exists is asked at boot."""


def _parse_umask(text: str) -> str:
    if not re.fullmatch(r"(0o)?[0-7]{1,4}", text.strip()) or int(text, 8) > 0o777:
        raise Wrong("is not an octal number from 000 to 777")
    return f"{int(text, 8):03o}"


UMASK = Kind("OCTAL", _parse_umask)


def _parse_title(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise Wrong("is not a name")
    if len(text.encode()) > 15:
        raise Wrong("has more than the 15 octets that the kernel keeps", text.encode()[:15].decode(errors="ignore"))
    return text


TITLE = Kind("NAME", _parse_title)


# Escapes ----------------------------------------------------------------------------------


def split_escaped(text: str, separator: str) -> list[str]:
    """Split at `separator`; a backslash makes the next letter an ordinary one and goes away (Twisted's rule)."""
    parts = [""]
    letters = iter(text)
    for letter in letters:
        if letter == separator:
            parts.append("")
        else:
            parts[-1] += next(letters, letter) if letter == "\\" else letter
    return parts


def escape(text: str, separator: str) -> str:
    """Put a backslash before each backslash and `separator`: the inverse of `split_escaped` for one part."""
    return text.replace("\\", "\\\\").replace(separator, f"\\{separator}")
