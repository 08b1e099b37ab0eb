"""One request, one line, and nothing that a client sends can make it two or pass for another field."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.telemetry.conftest import Entry, entry
from wsgicontainer.errors import ConfigurationError
from wsgicontainer.messages import Request
from wsgicontainer.telemetry.accessline import COMBINED, COMMON, compile_format
from wsgicontainer.telemetry.escaping import escape, user_of

WHEN = datetime(2000, 10, 10, 13, 55, 36, tzinfo=timezone(timedelta(hours=-7)))
CLF = "10/Oct/2000:13:55:36 -0700"
ISO = "2000-10-10T13:55:36-07:00"
EVERY_ATOM = " ".join(f"%({atom})s" for atom in "hlutrmUqHsBbfaTDMLQp") + " %({x-a}i)s %({server}o)s %({USER}e)s"


def written(text: str, one: Entry, moment: str = CLF, getpid: Callable[[], int] = lambda: 4711) -> str:
    """Render an entry as often as it takes until all that may be kept of its head is; each time it is the same."""
    line = compile_format(text, getpid).line
    one.request.line = None
    lines = {line(one, moment, 971186136.0) for _ in range(4)}
    assert one.request.line
    (only,) = lines
    assert only.endswith("\n")
    return only[:-1]


def basic(credentials: bytes) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": "Basic " + b64encode(credentials).decode()}


def test_common_is_apaches():
    line = written("common", entry(), CLF)
    assert line == '192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET /a?b=c HTTP/1.1" 200 1234'


def test_combined_adds_referer_and_user_agent():
    line = written("combined", entry(sent=0, fields=basic(b"frank:x")), CLF)
    assert line == '192.0.2.7 - frank [10/Oct/2000:13:55:36 -0700] "GET /a?b=c HTTP/1.1" 200 - "-" "-"'


def test_a_peer_on_a_unix_socket_is_a_dash():
    assert written("combined", entry(client=""), CLF).startswith("- - - [")


@pytest.mark.parametrize(("name", "text"), [("common", COMMON), ("combined", COMBINED)])
def test_the_prebuilt_formats_write_what_their_texts_say(name: str, text: str):
    for one in (entry(), entry(client="", fields={}, sent=0), entry(unread='\x16\x03 "é\\', fields=basic(b"a b:"))):
        assert written(name, one, CLF) == written(text, one, CLF)


def test_json_has_clear_names_and_milliseconds():
    line = written("json", entry(fields={**entry().request.fields, **basic(b"frank:x")}), ISO)
    assert json.loads(line) == {
        "time": "2000-10-10T13:55:36.123-07:00",
        "request_id": "00112233aabbccdd",
        "peer": "192.0.2.7",
        "user": "frank",
        "method": "GET",
        "target": "/a?b=c",
        "protocol": "HTTP/1.1",
        "status": 200,
        "bytes": 1234,
        "duration": 1.234567,
        "queued": 0.0005,
        "referer": "http://h/",
        "user_agent": "curl/8",
    }


def test_json_of_what_could_not_be_parsed_has_its_first_line():
    line = written("json", entry(unread='\x16\x03 "x'), ISO)
    assert json.loads(line)["request_line"] == '\x16\x03 "x'


@pytest.mark.parametrize(
    ("atom", "text"),
    [
        ("%(h)s", "192.0.2.7"),
        ("%(l)s", "-"),
        ("%(u)s", "-"),
        ("%(t)s", f"[{CLF}]"),
        ("%(r)s", "GET /a?b=c HTTP/1.1"),
        ("%(m)s", "GET"),
        ("%(U)s", "/a"),
        ("%(q)s", "b=c"),
        ("%(H)s", "HTTP/1.1"),
        ("%(s)s", "200"),
        ("%(B)s", "1234"),
        ("%(b)s", "1234"),
        ("%(f)s", "http://h/"),
        ("%(a)s", "curl/8"),
        ("%(T)s", "1"),
        ("%(M)s", "1234"),
        ("%(D)s", "1234567"),
        ("%(L)s", "1.234567"),
        ("%(Q)s", "0.000500"),
        ("%(p)s", "<4711>"),
        ("%({X-A}i)s", "1"),
        ("%({content-type}i)s", "text/plain"),
        ("%({Missing}i)s", "-"),
        ("%({server}o)s", "one, two"),
        ("%({Missing}o)s", "-"),
        ("%({USER}e)s", "-"),
        ("100%% %(s)s", "100% 200"),
        ("no atoms", "no atoms"),
        ("", ""),
        ('tab\t"%(s)s"', 'tab\t"200"'),
        ("back\\slash é %(s)s", "back\\slash \\xe9 200"),
    ],
)
def test_every_atom_of_gunicorn_and_the_queue_time(atom: str, text: str):
    assert written(atom, entry()) == text


@pytest.mark.parametrize("text", ["%(z)s", "%(h)d", "%h", "%", "100%", "%({a}x)s", "%({}i)s", "%(hh)s", "a\nb", "a\rb"])
def test_an_unknown_atom_is_told_with_the_options_name(text: str):
    with pytest.raises(ConfigurationError, match="--access-log-format"):
        compile_format(text)


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [
        ('"', '\\"'),
        ("\\", "\\\\"),
        ("\r\n", "\\x0d\\x0a"),
        ("\x7f\x00", "\\x7f\\x00"),
        ("é", "\\xe9"),
        ("a b~!", "a b~!"),
        ("\u2028", "\\u2028"),
        ("\U0001f600", "\\U0001f600"),
    ],
)
def test_what_could_forge_is_escaped(raw: str, escaped: str):
    assert escape(raw) == escaped
    line = written("combined", entry(unread=raw), CLF)
    assert line == f'192.0.2.7 - - [{CLF}] "{escaped}" 200 1234 "http://h/" "curl/8"'


@pytest.mark.parametrize(
    ("field", "user"),
    [
        ("Basic ZnJhbms6eA==", "frank"),
        ("basic  ZnJhbms6eA== ", "frank"),
        ("BASIC OnNlY3JldA==", ""),  # no user, only a password
        ("Basic ZnJhbms=", ""),  # no colon: no credentials
        ("Basic ZnJhbms6eA", ""),
        ("Basic", ""),
        ("", ""),
        ("Basic Zn!Jhbms6eA==", ""),
        ("Basic é", ""),
        ("Bearer ZnJhbms6eA==", ""),
    ],
)
def test_the_user_is_that_of_basic_credentials_and_no_token_is_shown(field: str, user: str):
    assert user_of({"HTTP_AUTHORIZATION": field}) == user
    line = written("common", entry(fields={"HTTP_AUTHORIZATION": field}), CLF)
    assert line.split(" ")[2] == (user or "-")


def test_a_user_cannot_pass_for_further_fields():
    line = written("common", entry(fields=basic(b'a - [x] "GET / HTTP/1.1" 200 1\n:')), CLF)
    assert line.split(" ")[2] == r"a\x20-\x20[x]\x20\"GET\x20/\x20HTTP/1.1\"\x20200\x201\x0a"
    assert line.split(" ")[3] == "[10/Oct/2000:13:55:36"


def moment_of(text: str, when: datetime) -> str:
    return compile_format(text).moment(when)


@pytest.mark.parametrize("text", ["common", "combined", "json", f"%% {EVERY_ATOM} 100%%"])
def test_a_head_that_comes_again_has_lines_of_its_own(text: str):
    """What differs from reply to reply is never that of another."""
    line = compile_format(text).line
    head = entry(fields={"HTTP_X_A": "%s %%s", **basic(b"%(u)s:")}).request
    first, other = Entry(head), Entry(head, "", "192.0.2.7", "f" * 16, 971186136.9, 404, 0, (), 2.0, 3.0)
    for one, moment in [(first, CLF), (other, ISO)] * 3:
        alone = evolve(one, request=evolve(head))
        assert line(one, moment, 971186136.0) == line(alone, moment, 971186136.0)
    assert line(first, CLF, 971186136.0) != line(other, CLF, 971186136.0)


def test_nothing_is_kept_of_a_head_that_comes_once():
    """Most connections that lie idle have had one request."""
    one = entry()
    compile_format("combined").line(one, CLF, 971186136.0)
    assert not one.request.line
    assert evolve(one.request, fields={}).line is None


@pytest.mark.parametrize(
    ("text", "timed"),
    [("common", False), ("combined", False), ("json", True), ("%(h)s %({T}i)s %(t)s", False)]
    + [(f"%(h)s %({atom})s", True) for atom in "TDMLQ"],
)
def test_formats_say_whether_they_show_times(text: str, timed: bool):
    assert compile_format(text).timed is timed


@pytest.mark.parametrize(("into", "shown"), [(0.0, ".000"), (-1e-7, ".000"), (0.9999, ".999"), (1.0000001, ".999")])
def test_json_never_writes_a_thousandth_thousandth(into: float, shown: str):
    assert (
        json.loads(written("json", entry(began=971186136 + into), ISO))["time"] == f"2000-10-10T13:55:36{shown}-07:00"
    )


def test_moments_are_written_as_each_format_wants_them():
    assert moment_of("combined", WHEN) == moment_of("%(t)s", WHEN) == CLF
    assert moment_of("json", WHEN) == ISO
    assert moment_of("json", datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00+00:00"
    assert moment_of("common", datetime(2026, 1, 2, tzinfo=UTC)) == "02/Jan/2026:00:00:00 +0000"


hostile = st.text(alphabet=st.one_of(st.sampled_from('"\\\r\n\t\x7f %{}é'), st.characters()), max_size=30)
seconds = st.floats(min_value=0, max_value=1e9)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    fields = draw(
        st.dictionaries(st.sampled_from(["HTTP_REFERER", "HTTP_USER_AGENT", "HTTP_X_A", "HTTP_AUTHORIZATION"]), hostile)
        | hostile.map(lambda user: basic(user.encode("utf-8", "surrogatepass") + b":"))
    )
    return Entry(
        Request(draw(hostile), draw(hostile), "", "", draw(hostile), fields),
        unread=draw(hostile),
        client=draw(hostile),
        began=draw(st.floats(min_value=971186136, max_value=971186137)),
        code=draw(st.integers(100, 599)),
        sent=draw(st.integers(0, 1 << 60)),
        reply_fields=draw(st.lists(st.tuples(st.sampled_from(["Server", "X"]), hostile), max_size=2)),
        duration=draw(seconds),
        queued=draw(seconds),
    )


@given(entries())
def test_no_line_is_ever_two_lines_and_no_field_ends_early(one: Entry):
    for text in ("common", "combined", EVERY_ATOM, f'"{EVERY_ATOM}"'):
        line = written(text, one, CLF)
        assert line.isascii()
        assert line.isprintable()
        bare = re.sub(r"\\.", "", line)
        assert bare.count('"') == {"common": 2, "combined": 6, EVERY_ATOM: 0}.get(text, 2)


@given(entries())
def test_json_always_parses_and_gives_back_what_was_sent(one: Entry):
    line = written("json", one, ISO)
    assert line.isascii()
    assert line.isprintable()
    read = json.loads(line)
    assert read["target"] == one.request.target
    assert read.get("request_line", one.unread) == one.unread
    assert read["user_agent"] == one.request.fields.get("HTTP_USER_AGENT", "")
    assert re.fullmatch(r"2000-10-10T13:55:36\.[0-9]{3}-07:00", read["time"])
    assert read["status"] == one.code
