"""The index of certificates: server name -> context, from a folder that may change at any time.

`look` compares each file with what it was (time, size, inode), reads what is new, builds the contexts concerned and
then puts a new index in place of the old one, in one assignment. What is bad, empty, expired or gone leaves the last
good one where it was, and is told once. Nothing that a client sends reaches the disk: `find` is two look-ups.
Runs in: `look` in the reactor thread (or before there is one), `find` in any.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from ssl import SSLContext
from time import time

from attrs import define
from twisted.logger import Logger

from wsgicontainer.tls import names, pem
from wsgicontainer.tls.pem import Chain, Unusable

_log = Logger()
Files = tuple[str, ...]
"""The paths that make one certificate: one, or several that are read as one (certbot's)."""
Layout = Callable[[], Mapping[str, Iterable[Files]]]
"""Lists what there is: stem -> its files. Raises OSError."""
_Identity = tuple[tuple[int, int, int], ...]
_PAIR = ("fullchain.pem", "privkey.pem")
_MOST = 1 << 20
"""Octets of a file that are read: a chain with two kinds of key has 10,000."""


_FOREIGN = (".crt", ".cer", ".cert", ".key", ".p12", ".pfx")
"""Ends of names that certificates and keys have elsewhere."""


def passed_over(directory: str) -> list[str]:
    """Return a sentence for each thing in a folder that its owner may take for a certificate. Raises OSError."""
    told = []
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            if entry.name.lower().endswith(_FOREIGN):
                told.append(f"{entry.path} is passed over: key, certificate and chain go into one file, NAME.pem")
            elif entry.is_dir():
                lacks = [file for file in _PAIR if not os.path.exists(os.path.join(entry.path, file))]
                if len(lacks) == 1:
                    told.append(f"{entry.path} is passed over: it has no {lacks[0]}")
    return told


def folder(directory: str) -> Layout:
    """Return the layout of a folder: `NAME.pem`, and `NAME/fullchain.pem` with `NAME/privkey.pem` as certbot has it."""

    def listed() -> Mapping[str, Iterable[Files]]:
        found: dict[str, list[Files]] = {}
        with os.scandir(directory) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                files: Files = ()
                stem = names.stem_of(entry.name)
                if not stem and not entry.name.startswith(".") and entry.is_dir():
                    pair = tuple(os.path.join(entry.path, file) for file in _PAIR)
                    stem, files = entry.name, pair if all(map(os.path.exists, pair)) else ()
                elif stem:
                    files = (entry.path,)
                if files:
                    found.setdefault(stem, []).append(files)
        return found

    return listed


def single(files: Files) -> Layout:
    """Return the layout of one certificate, for every name."""
    return lambda: {names.DEFAULT: [files]}


@define
class _Held:
    """What is known of one certificate's files."""

    identity: _Identity = ()
    chain: Chain | None = None
    complaint: str = ""
    """What is wrong with the files as they are now, and has not been told."""


@define
class _Group:
    """The certificates of one stem, one for each kind of key."""

    held: dict[Files, _Held]
    context: SSLContext | None = None

    def chains(self) -> list[Chain]:
        """Return what can be served, the longest valid last: of one kind that one counts."""
        return sorted((each.chain for each in self.held.values() if each.chain is not None), key=lambda each: each.ends)


class Certificates:
    """What a listener can present."""

    def __init__(
        self, layout: Layout, build: Callable[[Iterable[Chain]], SSLContext], clock: Callable[[], float] = time
    ) -> None:
        """`build` makes a context of chains; `clock` tells the seconds since the epoch. Nothing is read yet."""
        self._layout, self._build, self._clock = layout, build, clock
        self._groups: dict[str, _Group] = {}
        self._index: dict[str, SSLContext] = {}
        self._default: SSLContext | None = None
        self._told = ""
        self.fault: Unusable | OSError = Unusable("it is empty")
        """Why there is nothing to present."""

    def __len__(self) -> int:
        """Count the certificates that can be presented."""
        return sum(group.context is not None for group in self._groups.values())

    def find(self, server_name: str | None) -> SSLContext | None:
        """Return the context for a client's server name; None if there is none. Runs in: any."""
        index = self._index
        for key in names.lookups(server_name or ""):
            context = index.get(key)
            if context is not None:
                return context
        return self._default

    def look(self) -> None:
        """Take over what has changed. Never raises for what is on disk."""
        try:
            listing = self._layout()
        except OSError as error:
            self._tell(f"{error.filename} can't be read ({error.strerror}): the certificates stay as they are")
            return
        self._told = ""
        changed = False
        for stem, several in listing.items():
            group = self._groups.setdefault(stem, _Group({}))
            fresh = [self._refreshed(group.held.setdefault(files, _Held()), files) for files in several]
            changed = (any(fresh) and self._rebuilt(stem, group)) or changed
        self._note_the_missing(listing)
        if changed:
            self._reindex()

    def unreadable(self) -> str | None:
        """Return a file, or the folder, that was read and can't be any more; None if all can."""
        try:
            listing = self._layout()
        except OSError as error:
            return str(error.filename)
        files = (file for several in listing.values() for each in several for file in each)
        return next((file for file in files if not os.access(file, os.R_OK)), None)

    def _tell(self, sentence: str) -> None:
        if sentence != self._told:
            self._told = sentence
            _log.error("{sentence}", sentence=sentence)

    def _refreshed(self, held: _Held, files: Files) -> bool:
        """Read files if they are others than before; tell whether there is a new chain."""
        identity = _identity(files)
        if identity == held.identity:
            if held.complaint:  # it was there a look ago: no file that somebody was just writing
                _log.error("{file}: {why}", file=files[0], why=held.complaint)
                held.complaint = ""
            return False
        first, held.identity, held.complaint = not held.identity, identity, ""
        try:
            octets = b"\n".join(map(_contents, files))
            if not octets.strip() and held.chain is None:
                return False  # "please issue": somebody else's business
            chain = pem.read(octets)
            held.complaint = chain.trouble(self._clock())
            if held.complaint and held.chain is not None and not held.chain.trouble(self._clock()):
                raise Unusable(held.complaint)
        except (OSError, Unusable) as error:
            reason = why(error, files[0])
            self.fault = error
            held.complaint = f"{reason}; {'what was good before is served' if held.chain else 'it is not served'}"
            if first:
                _log.error("{file}: {why}", file=files[0], why=held.complaint)
                held.complaint = ""
            return False
        held.chain = chain
        return True

    def _rebuilt(self, stem: str, group: _Group) -> bool:
        try:
            group.context = self._build(group.chains())
        except Unusable as error:
            self.fault = error
            _log.error("The certificate of {stem} is not served: {why}", stem=stem, why=error.told())
            return False
        return True

    def _note_the_missing(self, listing: Mapping[str, Iterable[Files]]) -> None:
        there = {files for several in listing.values() for files in several}
        for group in self._groups.values():
            for files, held in group.held.items():
                if files not in there and held.identity:
                    held.identity = ()
                    if held.chain is not None:
                        _log.error("{file} is gone; what it held is served until the next start", file=files[0])

    def _reindex(self) -> None:
        """Make the index anew: a file's own name goes before what other certificates are also for."""
        index: dict[str, SSLContext] = {}
        for stem, group in self._groups.items():
            if group.context is not None and stem != names.DEFAULT:
                for name in group.chains()[-1].names:
                    index.setdefault(names.key_of(name), group.context)
        for stem, group in self._groups.items():
            if group.context is not None and stem != names.DEFAULT:
                index[names.key_of(stem)] = group.context
        index.pop("", None)
        default = self._groups.get(names.DEFAULT)
        self._index, self._default = index, default.context if default else None


def _identity(files: Files) -> _Identity:
    try:
        found = [os.stat(file) for file in files]
    except OSError:
        return ((0, 0, 0),)
    return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in found)


def why(error: Unusable | OSError, told: str) -> str:
    """Say why files can't be served; which of them can't be read, unless that is `told` anyway."""
    if isinstance(error, Unusable):
        return error.told()
    return str(error.strerror) if error.filename in (None, told) else f"{error.filename}: {error.strerror}"


def _contents(file: str) -> bytes:
    # O_NONBLOCK: a FIFO without a writer is an error, not a wait without end.
    with open(file, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise Unusable("it is no regular file")
        return opened.read(_MOST)
