"""Who is believed, how far, and what an application sees of it."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from ipaddress import ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wsgicontainer.errors import PeerError
from wsgicontainer.http.forwarding import Proxies
from wsgicontainer.http.head import HeadLimits, HeadParser

PROXIES = ("10.0.0.0/8", "2001:db8::/32", "127.0.0.1")
LIMITS = HeadLimits(request_line=8190, fields=100, field_size=8190)


def read(*lines: str, allowed: tuple[str, ...] = PROXIES) -> dict[str, str]:
    """Return fields and changes of the environ that a trusted peer's head makes, forwarding lines as given."""
    head = "\r\n".join(["GET / HTTP/1.1", "Host: inner", *lines]).encode("latin-1")
    request, block = HeadParser(LIMITS, Proxies(allowed)).parse(head)
    assert block.origin is not None
    return {**request.fields, **block.origin}


def refused(*lines: str) -> str:
    with pytest.raises(PeerError) as caught:
        read(*lines)
    assert caught.value.status == "400 Bad Request"
    return caught.value.reason


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", False),
        ("10.255.0.1", True),
        ("::ffff:10.1.2.3", True),
        ("::ffff:11.1.2.3", False),
        ("2001:db8::5", True),
        ("2001:db9::5", False),
        ("unix:", False),
        ("", False),
        ("10.0.0.1, evil", False),
    ],
)
def test_who_is_trusted(peer, trusted):
    proxies = Proxies(PROXIES)
    assert [proxies.trusts(peer), proxies.trusts(peer)] == [trusted, trusted]
    assert Proxies(()).trusts(peer) is False
    assert Proxies(["*"]).trusts(peer) is True


def test_a_unix_socket_and_a_link_of_its_own_can_be_named():
    assert Proxies(["unix:"]).trusts("unix:")
    assert not Proxies(["unix:"]).trusts("")
    assert Proxies(["fe80::/10"]).trusts("fe80::1%eth0")


@pytest.mark.parametrize(
    ("chain", "client", "port", "left"),
    [
        ("192.0.2.7", "192.0.2.7", "", "192.0.2.7"),
        ("127.0.0.1, 192.0.2.7", "192.0.2.7", "", "192.0.2.7"),
        ("<script>, 192.0.2.7", "192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7, 10.0.0.1,10.0.0.2", "192.0.2.7", "", "192.0.2.7, 10.0.0.1, 10.0.0.2"),
        ("10.9.9.9, 10.0.0.2", "10.9.9.9", "", "10.9.9.9, 10.0.0.2"),
        ("192.0.2.7:4711", "192.0.2.7", "4711", "192.0.2.7:4711"),
        ("[2001:db9::0:1]:4711", "2001:db9::1", "4711", "[2001:db9::0:1]:4711"),
        ("2001:DB9::1", "2001:db9::1", "", "2001:DB9::1"),
        ("::ffff:192.0.2.7", "192.0.2.7", "", "::ffff:192.0.2.7"),
        ("127.0.0.1, unknown", "", "", "unknown"),
        ("127.0.0.1, _hidden, 10.0.0.1", "", "", "_hidden, 10.0.0.1"),
        (" , 192.0.2.7, ", "192.0.2.7", "", "192.0.2.7"),
    ],
)
def test_the_client_is_the_nearest_address_that_is_no_proxy(chain, client, port, left):
    """What stands before it came from the client: not believed, not passed on, no reason to refuse either."""
    seen = read(f"X-Forwarded-For: {chain}")
    assert (seen["REMOTE_ADDR"], seen["REMOTE_PORT"], seen["HTTP_X_FORWARDED_FOR"]) == (client, port, left)


def test_several_lines_are_one_chain():
    assert read("X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 192.0.2.7, 10.0.0.1")["REMOTE_ADDR"] == "192.0.2.7"


def test_anyone_is_trusted_for_one_step_only():
    """`*` believes whoever connects, not whatever a client has written before."""
    assert read("X-Forwarded-For: 127.0.0.1, 192.0.2.7", allowed=("*",))["REMOTE_ADDR"] == "192.0.2.7"


