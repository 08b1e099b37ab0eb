"""Settings: what may be set, and what the operator reads if it can't be."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgicontainer.errors import ConfigurationError
from wsgicontainer.settings import OPTIONS, Mount, Settings, Static, Timer
from wsgicontainer.settings.kinds import Kind, Wrong, escape, seconds, size, split_escaped, whole
from wsgicontainer.settings.pages import help_page, reference_page, summary_page, toml_page
from wsgicontainer.settings.table import FIELDS, default_threads, without_effect

APP = "mysite.wsgi:application"
ROOT = Path(__file__).parents[2]


def sentence(**fields: Any) -> str:
    """Make Settings that can't be, and return what the operator reads."""
    with pytest.raises(ConfigurationError) as caught:
        Settings(**{"wsgi": APP, **fields})
    return str(caught.value)


# Values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"threads": "many"}, "threads: 'many' is not a whole number; write threads=8"),
        ({"threads": 2.5}, "threads: '2.5' is not a whole number; write threads=8"),
        ({"threads": True}, "threads: 'True' is not a whole number; write threads=8"),
        ({"threads": [3]}, "threads: '[3]' is not a whole number; write threads=8"),
        ({"threads": 0}, "threads: '0' is less than 1; write threads=1"),
        ({"threads": 5000}, "threads: '5000' is more than 4096; write threads=4096"),
        ({"keep_alive": "soon"}, "keep_alive: 'soon' is not a number of seconds; write keep_alive=75"),
        ({"keep_alive": float("nan")}, "keep_alive: 'nan' is not a number of seconds; write keep_alive=75"),
        ({"keep_alive": "1e999"}, "keep_alive: '1e999' is more than 86400; write keep_alive=86400"),
        ({"send_timeout": 0}, "send_timeout: '0' is less than 0.1; write send_timeout=0.1"),
        ({"body_buffer": "2T"}, "body_buffer: '2T' is not a size; write body_buffer=\"64K\""),
        ({"body_buffer": "2G"}, "body_buffer: '2G' is more than 1G; write body_buffer=\"1G\""),
        ({"output_buffer": 0}, "output_buffer: '0' is less than 4K; write output_buffer=\"4K\""),
        ({"transport": "udp"}, "transport: 'udp' is none of auto, nested, twisted; write transport=\"auto\""),
        ({"chdir": ""}, "chdir: '' is not a file name; write chdir=\"/srv/mysite\""),
        (
            {"access_log_format": "fancy"},
            (
                "access_log_format: 'fancy' is none of common, combined, json and has no %(atom)s; "
                'write access_log_format="combined"'
            ),
        ),
        ({"tls_min": "1.1"}, "tls_min: '1.1' is none of 1.2, 1.3; write tls_min=1.2"),
        (
            {"ciphers": "a;b"},
            "ciphers: 'a;b' is no list of ciphers as OpenSSL writes them; write ciphers=\"ECDHE+AESGCM\"",
        ),
        ({"hsts": -1}, "hsts: '-1' is less than 0; write hsts=0"),
        (
            {"http_protocols": "h3"},
            "http_protocols: 'h3' names 'h3', which is neither h2 nor h1; write http_protocols=\"h2,h1\"",
        ),
        (
            {"http_protocols": "h2"},
            "http_protocols: 'h2' leaves out h1, which clients without ALPN speak; write http_protocols=\"h2,h1\"",
        ),
        (
            {"redirect_https": "maybe"},
            "redirect_https: 'maybe' is neither true nor false; write redirect_https=\"true\"",
        ),
        ({"keyfile": "k.pem"}, "--keyfile: there is no certificate for this key; write --certfile cert.pem beside it"),
        (
            {"cert_reqs": "optional"},
            (
                "--cert-reqs: optional needs to know who may sign clients' certificates; write --ca-certs clients.pem "
                "beside it"
            ),
        ),
        ({"ca_certs": "c.pem"}, "--ca-certs: clients are not asked for certificates; write --cert-reqs required"),
        (
            {"certfile": "c.pem", "redirect_https": True},
            (
                "--redirect-https: with --certfile every port speaks TLS, and none is left to redirect; write --port "
                "ssl:443:privateKey=key.pem:certKey=cert.pem --port tcp:80"
            ),
        ),
        ({"user": "-1"}, "user: '-1' is neither a name nor a number; write user=\"www-data\""),
        ({"umask": "089"}, "umask: '089' is not an octal number from 000 to 777; write umask=\"027\""),
        (
            {"name": "a-name-of-16-oct"},
            (
                "name: 'a-name-of-16-oct' has more than the 15 octets that the kernel keeps; write "
                'name="a-name-of-16-oc"'
            ),
        ),
        ({"env": ["A"]}, "env: 'A' is not NAME=VALUE; write env=\"DJANGO_SETTINGS_MODULE=mysite.settings\""),
        ({"min_threads": 9, "threads": 8}, "--min-threads: 9 is more than --threads 8; write --min-threads 8"),
    ],
)
def test_a_value_that_cannot_be_is_one_sentence_with_the_mend(fields: dict[str, Any], told: str) -> None:
    assert sentence(**fields) == told


