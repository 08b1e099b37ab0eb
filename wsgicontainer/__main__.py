"""The door of `python -m wsgicontainer …` and of the command `wsgicontainer`: both are `twist wsgicontainer …`.

Only our plugin is loaded, so that nobody else's broken one gets in the way, and the log is text unless asked otherwise.
twist's own options may stand anywhere.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence

if os.getpid() == 1:  # to whom the kernel passes no signal that is not asked for: it hears TERM while all is imported
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))

from twisted.application.service import IServiceMaker
from twisted.application.twist._options import TwistOptions
from twisted.application.twist._twist import Twist
from twisted.python import usage

from wsgicontainer.options import TWIST_OPTIONS


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; `argv` begins with the program's name."""
    working = os.getcwd()
    if working not in sys.path and "" not in sys.path:
        sys.path.insert(0, working)
    _OurTwist.main(sys.argv if argv is None else argv)


def twist_words(argv: Sequence[str]) -> list[str]:
    """Turn our command line into twist's: its options first, then our name, then ours. Raises UsageError."""
    twists = ["--log-format=text"]
    ours = []
    rest = iter(argv[1:])
    for word in rest:
        name, equals, value = word.partition("=")
        if name.removeprefix("--") in TWIST_OPTIONS and word.startswith("--"):
            twists.append(f"{name}={value if equals else _value(name, rest)}")
        else:
            ours.append(word)
            ours.extend(rest if word == "--" else ())
    return [*twists, "wsgicontainer", *ours]


def _value(name: str, rest: Iterator[str]) -> str:
    for value in rest:
        return value
    raise usage.UsageError(f"{name}: its value is missing")


class _OurTwistOptions(TwistOptions):
    """twist's options with one plugin."""

    @property
    def plugins(self) -> Mapping[str, IServiceMaker]:
        from twisted.plugins.wsgicontainer_plugin import wsgicontainer

        return {wsgicontainer.tapname: wsgicontainer}


class _OurTwist(Twist):
    """twist, with one plugin, and with one sentence for a usage error."""

    @staticmethod
    def options(argv: Sequence[str]) -> TwistOptions:
        """Parse the command line."""
        options = _OurTwistOptions()
        try:
            options.parseOptions(twist_words(argv))
        except usage.UsageError as error:
            sys.stderr.write(f"wsgicontainer: {error}\n")
            raise SystemExit(2) from None
        return options


if __name__ == "__main__":
    main()