def test_nothing_said_changes_nothing():
    assert read() == {"HTTP_HOST": "inner"}
    assert read("X-Forwarded-For: ", "Forwarded: ,") == {"HTTP_HOST": "inner"}


def test_scheme_host_and_port_are_the_clients():
    seen = read("X-Forwarded-Proto: HTTPS", "X-Forwarded-Host: example.com:8443")
    assert seen == {
        "HTTP_HOST": "example.com:8443",
        "HTTP_X_FORWARDED_HOST": "example.com:8443",
        "HTTP_X_FORWARDED_PROTO": "HTTPS",
        "SERVER_NAME": "example.com",
        "SERVER_PORT": "8443",
        "wsgi.url_scheme": "https",
    }


@pytest.mark.parametrize(
    ("lines", "port"),
    [
        (["X-Forwarded-Proto: https"], "443"),
        (["X-Forwarded-Proto: http"], "80"),
        (["X-Forwarded-Proto: https", "X-Forwarded-Port: 8443"], "8443"),
        (["X-Forwarded-Port: 8443"], "8443"),
        (["X-Forwarded-Host: [::1]:81"], "81"),
        (["X-Forwarded-Host: [::1]"], None),
        (["X-Forwarded-Host: h:81", "X-Forwarded-Port: 82"], "82"),
        (["X-Forwarded-For: 192.0.2.7"], None),
        (['Forwarded: proto=https;host="h:83"'], "83"),
    ],
)
def test_which_port_the_client_has_called(lines, port):
    assert read(*lines).get("SERVER_PORT") == port


def test_the_port_of_an_unchanged_host_counts_with_the_clients_scheme():
    head = b"GET / HTTP/1.1\r\nHost: h:8443\r\nX-Forwarded-Proto: https"
    assert HeadParser(LIMITS, Proxies(PROXIES)).parse(head)[1].origin == {
        "wsgi.url_scheme": "https",
        "SERVER_PORT": "8443",
    }


@pytest.mark.parametrize(
    ("value", "client", "scheme", "host"),
    [
        ("for=192.0.2.7", "192.0.2.7", None, "inner"),
        ('For="192.0.2.7:81";Proto=HTTPS;By=_x;host="a.example:8"', "192.0.2.7", "https", "a.example:8"),
        ('for="[2001:db9::1]:4711", for=10.0.0.1;proto=http;host=no', "2001:db9::1", None, "inner"),
        ("for=127.0.0.1;host=evil, for=192.0.2.7;proto=https", "192.0.2.7", "https", "inner"),
        ("for=10.0.0.8;proto=https, for=10.0.0.9;proto=http", "10.0.0.8", "https", "inner"),
        ("for=192.0.2.7;proto=http, proto=https", None, "https", "inner"),
        ("proto=https", None, "https", "inner"),
        ("for=unknown;proto=https", "", "https", "inner"),
        ('for="_hid\\den:_p"', "", None, "inner"),
        ("for=192.0.2.7 ; proto=https ,", "192.0.2.7", "https", "inner"),
    ],
)
def test_forwarded_is_read_as_rfc_7239_has_it(value, client, scheme, host):
    """The element that names the client tells scheme and host too: its proxy has seen that request."""
    seen = read(f"Forwarded: {value}")
    assert (seen.get("REMOTE_ADDR"), seen.get("wsgi.url_scheme"), seen["HTTP_HOST"]) == (client, scheme, host)
    assert "HTTP_FORWARDED" not in seen