def test_python_callers_may_write_values_as_on_the_command_line() -> None:
    plain: dict[str, Any] = {
        "mounts": ["/api/=api:app"],
        "timers": ["0.5=tasks:tick"],
        "statics": "/static=./a\\,b,index=index.html,max-age=60",
        "env": {"A": "b=c"},
        "body_buffer": "1m",
        "limit_request_body": "0",
        "keep_alive": 3,
    }
    settings = Settings(wsgi=APP, **plain)
    assert settings.mounts == (Mount("/api", "api:app"),)
    assert settings.timers == (Timer(0.5, "tasks:tick"),)
    assert settings.statics == (Static("/static", "./a,b", "index.html", max_age=60),)
    assert settings.env == (("A", "b=c"),)
    assert (settings.body_buffer, settings.limit_request_body, settings.keep_alive) == (2**20, 0, 3.0)


def test_values_made_in_python_are_kept() -> None:
    settings = Settings(
        mounts=(Mount("/", "a"),), statics=(Static("/s", "d"),), timers=(Timer(1, "a:b"),), env=(("A", ""),)
    )
    assert (settings.mounts, settings.statics) == ((Mount("/", "a"),), (Static("/s", "d"),))
    assert (settings.timers, settings.env) == ((Timer(1.0, "a:b"),), (("A", ""),))


@pytest.mark.parametrize(("cores", "threads"), [(0, 4), (1, 4), (2, 8), (8, 32), (64, 32)])
def test_the_default_is_four_threads_per_core_within_bounds(cores: int, threads: int) -> None:
    assert default_threads(cores) == threads


# What is served ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("app", ["a", "a.b", "a.b:c", "a:b()", "a:b('x y', z=1)", "a:b.c", "ä.b"])
def test_usual_spellings_of_an_application_are_taken(app: str) -> None:
    assert Settings(wsgi=app).wsgi == app


