"""TLS on any wire: the content goes through whole, in pieces of any size, and a peer's failure is only an end."""

from __future__ import annotations

import os
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from hypothesis import given
from hypothesis import strategies as st
from observing import is_open
from zope.interface import implementer
from zope.interface.verify import verifyObject

from wsgicontainer.connections import tlswire
from wsgicontainer.connections.outgoing import FilePiece
from wsgicontainer.connections.tlswire import _BARREN, Front, TLSWire
from wsgicontainer.errors import PeerGone
from wsgicontainer.interfaces import ICarrier, ISecureWire

MUCH = bytes(range(256)) * 4 * 1024
"""1 MiB."""


@implementer(ICarrier)
class Below:
    """A wire in memory. It reads as a socket does: a short read says that there is no more.

    Or, with `transport`, as a Twisted transport's: only nothing says so.
    """

    secure = False
    usual = 5
    peer, local = ("192.0.2.1", "5000"), ("192.0.2.2", "443")

    def __init__(self, transport: bool = False) -> None:
        self.transport = transport
        self.inbox: deque[bytes] = deque()
        self.out = b""
        self.sends: list[int] = []
        self.kept: list[bytes] = []
        self.room = True
        self.drained = self.suspect = self.ended = self.look = self.dead = False
        self.closed: list[bool] = []
        self.output_ended = self.was_cut = False
        self.progress = 7

    def noticed(self, event: int) -> bool:
        return bool(event & 1)

    def receive(self) -> bytes | None:
        if self.inbox:
            data = self.inbox.popleft()
            if not self.transport:
                self.drained = not self.inbox and not self.ended
            return data
        if self.ended:
            return b""
        self.drained = True
        return None

    def gone(self) -> bool:
        return self.ended_within(0)

    def ended_within(self, octets: int) -> bool:
        return self.ended and sum(map(len, self.inbox)) <= octets

    def vanished(self) -> bool:
        return self.dead

    def hand_over(self, noticed, ready) -> None:
        self.heirs = noticed, ready

    def look_again(self) -> None:
        self.look = True

    def send(self, data: bytes) -> bool:
        assert type(data) is bytes and data, "nothing to send"
        assert not self.closed, "sent after the end"
        if self.dead:
            raise PeerGone("dead")
        self.sends.append(len(data))
        if not self.room or self.kept:
            self.kept.append(data)
            return False
        self.out += data
        return True

    def send_both(self, head: bytes, content: bytes) -> bool:
        return self.send(head + content)

    def send_file(self, descriptor: int, offset: int, count: int) -> None:
        raise AssertionError("a file would go out in the clear")

    def wait_for_room(self) -> None:
        self.room = True
        self.flush()

    def flush(self) -> bool:
        if self.dead:
            raise PeerGone("dead")
        if self.room:
            self.out += b"".join(self.kept)
            self.kept.clear()
        return not self.kept

    def end_output(self) -> bool:
        self.output_ended = True
        return True

    def cut(self) -> None:
        self.was_cut = True

    def close(self, reset: bool = False) -> bool:
        self.closed.append(reset)
        return True


class Ends:
    """A wire and a real client of `ssl`, who meet in memory."""

    def __init__(self, front: Front, client: ssl.SSLContext, transport: bool = False) -> None:
        self.below = Below(transport)
        self.wire = TLSWire(self.below, front)
        self.to_client, self.to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(self.to_client, self.to_server, server_hostname="a.example")

    def met(self) -> Ends:
        """Shake hands."""
        for _ in range(4):
            with _waiting():
                self.client.do_handshake()
            self.arrive(self.to_server.read())
            assert self.wire.receive() is None
            assert self.wire.drained
            self.hear()
        assert self.wire.alpn is not None
        return self

    def arrive(self, *pieces: bytes) -> None:
        self.below.inbox.extend(piece for piece in pieces if piece)
        self.wire.drained = False

    def say(self, *contents: bytes) -> bytes:
        """Return the records with these contents."""
        for content in contents:
            self.client.write(content)
        return self.to_server.read()

    def hear(self) -> None:
        self.to_client.write(self.below.out)
        self.below.out = b""

    def heard(self) -> bytes:
        """Return what the client reads of all that was sent."""
        self.hear()
        data = b""
        with _waiting():
            while part := self.client.read(1 << 20):
                data += part
        return data

    def received(self) -> bytes:
        """Read as a connection does: as long as the wire is not drained."""
        data = b""
        while not self.wire.drained:
            part = self.wire.receive()
            if not part:
                break
            data += part
        return data


