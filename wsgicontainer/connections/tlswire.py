"""TLS on any other wire: an `ssl` object between two memory BIOs, touched only by the connection's present owner.

No thread of its own and no system call: what the wire below receives goes into one BIO, what comes out of the other
is sent there. So the handshake happens inside `receive`, in whoever owns the connection, and the connection's own clock
for its first head bounds it; nothing but the socket is there before a first octet has come. What is kept, put on disk
and waited for is the wire's below; only files are read here, in pieces, as long as the wire below has room.
A failure of the peer's is an end, never an exception.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from attrs import frozen
from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.connections.outgoing import FilePiece, drop, read_first
from wsgicontainer.errors import PeerGone
from wsgicontainer.interfaces import ICarrier, ISecureWire

_log = Logger()
_RECORD = 16384
"""Octets of content that a record holds at most (RFC 8446 section 5.1): read so many, and OpenSSL holds none back."""
_FED = 18432
"""Octets that are put into a BIO at once, a whole record with its frame: it never shrinks again."""
_PIECE = 262_144
"""Octets that are encrypted before they are sent: a file's in one go, a long reply's between two sends."""
_TURN = 16
"""Receives without content, or pieces of files, before others have their turn."""
_OWED = 65536
"""Octets of alerts and key updates that a peer may leave unread: more, and it only wants them to pile up."""
_BARREN = 131_072
"""Octets without content that a peer may send in a row: a handshake has fewer, and more are a flood of key updates."""
_FAREWELL = 31
"""Octets of a record with `close_notify`; one with a request is longer."""
_SORRY = b"400 Bad Request: this port speaks HTTPS, not HTTP\n"
_PLAIN = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n%b" % (len(_SORRY), _SORRY)
)


@frozen(eq=False)
class Front:
    """What the connections of a listener have in common."""

    context: ssl.SSLContext
    """Begins every handshake."""
    describe: Callable[[bytes | None], Mapping[str, str]] | None = None
    """Words a client's certificate (DER) for the environ; None if clients are not asked for any."""