@pytest.mark.parametrize(
    ("app", "mend"),
    [
        ("./mysite/wsgi.py", "mysite.wsgi:application"),
        ("mysite/app", "mysite.app:application"),
        ("my-site:app", APP),
        ("", APP),
        ("a:", APP),
    ],
)
def test_a_file_name_instead_of_a_module_is_mended(app: str, mend: str) -> None:
    assert sentence(wsgi=app).endswith(f'does not name a module and what to call in it; write wsgi="{mend}"')


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"mounts": ["/api"]}, "is not /prefix=APP"),
        ({"mounts": ["api=a:b"]}, "does not begin with /"),
        ({"mounts": ["/a//b=a:b"]}, "has an empty segment"),
        ({"mounts": ["/a?b=a:b"]}, "has an empty segment, a space, ? or #"),
        ({"mounts": ["/x=a/b.py"]}, 'write mounts="/x=a.b:application"'),
        ({"timers": ["a:b"]}, "is not SECONDS=pkg.mod:callable"),
        ({"timers": ["3="]}, "is not SECONDS=pkg.mod:callable"),
        ({"timers": ["a:b@* * * * *"]}, 'which this version does not have; write timers="3600=a:b"'),
        ({"timers": ["often=a:b"]}, "is not a number of seconds; write timers="),
        ({"timers": ["0=a:b"]}, 'is less than 0.01; write timers="0.01=a:b"'),
        ({"statics": ["/s"]}, "is not /url=DIR"),
        ({"statics": ["/s="]}, "is not /url=DIR"),
        ({"statics": ["/s=d,listing"]}, "asks for listing, which this version does not have"),
        ({"statics": [Static("/s", "d", immutable=True)]}, "asks for immutable, which this version"),
        ({"statics": [Static("/s", "d", fallback="x")]}, "asks for fallback, which this version"),
        ({"statics": ["/s=d,color=red"]}, "has the unknown part 'color=red' beside index and max-age"),
        ({"statics": ["/s=d,index="]}, "has no usable value in 'index='"),
        ({"statics": ["/s=d,index=a/b"]}, "has no usable value in 'index=a/b'"),
        ({"statics": ["/s=d,max-age=x"]}, "is not a whole number"),
        ({"wsgi": None}, "write twist wsgicontainer mysite.wsgi:application"),
        ({"mounts": ["/=a:b"]}, "--mount, --static and --health: / is given twice"),
        ({"mounts": ["/x=a"], "statics": ["/x/=b"]}, "--mount, --static and --health: /x is given twice"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(fields: dict[str, Any], part: str) -> None:
    assert part in sentence(**fields)
    assert "\n" not in sentence(**fields)


# Where to listen --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "endpoint",
    [
        "tcp:0",
        "tcp:8000:interface=127.0.0.1",
        "tcp6:8000:interface=\\:\\:1",
        "tcp:port=80",
        "ssl:443:privateKey=k.pem",
        "ssl:port=443:privateKey=k.pem:certKey=c.pem:extraCertChain=e.pem:interface=\\:\\:1:backlog=5",
        "tls:/certs:443",
        "tls:/certs:port=443:interface=127.0.0.1",
        "txsni:/certs:tcp:443",
        "txsni:C\\:/certs:tcp6:443:interface=\\:\\:",
        "txsni:certs:unix:/run/a.sock",
        "txsni:certs:systemd:domain=INET:index=0",
        "txsni:certs:fd:3",
        "unix:/run/a.sock",
        "fd:3",
        "systemd:domain=INET:index=0",
        "systemd:INET6:name=http",
        "systemd:name=http",
        "systemd:",
        "txsni:certs:systemd:",
        "somebodys:own:plugin",
        "somebodys:8000",
    ],
)
def test_endpoints_of_twisted_its_plugins_and_ours_are_taken(endpoint: str) -> None:
    assert Settings(wsgi=APP, ports=(endpoint,)).ports == (endpoint,)


def test_a_port_for_a_proxy_needs_the_proxys_name() -> None:
    """Otherwise whoever connects could say who he is."""
    assert Settings(wsgi=APP, ports=["haproxy:tcp:8000"], forwarded_allow_ips="10.0.0.1").ports == ("haproxy:tcp:8000",)
    assert "must be named" in sentence(ports=["txsni:/certs:haproxy:tcp:443"])
    assert sentence(ports=["tcp:80", "haproxy:tcp:8000"]).endswith(
        "the proxy must be named; write --forwarded-allow-ips 127.0.0.1 with the proxy's address"
    )


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("10.0.0.1", ("10.0.0.1",)),
        ("10.0.0.0/8, 127.0.0.1,,10.0.0.0/8", ("10.0.0.0/8", "127.0.0.1")),
        (["2001:DB8::/32", "::1"], ("2001:db8::/32", "::1")),
        ("unix:,*", ("unix:", "*")),
        ("", ()),
        ([], ()),
        ((), ()),
    ],
)
def test_proxies_are_a_list_of_addresses_and_networks(value: Any, kept: tuple[str, ...]) -> None:
    settings = Settings(wsgi=APP, forwarded_allow_ips=value)
    assert settings.forwarded_allow_ips == kept
    assert Settings.from_plain(settings.as_plain()) == settings


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("10.0.0.1/8", 'names 10.0.0.1/8, an address within a network; write forwarded_allow_ips="10.0.0.0/8"'),
        ("proxy.example", "which is no address, network, unix: or *; write forwarded_allow_ips"),
        ("10.0.0.1,10.0.0.0/33", "names '10.0.0.0/33', which is no address"),
        ([5, None], "names '5', which is no address"),
    ],
)
def test_a_proxy_that_is_no_address_is_told(value: Any, told: str) -> None:
    assert told in sentence(forwarded_allow_ips=value)