def _waiting() -> suppress:
    return suppress(ssl.SSLWantReadError)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def front(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Front:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(authority.write(tmp_path_factory.mktemp("certificate"), "a.example"))
    context.set_alpn_protocols(["http/1.1"])
    return Front(context)


Meet = Callable[..., Ends]


@pytest.fixture(params=["1.2 socket", "1.3 socket", "1.3 transport"])
def meet(request: pytest.FixtureRequest, authority: Authority, front: Front) -> Meet:
    version, kind = request.param.split()

    def meet(**options: Any) -> Ends:
        return Ends(front, authority.client(version=version, **options), kind == "transport")

    return meet


@pytest.fixture
def ends(meet: Meet) -> Ends:
    return meet().met()


def test_another_connection_is_told_by_the_wire_below():
    below = Below()
    TLSWire(below, Front(None)).hand_over(len, bool)
    assert below.heirs == (len, bool)


def test_it_is_a_wire(meet: Meet) -> None:
    ends = meet()
    verifyObject(ICarrier, ends.below)
    verifyObject(ISecureWire, ends.wire)
    assert ends.wire.secure
    assert (ends.wire.peer, ends.wire.local) == (Below.peer, Below.local)
    assert (ends.wire.usual, ends.wire.progress) == (5, 7)


# --- The handshake ---


def test_before_a_first_octet_there_is_nothing_but_the_wire(meet: Meet) -> None:
    ends = meet()
    assert ends.wire.receive() is None
    assert ends.wire.drained
    assert ends.wire._tls is None
    assert ends.wire._incoming is tlswire._NO_BIO
    assert ends.wire.variables() == {}
    assert ends.wire.close()
    assert ends.below.out == b""


def test_a_hello_may_come_octet_by_octet(meet: Meet) -> None:
    ends = meet()
    with _waiting():
        ends.client.do_handshake()
    hello = ends.to_server.read()
    for octet in hello[:-1]:
        ends.arrive(bytes([octet]))
        assert ends.wire.receive() is None
        assert ends.below.out == b""
    ends.arrive(hello[-1:])
    assert ends.wire.receive() is None
    assert ends.below.out


def test_the_protocol_and_what_was_agreed_on_are_told(meet: Meet) -> None:
    ends = meet(alpn=("h2", "http/1.1"))
    assert ends.wire.alpn is None
    ends.met()
    assert ends.wire.alpn == "http/1.1"
    told = ends.wire.variables()
    assert told["HTTPS"] == "on"
    assert told["SSL_PROTOCOL"] == ends.client.version()
    assert told["SSL_CIPHER"] == ends.client.cipher()[0]
    assert not any(name.startswith("SSL_CLIENT") for name in told)
    assert meet().met().wire.alpn == ""


def test_a_request_with_the_end_of_the_handshake_is_read_at_once(meet: Meet) -> None:
    ends = meet()
    with _waiting():
        ends.client.do_handshake()
    ends.arrive(ends.to_server.read())
    assert ends.wire.receive() is None
    ends.hear()
    with _waiting():
        ends.client.do_handshake()
    if ends.client.version() == "TLSv1.3":
        ends.arrive(ends.say(b"GET"))
        assert ends.wire.receive() == b"GET"


def test_junk_is_an_end_with_an_alert(meet: Meet) -> None:
    ends = meet()
    ends.arrive(b"\x16\x03\x01\x00\x05junk!" + b"\xff" * 40)
    assert ends.wire.receive() == b""
    assert ends.below.out.startswith(b"\x15\x03")
    assert ends.wire.alpn is None
    with pytest.raises(PeerGone):
        ends.wire.send(b"too late")
    assert ends.wire.close()


@pytest.mark.parametrize("method", [b"GET", b"POST", b"HEAD", b"PUT"])
def test_plain_http_is_answered_in_plain_text(meet: Meet, method: bytes) -> None:
    ends = meet()
    ends.arrive(method + b" / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert ends.wire.receive() == b""
    head, _, content = ends.below.out.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Content-Length: %d\r\n" % len(content) in head
    assert b"HTTPS" in content


def test_a_peer_that_is_gone_in_the_middle_is_an_end(meet: Meet) -> None:
    ends = meet()
    with _waiting():
        ends.client.do_handshake()
    ends.arrive(ends.to_server.read())
    ends.below.dead = True
    assert ends.wire.receive() == b""
    assert ends.wire.close()


# --- Reading ---


def test_records_that_came_together_are_all_read(ends: Ends) -> None:
    ends.arrive(ends.say(b"one", b"two", b"three"))
    assert ends.wire.receive() == b"one"
    assert not ends.wire.drained
    assert [ends.wire.receive(), ends.wire.receive(), ends.wire.receive()] == [b"two", b"three", None]
    assert ends.wire.drained


def test_what_comes_after_a_pause_is_not_overlooked(ends: Ends) -> None:
    """The wire below said "no more" before the pause: that is no answer to what came in it."""
    ends.arrive(ends.say(b"one", b"two"))
    assert ends.wire.receive() == b"one"
    ends.arrive(ends.say(b"three"))
    assert ends.received() == b"twothree"
    assert ends.wire.drained


def test_another_look_is_had_though_the_socket_is_empty(ends: Ends) -> None:
    """Who let others have their turn left records here: the set can only tell that there is room."""
    ends.arrive(ends.say(b"one", b"two"))
    assert ends.wire.receive() == b"one"
    assert not ends.wire.noticed(4)
    ends.wire.look_again()
    assert ends.below.look
    assert ends.wire.noticed(4)
    assert ends.wire.receive() == b"two"
    assert not ends.wire.noticed(4)


def test_what_came_in_several_pieces_at_once_is_all_read(ends: Ends) -> None:
    """One look may have to do for all of them."""
    record = ends.say(b"one")
    ends.arrive(record[:9], record[9:], ends.say(b"two"), ends.say(b"three"))
    assert ends.received() == b"onetwothree"


def test_half_a_record_waits_for_its_other_half(ends: Ends) -> None:
    record = ends.say(b"content")
    ends.arrive(record[:9])
    assert ends.wire.receive() is None
    assert ends.wire.drained
    ends.arrive(record[9:])
    assert ends.wire.receive() == b"content"
    assert ends.wire.drained is not ends.below.transport


@given(data=st.data())
def test_content_comes_through_however_it_is_cut(authority: Authority, front: Front, data: st.DataObject) -> None:
    ends = Ends(front, authority.client()).met()
    contents = data.draw(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=5))
    octets = ends.say(*contents)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=6)))
    read = b""
    for begin, end in zip([0, *cuts], [*cuts, len(octets)], strict=True):
        ends.arrive(octets[begin:end])
        read += ends.received()
    assert read == b"".join(contents)