@pytest.mark.parametrize(
    "line",
    [
        "X-Forwarded-For: me",
        "X-Forwarded-For: 192.0.2.7, me",
        "X-Forwarded-For: 192.0.2.7:99999",
        "X-Forwarded-For: 192.0.2.07",
        "X-Forwarded-For: [192.0.2.7]",
        "X-Forwarded-For: fe80::1%eth0",
        "X-Forwarded-For: 2001:db8::1%<b>",
        "X-Forwarded-For: me, 10.0.0.1",
        "X-Forwarded-Proto: gopher",
        "X-Forwarded-Proto: https, http",
        "X-Forwarded-Host: a/b",
        "X-Forwarded-Host: :80",
        "X-Forwarded-Host: a, b",
        "X-Forwarded-Port: 65536",
        "X-Forwarded-Port: +1",
        "X-Forwarded-Port: 1, 2",
        "Forwarded: for",
        "Forwarded: for=[::1]",
        "Forwarded: for=192.0.2.7:81",
        'Forwarded: for="192.0.2.7',
        "Forwarded: for=192.0.2.7;for=192.0.2.8",
        "Forwarded: for=192.0.2.7;proto=gopher",
        'Forwarded: for=192.0.2.7;host="a b"',
        "Forwarded: for=me",
        'Forwarded: for="", for=10.0.0.1',
    ],
)
def test_what_a_proxy_says_and_nobody_understands_is_refused(line):
    refused(line)


def test_values_that_say_the_same_are_one():
    assert read("X-Forwarded-Proto: https", "X-Forwarded-Proto: https")["HTTP_X_FORWARDED_PROTO"] == "https"


@pytest.mark.parametrize(
    "forwarded",
    ["for=127.0.0.1", "for=192.0.2.8", "for=192.0.2.7;host=evil", "proto=https", "for=192.0.2.7;proto=https"],
)
def test_a_family_of_fields_that_the_proxy_lets_pass_can_not_change_what_the_other_says(forwarded):
    """Proxies as nginx set X-Forwarded-For and hands a client's Forwarded on, others the other way round."""
    assert refused("X-Forwarded-For: 192.0.2.7", f"Forwarded: {forwarded}") == (
        "Forwarded and X-Forwarded-* say different things"
    )


def test_both_families_may_say_the_same():
    lines = ("X-Forwarded-For: 1.2.3.4, 192.0.2.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: A")
    assert read(*lines, "Forwarded: for=192.0.2.7;proto=https;host=a")["REMOTE_ADDR"] == "192.0.2.7"


@pytest.mark.parametrize("name", ["Prefix", "Server", "Ssl", "Scheme", "By", "Anything"])
def test_other_forwarding_fields_end_here_even_from_a_proxy(name):
    assert read(f"X-Forwarded-{name}: x") == {"HTTP_HOST": "inner"}


def test_underscores_end_here_even_from_a_proxy():
    assert read("X_Forwarded_For: 1.2.3.4", "X-Forwarded_Proto: https") == {"HTTP_HOST": "inner"}


def test_without_trust_nothing_is_read():
    head = b"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: me\r\nForwarded: for=me\r\nX-Forwarded-Proto: https"
    request, block = HeadParser(LIMITS).parse(head)
    assert (request.fields, block.origin) == ({"HTTP_HOST": "h"}, None)


def test_the_memos_are_bounded():
    proxies = Proxies(PROXIES)
    for number in range(10_000):
        address = str(ip_address(0xC6120000 + number))
        assert not proxies.trusts(address)
        assert proxies.origin({"HTTP_X_FORWARDED_FOR": address})["REMOTE_ADDR"] == address
    assert max(len(proxies._peers), len(proxies._memo)) <= 4096


def test_long_blanks_and_quotes_cost_little():
    """A regular expression that goes back and forth would take minutes."""
    before = time.process_time()
    for value in (" " * 8000, " " * 8000 + "x", 'for="' + "\\a" * 4000, "a" * 8000, ";," * 4000):
        fields = {"HTTP_FORWARDED": value, "HTTP_HOST": "h"}
        with suppress(PeerError):
            Proxies(PROXIES).origin(fields)
    assert time.process_time() - before < 4