@pytest.mark.parametrize(
    ("endpoint", "mend"),
    [
        ("8000", "tcp:8000"),
        ("http", "tcp:8000"),
        ("tcp:http", "tcp:8000"),
        ("tcp6:70000", "tcp6:8000"),
        ("haproxy:tcp:x", "tcp:8000"),
        ("127.0.0.1:80", "tcp:80:interface=127.0.0.1"),
        ("localhost:80", "tcp:80:interface=localhost"),
        ("[::1]:80", "tcp:80:interface=\\:\\:1"),
        (":80", "tcp:80"),
        ("tcp://10.0.0.1:80", "tcp:80:interface=10.0.0.1"),
        ("http://localhost:8080/", "tcp:8080:interface=localhost"),
        ("http://localhost", "tcp:8000:interface=127.0.0.1"),
        ("fd:x", "fd:3"),
        ("txacme:/certs:tcp:443", "txsni:/etc/certificates:tcp:443"),
        ("https:443", "txsni:/etc/certificates:tcp:443"),
        ("http:8001", "tcp:8001"),
        ("http:x", "tcp:8000"),
        ("/run/s", "unix:/run/s"),
        ("unix", "unix:/run/site.sock"),
        ("unix:", "unix:/run/site.sock"),
        ("0.0.0.0", "tcp:8000:interface=0.0.0.0"),
        ("localhost", "tcp:8000:interface=localhost"),
        ("::1", "tcp:8000:interface=\\:\\:1"),
        ("txsni:/certs", "txsni:/etc/certificates:tcp:443"),
        ("txsni::tcp:443", "txsni:/etc/certificates:tcp:443"),
        ("txsni:/certs:tcp:https", "txsni:/certs:tcp:8000"),
        ("txsni:/certs:8443", "txsni:/certs:tcp:8443"),
        ("txsni", "txsni:/etc/certificates:tcp:443"),
        ("tcp:127.0.0.1:8000", "tcp:8000:interface=127.0.0.1"),
        ("txsni:/certs:ssl:443:privateKey=k.pem", "txsni:/certs:tcp:443"),
        ("tls:/certs", "tls:/etc/certificates:443"),
        ("ssl:443", "ssl:443:privateKey=key.pem:certKey=cert.pem"),
        ("ssl:https:privateKey=k.pem", "txsni:/etc/certificates:tcp:443"),
        ("ssl:443:privateKey=k.pem:certkey=c.pem", "ssl:443:privateKey=key.pem:certKey=cert.pem"),
    ],
)
def test_an_endpoint_that_cannot_be_comes_with_the_one_that_was_meant(endpoint: str, mend: str) -> None:
    assert sentence(ports=[endpoint]).endswith(f'; write ports="{mend}"')


def test_no_endpoint_or_one_twice_is_refused() -> None:
    assert "there is no endpoint to listen on" in sentence(ports=())
    assert sentence(ports=("tcp:1", "tcp:1")) == "--port: tcp:1 is given twice; leave one of them out"


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [
        ("127.0.0.1:80", "tcp:80:interface=127.0.0.1"),
        ("[::1]:8000", "tcp:8000:interface=\\:\\:1"),
        ("localhost:80", "tcp:80:interface=localhost"),
        ("*:80", "tcp:80"),
        (":8000", "tcp:8000"),
        ("8000", "tcp:8000"),
        ("unix:/run/a:b.sock", "unix:/run/a\\:b.sock"),
        ("unix:///run/a.sock", "unix:/run/a.sock"),
        ("fd://3", "fd:3"),
    ],
)
def test_gunicorns_addresses_become_endpoints(address: str, endpoint: str) -> None:
    assert Settings.from_plain({"wsgi": APP, "bind": address}).ports == (endpoint,)