def test_a_lot_at_once_leaves_the_bio_small(ends: Ends) -> None:
    ends.arrive(*[ends.say(MUCH[:65536]) for _ in range(4)])
    read = b""
    while data := ends.wire.receive():
        read += data
        assert ends.wire._incoming.pending <= tlswire._FED
    assert read == MUCH[:65536] * 4


def test_a_farewell_is_the_end_and_the_reply_still_goes(ends: Ends) -> None:
    record = ends.say(b"last")
    with _waiting():
        ends.client.unwrap()
    ends.arrive(record + ends.to_server.read())
    assert ends.wire.receive() == b"last"
    assert ends.wire.receive() == b""
    assert ends.wire.send(b"reply")
    assert ends.below.out


def test_an_end_without_farewell_is_one_too(ends: Ends) -> None:
    ends.arrive(ends.say(b"last"))
    ends.below.ended = True
    assert ends.wire.receive() == b"last"
    assert not ends.wire.drained
    assert ends.wire.receive() == b""


def test_a_damaged_record_ends_it(ends: Ends) -> None:
    record = bytearray(ends.say(b"content"))
    record[-1] ^= 1
    ends.arrive(bytes(record))
    assert ends.wire.receive() == b""
    assert ends.below.out
    with pytest.raises(PeerGone):
        ends.wire.send(b"reply")