def test_what_was_said_before_is_known_and_still_right():
    """What was remembered of one client is no other's; and long fields are not remembered."""
    proxies = Proxies(PROXIES)
    for _ in range(2):
        for client, host in (("192.0.2.7", "a"), ("192.0.2.8", "a"), ("192.0.2.8", "b"), ("10.0.0.1," * 90, "c")):
            fields = {"HTTP_X_FORWARDED_FOR": client, "HTTP_HOST": host, "HTTP_FORWARDED": "", "HTTP_X": "y"}
            changes = proxies.origin(fields)
            assert (changes["REMOTE_ADDR"], fields["HTTP_HOST"]) == (client.partition(",")[0], host)
            assert set(fields) == {"HTTP_X_FORWARDED_FOR", "HTTP_HOST", "HTTP_X"}
    assert len(proxies._memo) == 3


# Whatever comes ---------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f\x80"), max_size=40)
NODES = st.one_of(
    TEXT,
    st.ip_addresses().map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]:80"),
    st.sampled_from(["unknown", "10.0.0.1", "127.0.0.1:5", "_x", "2001:db8::1"]),
)
PAIRS = st.tuples(
    st.sampled_from(["for", "proto", "host", "by", "x"]), st.one_of(TEXT, NODES.map(lambda node: f'"{node}"'))
)
ELEMENTS = st.lists(PAIRS.map("=".join), max_size=4).map(";".join)
FIELDS = st.fixed_dictionaries(
    {"HTTP_HOST": st.just("inner")},
    optional={
        "HTTP_X_FORWARDED_FOR": st.lists(NODES, max_size=5).map(",".join),
        "HTTP_X_FORWARDED_PROTO": st.one_of(TEXT, st.sampled_from(["http", "https", "https,https"])),
        "HTTP_X_FORWARDED_HOST": st.one_of(TEXT, st.sampled_from(["a.example", "[::1]:80", "h:"])),
        "HTTP_X_FORWARDED_PORT": st.one_of(TEXT, st.integers(-1, 70_000).map(str)),
        "HTTP_FORWARDED": st.lists(ELEMENTS, max_size=4).map(", ".join),
    },
)


@given(FIELDS)
@example({"HTTP_HOST": "", "HTTP_X_FORWARDED_PROTO": "https"})
def test_whatever_a_proxy_sends_the_environ_stays_well_formed(fields):
    """Refused, or an address is an address, a port a port, a scheme a scheme and a host a host."""
    try:
        changes = Proxies(PROXIES).origin(fields)
    except PeerError:
        return
    if changes.get("REMOTE_ADDR"):
        assert str(ip_address(changes["REMOTE_ADDR"])) == changes["REMOTE_ADDR"]
    assert changes.get("wsgi.url_scheme", "http") in {"http", "https"}
    assert re.fullmatch("[0-9]{1,5}", changes.get("SERVER_PORT", "80"))
    assert re.fullmatch("[0-9]{0,5}", changes.get("REMOTE_PORT", ""))
    assert not set(fields["HTTP_HOST"]) & set(' /?#@\\"<>\t')
    assert "HTTP_FORWARDED" not in fields


@given(st.lists(NODES.filter(lambda node: "," not in node), max_size=4), st.ip_addresses(v=4))
def test_what_a_client_writes_never_changes_what_its_proxy_has_seen(forged, seen):
    """The last address, if it is no proxy's, is the client's, whatever stands before it."""
    address = str(seen)
    if Proxies(PROXIES).trusts(address):
        return
    fields = {"HTTP_HOST": "h", "HTTP_X_FORWARDED_FOR": ", ".join([*forged, address])}
    assert Proxies(PROXIES).origin(fields)["REMOTE_ADDR"] == address
    assert fields["HTTP_X_FORWARDED_FOR"] == address


@given(st.lists(st.lists(PAIRS.map("=".join), max_size=3).map(";".join), max_size=3), st.ip_addresses(v=4))
def test_nor_with_forwarded(forged, seen):
    """A quotation that a client leaves open would swallow what the proxy adds: that is refused."""
    address = str(seen)
    if Proxies(PROXIES).trusts(address):
        return
    try:
        changes = Proxies(PROXIES).origin({"HTTP_FORWARDED": ", ".join([*forged, f"for={address};proto=https"])})
    except PeerError:
        return
    assert (changes["REMOTE_ADDR"], changes["wsgi.url_scheme"]) == (address, "https")