@pytest.mark.parametrize(
    ("address", "mend"),
    [("localhost", "localhost:8000"), ("a:b:80", "127.0.0.1:8000"), (":99999", "tcp:8000"), ("fd://x", "fd:3")],
)
def test_an_address_that_cannot_be_is_mended(address: str, mend: str) -> None:
    with pytest.raises(ConfigurationError, match="ports: ") as caught:
        Settings.from_plain({"wsgi": APP, "bind": address})
    assert mend in str(caught.value)


# Serialised -------------------------------------------------------------------------------------------------------

names = st.from_regex(r"[a-z_]{1,8}(\.[a-z_]{1,8}){0,2}(:[a-z_]{1,8})?", fullmatch=True)
prefixes = st.from_regex(r"(/[a-z%.~-]{1,6}){1,3}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=12)
files = texts.filter(lambda text: "/" not in text)
durations = st.floats(min_value=0.1, max_value=86_400)


@st.composite
def all_settings(draw: st.DrawFn) -> Settings:
    """Draw Settings that can be."""
    paths = draw(st.lists(prefixes, unique=True, max_size=4))
    statics = [
        Static(path, draw(texts), draw(st.none() | files), max_age=draw(st.none() | st.integers(0, 9999)))
        for path in paths[:2]
    ]
    return Settings(
        wsgi=draw(names),
        mounts=tuple(Mount(path, draw(names)) for path in paths[2:]),
        statics=tuple(statics),
        timers=tuple(Timer(draw(durations), draw(names)) for _ in paths[:1]),
        ports=tuple(
            f"tcp:{port}" for port in draw(st.lists(st.integers(0, 65535), unique=True, min_size=1, max_size=3))
        ),
        threads=draw(st.integers(4, 4096)),
        keep_alive=draw(durations),
        body_buffer=draw(st.integers(0, 2**30)),
        limit_request_body=draw(st.just(0) | st.integers(1, 2**50)),
        http_protocols=draw(st.permutations(["h1", "h2"]).map(tuple)),
        redirect_https=draw(st.booleans()),
        hsts=draw(st.none() | st.integers(0, 31_536_000)),
        chdir=draw(st.none() | texts),
        env=tuple(draw(st.lists(st.tuples(texts.filter(lambda text: "=" not in text), texts), max_size=2))),
    )


@given(all_settings())
def test_settings_survive_json(settings: Settings) -> None:
    assert Settings.from_plain(json.loads(json.dumps(settings.as_plain()))) == settings


@given(all_settings())
def test_the_printed_configuration_is_one(settings: Settings) -> None:
    assert Settings.from_plain(tomllib.loads(toml_page(settings, {}))) == settings


@given(st.lists(st.text(max_size=5), min_size=1, max_size=4))
def test_escaped_parts_come_back(parts: list[str]) -> None:
    assert split_escaped(",".join(escape(part, ",") for part in parts), ",") == parts


DIGITS = st.text(alphabet="0123456789.eE+-_ kKmMgGxnaif\u0661", max_size=22)
NUMBERS = DIGITS | st.integers().map(str) | st.floats().map(str)


@given(st.sampled_from([whole(-5, 10**12), seconds(0.1, 86400), size(4096, 2**40), size(1, 2**30, zero=True)]), NUMBERS)
def test_any_number_is_within_its_span_and_survives_writing_or_is_wrong(kind: Kind, text: str) -> None:
    try:
        value = kind.parse(text)
    except Wrong as wrong:
        if wrong.mend:
            kind.parse(wrong.mend)  # what the operator is told to write is right
        return
    assert kind.parse(str(kind.write(value))) == value


def test_a_last_backslash_stays() -> None:
    assert split_escaped("a\\", ",") == ["a\\"]


@given(st.sampled_from([option for option in OPTIONS if option.takes_value]), st.text(max_size=30))
def test_any_text_is_a_value_or_one_sentence(option: Any, text: str) -> None:
    told = ""
    try:
        values = option.settle(text)
    except ConfigurationError as error:
        told = str(error)
        values = None
    assert values is not None or told.startswith(f"{option.attribute}: ")


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"^thraeds: there is no such option; did you mean threads"):
        Settings.from_plain({"thraeds": 3})