@implementer(ISecureWire)
class TLSWire:
    """The content of one TLS connection. Runs in: its owner, unless said otherwise."""

    __slots__ = (
        "_below", "_front", "_tls", "_incoming", "_outgoing", "_read", "_write",
        "_rest", "_waiting", "_again", "_owed", "_barren", "_over", "usual", "drained", "alpn",
    )  # fmt: skip

    secure = True

    def __init__(self, below: ICarrier, front: Front) -> None:
        """Wrap a wire that nobody has received from."""
        self._below, self._front = below, front
        self._tls: ssl.SSLObject | None = None
        self._read: Callable[[int], bytes] = self._begin
        self._write: Callable[[Any], int] = _too_soon
        self._rest: memoryview | bytes = b""  # what has come and does not fit into the BIO
        self._waiting: deque[bytes | FilePiece] = deque()
        self._owed = self._barren = 0
        self._again = self._over = self.drained = False
        self.usual = below.usual
        self.alpn: str | None = None
        # The BIOs are made with a first octet: until then a connection is but its socket.
        self._incoming = self._outgoing = _NO_BIO

    @property
    def peer(self) -> tuple[str, str]:
        """The peer's address and port."""
        return self._below.peer

    @property
    def local(self) -> tuple[str, str]:
        """Our address and port."""
        return self._below.local

    @property
    def suspect(self) -> bool:
        """Tell what the wire below tells."""
        return self._below.suspect

    @property
    def progress(self) -> int:
        """Grows with what the peer takes."""
        return self._below.progress

    def variables(self) -> dict[str, str]:
        """Return what mod_ssl would put into the environ."""
        tls = self._tls
        if tls is None:
            return {}
        cipher = tls.cipher()
        found = {"HTTPS": "on", "SSL_PROTOCOL": tls.version() or "", "SSL_CIPHER": cipher[0] if cipher else ""}
        if self._front.describe is not None:
            found.update(self._front.describe(tls.getpeercert(True)))
        return found

    # Reading

    def noticed(self, event: int) -> bool:
        """Tell whether an event needs the owner's eye. Runs in: the holder of the lead.

        Room does, too, if a file waits here, or if somebody asked for another look: what he has not read may be here,
        and the socket empty.
        """
        return self._below.noticed(event) or self._again or bool(self._waiting)

    def receive(self) -> bytes | None:
        """Return what has arrived of the content, None if there is nothing, b"" at the end.

        `drained` only says yes if the wire below was asked in this very call: what it said before is no answer to the
        event that may have come since.
        """
        self._again = False
        if self._over:
            return self._below.receive()  # dropped by whoever asks
        if self._incoming.pending or self._rest:  # several records came at once
            data = self._next()
            if data is not None:
                return data
        below = self._below
        for _ in range(_TURN):
            below.drained = False  # its owner is this wire
            octets = below.receive()
            if not octets:
                self.drained = octets is None
                return octets
            self._feed(octets)
            data = self._next()
            if data is not None:
                self.drained = below.drained and not self._incoming.pending and not self._rest
                return data
            if below.drained:
                self.drained = True
                return None
        self.look_again()
        self.drained = True
        return None

    def _feed(self, octets: bytes | memoryview) -> None:
        if self._tls is None:
            self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self._tls = self._front.context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        if len(octets) > _FED:
            octets = memoryview(octets)
            octets, self._rest = octets[:_FED], octets[_FED:]
        else:
            self._rest = b""
        self._barren += len(octets)
        self._incoming.write(octets)

    def _next(self) -> bytes | None:
        """Read one record's content and answer what is TLS's own; None if more has to come, b"" at the end."""
        data: bytes | None
        while True:
            try:
                data = self._read(_RECORD)
            except ssl.SSLWantReadError:
                if self._rest:
                    self._feed(self._rest)
                    continue
                data = None
            except ssl.SSLError as error:
                data = self._failed(error)
            break
        if data is not None:
            self._barren = 0
        if self._barren > _BARREN or (self._outgoing.pending and not self._answer()):
            data = b""
        return data

    def _begin(self, most: int) -> bytes:
        """Go on with the handshake, and read what follows it."""
        tls = self._tls
        assert tls is not None
        tls.do_handshake()
        self.alpn = tls.selected_alpn_protocol() or ""
        self._read, self._write = tls.read, tls.write
        return tls.read(most)

    def _answer(self) -> bool:
        """Send what TLS itself has to say; False if the peer lets too much of it pile up, or has left."""
        octets = self._outgoing.read()
        try:
            self._below.send(octets)
            self._owed = 0 if self._below.flush() else self._owed + len(octets)
        except PeerGone:
            return False
        return self._owed <= _OWED

    def _failed(self, error: ssl.SSLError) -> bytes:
        self._read, self._write = _ended, _too_soon
        reason = error.reason or str(error)
        if reason == "HTTP_REQUEST" and self.alpn is None:
            with suppress(PeerGone):
                self._below.send(_PLAIN)
        _log.debug("TLS with {peer} failed ({reason})", peer=self.peer[0], reason=reason)
        return b""

    def gone(self) -> bool:
        """Tell whether the peer has left; a farewell that nobody has read yet is no request."""
        return self._below.ended_within(_FAREWELL)

    def vanished(self) -> bool:
        """Tell whether nobody can read a reply any more."""
        return self._below.vanished()

    def hand_over(self, noticed: Callable[[int], None], ready: Callable[[], None]) -> None:
        """Have another connection told of events from now on."""
        self._below.hand_over(noticed, ready)

    def look_again(self) -> None:
        """Have the connection rung once more soon, so that others get their turn first."""
        self._again = True
        self._below.look_again()

    # Writing

    def send(self, data: bytes) -> bool:
        """Send; what can't go yet is kept by the wire below. True if the kernel has all there is. Raises PeerGone."""
        if self._waiting and not self.flush():
            self._waiting.append(data)
            return False
        if len(data) <= _RECORD:
            try:
                written = self._write(data)
            except ssl.SSLError as error:
                raise PeerGone(str(error)) from None
            if written == len(data):
                return self._below.send(self._outgoing.read())
            self._below.send(self._outgoing.read())  # the peer takes only short records (RFC 6066 section 4)
            data = data[written:]
        return self._send_long(memoryview(data))

    def _send_long(self, view: memoryview) -> bool:
        """Encrypt record by record, so that the BIO stays small, and send in larger pieces."""
        sent = True
        while view:
            records, octets = [], 0
            while view and octets < _PIECE:
                try:
                    written = self._write(view[:_RECORD])
                except ssl.SSLError as error:
                    raise PeerGone(str(error)) from None
                records.append(self._outgoing.read())
                view, octets = view[written:], octets + written
            sent = self._below.send(b"".join(records))
        return sent

    def send_both(self, head: bytes, content: bytes) -> bool:
        """Send one after the other. Raises PeerGone."""
        return self.send(head + content)

    def send_file(self, descriptor: int, offset: int, count: int) -> None:
        """Send a piece of a file after what is kept; takes over the descriptor. Raises PeerGone."""
        self._waiting.append(FilePiece(descriptor, offset, count))
        self.flush()

    def wait_for_room(self) -> None:
        """Wait until no more than the budget is unsent. Raises PeerGone. Runs in: application thread."""
        self._below.wait_for_room()

    def flush(self) -> bool:
        """Send on as far as the wire below has room; True if nothing is left. Raises PeerGone."""
        below, waiting = self._below, self._waiting
        if not below.flush():
            return False
        pieces = 0
        while waiting:
            if pieces == _TURN:
                self.look_again()
                return False
            pieces += 1
            self._send_long(memoryview(self._next_piece(waiting[0])))
            if not below.flush():
                return False
        return True

    def _next_piece(self, piece: bytes | FilePiece) -> bytes:
        if isinstance(piece, bytes):
            self._waiting.popleft()
            return piece
        try:
            return read_first(self._waiting, _PIECE)
        except OSError as error:
            raise PeerGone(str(error)) from None

    # The end

    def end_output(self) -> bool:
        """Tell the peer that nothing more will come, TLS's way and TCP's, and go on receiving what is dropped."""
        self._part()
        return self._below.end_output()

    def _part(self) -> None:
        """Send `close_notify`, once; the peer's own is not waited for."""
        if self._over or self._tls is None:
            return
        self._over = True
        with suppress(ssl.SSLError, PeerGone):  # SSLWantReadError: its own has not come
            if self.alpn is not None:
                with suppress(ssl.SSLError):
                    self._tls.unwrap()
            octets = self._outgoing.read()
            if octets and not self._waiting:
                self._below.send(octets)

    def cut(self) -> None:
        """Wake the owner with an end of the connection. Runs in: any."""
        self._below.cut()

    def close(self, reset: bool = False) -> bool:
        """Close; after a `close_notify` unless the peer must see that the reply is broken."""
        if not reset:
            self._part()
        self._over = True
        self._read, self._write = _ended, _too_soon
        drop(self._waiting)
        return self._below.close(reset)


_NO_BIO: Any = ssl.MemoryBIO()
"""Stays empty."""


def _too_soon(_data: Any) -> int:
    raise PeerGone("there is no TLS with it, or no more")


def _ended(_most: int) -> bytes:
    return b""
