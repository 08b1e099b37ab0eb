"""Messages between processes: whole, bounded, with their descriptors, and an end that is seen."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import MemoryReactor

from wsgicontainer.links import Channel, ChannelReader, Closed, LogRelay, Message, pair


@pytest.fixture
def ends():
    one, other = pair()
    yield one, other
    one.close()
    other.close()


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.none(), max_size=5), max_size=5))
def test_messages_arrive_whole_and_in_order(messages) -> None:
    one, other = pair()
    for each in messages:
        assert one.send({"x": each})
    assert [other.receive() for _ in messages] == [
        Message({"x": {_readable(key): _readable(value) for key, value in each.items()}}) for each in messages
    ]
    assert other.receive() is None
    one.close()
    other.close()


def _readable(value):
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def test_descriptors_go_with_their_message_and_no_further(ends) -> None:
    one, other = ends
    reading, writing = os.pipe()
    one.send({"a": 1}, [writing])
    os.close(writing)
    message = other.receive()
    os.write(message.descriptors[0], b"x")
    assert os.read(reading, 1) == b"x"
    assert not os.get_inheritable(message.descriptors[0])
    for each in (reading, *message.descriptors):
        os.close(each)


def test_the_end_comes_after_all_messages(ends) -> None:
    one, other = ends
    one.send({"last": True})
    one.close()
    assert other.receive() == Message({"last": True})
    with pytest.raises(Closed):
        other.receive()
    assert not other.send({})


def test_nobody_waits_for_one_who_reads_nothing(ends) -> None:
    one, _ = ends
    count = 0
    while one.send({"x": "y" * 1000}):
        count += 1
    assert 10 < count < 1000
    assert not one.send({"x": "y" * 1000}, patience=0.01)


def test_what_is_too_long_is_refused(ends) -> None:
    with pytest.raises(ValueError, match="octets"):
        ends[0].send({"x": "y" * 200_000})


def test_what_is_no_message_is_an_empty_one(ends) -> None:
    one, other = ends
    one._socket.send(b"\xff\xfe")
    one._socket.send(b"[1]")
    assert other.receive() == other.receive() == Message({})


def test_a_reactor_reads_all_and_is_told_the_end_once(ends) -> None:
    one, other = ends
    reactor = MemoryReactor()
    got, ended = [], []
    reader = ChannelReader(reactor, other, lambda message: got.append(message.words), lambda: ended.append(1))
    assert reactor.getReaders() == [reader]
    one.send({"a": 1})
    one.send({"b": 2})
    reader.doRead()
    one.close()
    reader.doRead()
    reader.stop()
    assert (got, ended, reactor.getReaders()) == ([{"a": 1}, {"b": 2}], [1], [])


def test_a_log_event_is_never_too_long_and_never_lost(ends, capfd) -> None:
    """Where nobody reads the log any more it goes to standard error."""
    one, other = ends
    relay = LogRelay(one)
    relay.who = "worker 1"
    relay({"log_format": "{x}", "x": "é" * 100_000, "log_namespace": "app"})
    words = other.receive().words
    assert words["who"] == "worker 1"
    assert 10_000 < len(words["text"]) <= 20_003
    other.close()
    relay({"log_format": "last words"})
    assert "worker 1: last words" in capfd.readouterr().err
    assert isinstance(one, Channel)