# The table and its renderings -------------------------------------------------------------------------------------


def test_every_row_fills_the_field_that_it_declares_and_tells_unit_and_reason() -> None:
    assert [option.attribute for option in FIELDS] == [each.name for each in attrs.fields(Settings)]
    for option in OPTIONS:
        assert option.help
        assert not option.help.endswith(".")
        assert option.reason.endswith(".")
        assert option.unit or not option.kind.span


def test_every_example_and_default_is_right() -> None:
    for option in FIELDS:
        option.settle(option.example)
        assert option.default_text or option.settle(option.default) == option.default


def test_the_reference_page_is_up_to_date() -> None:
    """If not: python docs/make_options.py > docs/reference/options.md."""
    made = subprocess.run([sys.executable, ROOT / "docs/make_options.py"], capture_output=True, check=True).stdout
    assert made.decode() == reference_page()
    assert (ROOT / "docs/reference/options.md").read_text("utf-8") == reference_page()


@pytest.mark.parametrize("command", ["twist wsgicontainer", "python -m wsgicontainer"])
@pytest.mark.parametrize("width", [20, 80, 120])
def test_help_names_every_option_and_fits_the_terminal(width: int, command: str) -> None:
    """From its first line, the examples too."""
    page = help_page(command, width)
    for option in OPTIONS:
        assert f"--{option.name}" in page
    assert width < 80 or max(map(len, page.splitlines())) <= width
    assert not re.search(r"\(default *\n", page), "a default stands where it is said to be one"


def test_help_keeps_together_what_is_read_together() -> None:
    page = help_page("twist wsgicontainer", 80)
    for together in ("(default 4 × cores, at least 4, at most 32)\n", "(default 2048)\n", "0: never (default 0)\n"):
        assert together in page
    assert "\N{NO-BREAK SPACE}" not in page


def test_help_says_what_its_letters_mean_and_where_the_rest_is() -> None:
    page = help_page("twistd wsgicontainer", 80)
    assert "* may be repeated; S: seconds; SIZE: octets (bytes), also 64K, 10M, 1G" in page
    assert "The log and the reactor are twistd's: see twistd --help." in page.replace("\n", " ")
    assert "see twist --help" in help_page("wsgicontainer", 80).replace("\n", " ")
    for unsaid in ("--help", "--version"):
        assert unsaid in page
    assert page.index("--port ENDPOINT") < page.index("--bind ADDR") < page.index("--forwarded-allow-ips")
    assert "a port that is taken is only a warning" in page.replace("\n" + " " * 34, " ")


def test_help_names_the_unit_of_what_is_only_a_number() -> None:
    for option in OPTIONS:
        if option.kind.metavar == "N" and option.unit:
            assert option.unit in option.help, option.name


def test_the_printed_configuration_says_where_each_value_comes_from() -> None:
    page = toml_page(Settings(wsgi=APP), {"wsgi": "command line"})
    assert f'wsgi = "{APP}"  # command line\n' in page
    assert "keep-alive = 75  # default\n" in page
    assert "# chdir is not set\n" in page


def test_what_only_several_workers_have_is_told() -> None:
    """Somebody believes that he preloads, or recycles."""
    options = Settings(wsgi=APP, preload=True, max_requests=1000)
    assert without_effect(options) == ["--preload", "--max-requests"]
    assert "in vain       --preload, with one worker\n" in summary_page(options)
    assert without_effect(Settings(wsgi=APP, preload=True, workers=2)) == without_effect(Settings(wsgi=APP)) == []


def test_the_summary_says_what_would_run() -> None:
    settings = Settings(wsgi="a:b", mounts=(Mount("/x", "c:d"),), timers=(Timer(1.5, "e:f"),), threads=4)
    assert summary_page(settings) == (
        "applications  / = a:b\n              /x = c:d\ntimers        every 1.5 s: e:f\n"
        "endpoints     tcp:8000:interface=127.0.0.1\nthreads       1 to 4\nworkers       1\n"
    )
    assert "applications  /x = a\nfolders       /s = d\n" in summary_page(
        Settings(mounts=(Mount("/x", "a"),), statics=(Static("/s", "d"),))
    )