def test_records_without_content_do_not_keep_others_waiting(ends: Ends) -> None:
    record = ends.say(b"x" * 100)
    ends.arrive(*[record[index : index + 1] for index in range(len(record))])
    assert ends.wire.receive() is None
    assert ends.below.look
    assert ends.wire.drained


def test_alerts_that_nobody_reads_pile_up_only_so_far(ends: Ends) -> None:
    """Each key update asks for one in return."""
    ends.below.room = False
    _owing(ends)
    while ends.wire._answer():
        _owing(ends)
    assert sum(map(len, ends.below.kept)) <= tlswire._OWED + 100
    ends.below.room = True
    _owing(ends)
    assert ends.wire._answer()
    assert ends.wire._owed == 0


def _owing(ends: Ends) -> None:
    """Have TLS owe the peer a record."""
    ends.wire._write(b"x" * 50)


def test_a_peer_with_nothing_but_a_farewell_unread_has_left(ends: Ends) -> None:
    assert not ends.wire.gone()
    with _waiting():
        ends.client.unwrap()
    ends.below.inbox.append(ends.to_server.read())
    assert not ends.wire.gone()
    ends.below.ended = True
    assert ends.wire.gone()
    ends.below.inbox.append(b"GET / HTTP/1.1\r\n\r\n" + b"x" * 16)
    assert not ends.wire.gone()


def test_it_tells_what_the_wire_below_tells(ends: Ends) -> None:
    ends.below.suspect = ends.below.dead = True
    assert ends.wire.suspect
    assert ends.wire.vanished()
    ends.wire.cut()
    assert ends.below.was_cut


# --- Writing ---


@pytest.mark.parametrize("octets", [1, 13, 16384, 16385, 300_000, len(MUCH)])
def test_all_that_is_sent_is_read(ends: Ends, octets: int) -> None:
    assert ends.wire.send(MUCH[:octets])
    assert ends.heard() == MUCH[:octets]
    assert ends.wire.send_both(b"head", MUCH[:octets])
    assert ends.heard() == b"head" + MUCH[:octets]
    assert ends.wire._outgoing.pending == 0


def test_a_small_reply_is_one_send(ends: Ends) -> None:
    ends.below.sends.clear()
    ends.wire.send(b"reply")
    assert len(ends.below.sends) == 1


def test_what_does_not_go_is_kept_below(ends: Ends) -> None:
    ends.below.room = False
    assert not ends.wire.send(b"one")
    assert not ends.wire.send(b"two")
    assert not ends.wire.flush()
    ends.wire.wait_for_room()
    assert ends.wire.flush()
    assert ends.heard() == b"onetwo"


def open_file(folder: Path, content: bytes) -> int:
    (folder / "file").write_bytes(content)
    return os.open(folder / "file", os.O_RDONLY)


def test_a_file_goes_out_in_pieces_and_is_closed(ends: Ends, tmp_path: Path) -> None:
    descriptor = open_file(tmp_path, b"skipped" + MUCH + b"rest")
    ends.wire.send(b"head")
    ends.wire.send_file(descriptor, 7, len(MUCH))
    assert ends.wire.flush()
    assert not is_open(descriptor)
    assert ends.heard() == b"head" + MUCH


def test_a_file_is_read_only_as_there_is_room(ends: Ends, tmp_path: Path) -> None:
    descriptor = open_file(tmp_path, MUCH)
    ends.below.room = False
    ends.wire.send(b"head")
    ends.wire.send_file(descriptor, 0, len(MUCH))
    assert ends.wire.noticed(4), "room is of interest now"
    assert len(b"".join(ends.below.kept)) < 1000
    ends.wire.send(b"next")
    ends.below.room = True
    assert ends.wire.flush()
    assert not ends.wire.noticed(4)
    assert ends.heard() == b"head" + MUCH + b"next"


def test_a_long_file_lets_others_have_their_turn(ends: Ends, tmp_path: Path) -> None:
    descriptor = open_file(tmp_path, MUCH * 5)
    ends.wire.send_file(descriptor, 0, len(MUCH) * 5)
    assert ends.below.look
    assert is_open(descriptor)
    assert ends.wire.flush()
    assert not is_open(descriptor)
    assert ends.heard() == MUCH * 5


def test_a_file_that_becomes_shorter_breaks_the_reply(ends: Ends, tmp_path: Path) -> None:
    descriptor = open_file(tmp_path, b"short")
    with pytest.raises(PeerGone, match="shorter"):
        ends.wire.send_file(descriptor, 0, 50)
    ends.wire.close(reset=True)
    assert not is_open(descriptor)


def test_after_the_end_nothing_can_be_sent(ends: Ends) -> None:
    ends.wire.close()
    for content in (b"reply", MUCH[:20_000]):
        with pytest.raises(PeerGone):
            ends.wire.send(content)
    assert ends.wire.drained


@pytest.mark.parametrize("octets", [5, 20_000])
def test_nothing_can_be_sent_after_the_end_of_output(ends: Ends, octets: int) -> None:
    ends.wire.end_output()
    with pytest.raises(PeerGone):
        ends.wire.send(MUCH[:octets])


def test_what_follows_a_file_waits_for_it(ends: Ends, tmp_path: Path) -> None:
    ends.below.room = False
    ends.wire.send(b"head")
    ends.wire.send_file(open_file(tmp_path, b"file"), 0, 4)
    assert not ends.wire.send(b"one")
    ends.below.room = True
    assert ends.wire.send(b"two")
    assert ends.heard() == b"headfileonetwo"


def test_a_file_that_cannot_be_read_breaks_the_reply(ends: Ends, tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(PeerGone):
        ends.wire.send_file(descriptor, 0, 5)
    ends.wire.close(reset=True)
    assert not is_open(descriptor)


def test_a_clients_certificate_is_worded_by_who_knows_how(authority: Authority, front: Front) -> None:
    told = Front(front.context, lambda der: {"SSL_CLIENT_VERIFY": str(der)})
    assert Ends(told, authority.client()).met().wire.variables()["SSL_CLIENT_VERIFY"] == "None"


def test_a_peer_that_is_gone_is_told(ends: Ends) -> None:
    ends.below.dead = True
    with pytest.raises(PeerGone):
        ends.wire.send(b"reply")


# --- The end ---


def test_it_says_goodbye_once(ends: Ends) -> None:
    assert ends.wire.close()
    assert ends.wire.close()
    assert ends.below.closed == [False, False]
    ends.hear()
    assert ends.client.read() == b""


def test_a_broken_reply_gets_no_goodbye(ends: Ends) -> None:
    ends.wire.close(reset=True)
    assert ends.below.closed == [True]
    assert ends.below.out == b""


def test_a_waiting_file_is_closed_with_its_connection(ends: Ends, tmp_path: Path) -> None:
    descriptor = open_file(tmp_path, MUCH)
    ends.wire._waiting.append(FilePiece(descriptor, 0, 5))
    ends.wire.close()
    assert not is_open(descriptor)


def test_after_the_end_of_output_what_comes_is_dropped(ends: Ends) -> None:
    assert ends.wire.end_output()
    assert ends.below.output_ended
    ends.hear()
    assert ends.client.read() == b""
    ends.arrive(ends.say(b"still here"))
    assert ends.wire.receive()
    assert ends.wire.receive() is None
    ends.below.ended = True
    assert ends.wire.receive() == b""


def test_octets_without_content_have_a_bound(ends: Ends) -> None:
    """Key updates without end, say: they cost us more than the peer. Any content begins the count anew."""
    record = ends.say(b"content")
    ends.wire._barren = _BARREN - len(record)
    ends.arrive(record)
    assert ends.received() == b"content"
    assert ends.wire._barren == 0
    ends.wire._barren = _BARREN
    ends.arrive(ends.say(b"more")[:-1])
    assert ends.wire.receive() == b""
