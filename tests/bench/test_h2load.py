"""What h2load prints is read by name, whichever columns it has."""

from __future__ import annotations

import pytest

from comparison.asking.counted import ClientFailedError
from comparison.asking.h2load import count, total
from comparison.scenarios import SCENARIOS

OLD = """starting benchmark...
spawning thread #0: 8 total client(s). Timing-based test with 0s of warm-up time and 3s of main duration.
TLS Protocol: TLSv1.3
Cipher: TLS_AES_128_GCM_SHA256
Application protocol: h2

finished in 3.01s, 4878.05 req/s, 205.99KB/s
requests: 14600 total, 14680 started, 14600 done, 14580 succeeded, 20 failed, 5 errored, 0 timeout
status codes: 14580 2xx, 0 3xx, 0 4xx, 15 5xx
traffic: 1.05MB (1101004) total, 82.03KB (84000) headers (space savings 86.00%), 185.10KB (189540) data
                     min         max         mean         sd        +/- sd
time for request:     1.23ms     20.11ms     15.22ms      1.22ms    90.00%
time for connect:     8.01ms     12.03ms     10.00ms       400us    62.50%
time to 1st byte:    10.01ms     22.03ms     13.00ms       400us    62.50%
req/s           :     609.77      610.01      609.90        0.10    62.50%
"""
NEW = (
    OLD[: OLD.index("                     min")]
    + """\
                 min         max         median      p95         p99         mean        sd        +/- sd
request     :      800us      1.20s    15.00ms     18.00ms     19.50ms     15.22ms      1.22ms    90.00%
connect     :     8.01ms    12.03ms    10.00ms     11.00ms     12.00ms     10.00ms       400us    62.50%
"""
)

REFUSED = OLD.replace("14580 s", "0 s").replace("14580 2xx, 0 3xx, 0 4xx", "0 2xx, 0 3xx, 14580 4xx")


def test_requests_time_and_content_are_counted():
    counted = count(OLD, SCENARIOS["h2"])
    assert (counted.requests, counted.seconds, counted.octets) == (14580, pytest.approx(3.01), 189540)


def test_replies_that_were_no_success_and_broken_connections_are_told_apart():
    counted = count(OLD, SCENARIOS["h2"])
    assert (counted.not_2xx, counted.broken) == (15, 5)


def test_an_old_version_tells_the_mean_and_the_longest():
    assert count(OLD, SCENARIOS["h2"]).latencies == {"mean_ms": 15.22, "max_ms": 20.11}


def test_one_with_percentiles_tells_them_as_well():
    latencies = count(NEW, SCENARIOS["h2"]).latencies
    assert latencies == {"mean_ms": 15.22, "max_ms": 1200.0, "p50_ms": 15.0, "p99_ms": 19.5}


def test_one_without_latencies_is_none_the_less_counted():
    assert count(OLD[: OLD.index("                     min")], SCENARIOS["h2"]).latencies == {}


def test_an_upload_counts_what_was_sent():
    text = OLD.replace("14580 succeeded", "8 succeeded")
    assert count(text, SCENARIOS["upload-h2"]).octets == 8 * (64 << 20)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no output"),
        (REFUSED, "no request succeeded: requests: 14600 total"),
        (OLD.replace("protocol: h2", "protocol: http/1.1"), "does not speak HTTP/2: http/1.1"),
        (OLD.replace("Application protocol: h2", "No protocol negotiated"), "does not speak HTTP/2: nothing agreed"),
        (OLD.replace("finished in 3.01s", "finished"), "not understood"),
    ],
)
def test_what_is_no_figure_is_told(text, says):
    with pytest.raises(ClientFailedError, match=says):
        count(text, SCENARIOS["h2"])


def test_a_reply_whose_status_h2load_does_not_hear_is_no_failure():
    text = OLD.replace("14580 succeeded, 20 failed, 5 errored", "0 succeeded, 14600 failed, 0 errored")
    counted = count(text.replace("14580 2xx", "0 2xx").replace("15 5xx", "0 5xx"), SCENARIOS["download"])
    assert (counted.requests, counted.not_2xx, counted.broken) == (14600, 0, 0)


def test_runs_one_after_the_other_add_up():
    counted = total([count(OLD, SCENARIOS["handshake"])] * 3)
    assert (counted.requests, counted.seconds, counted.not_2xx) == (3 * 14580, pytest.approx(9.03), 45)
    assert counted.latencies == {}


def test_http1_needs_no_agreement():
    text = OLD.replace("Application protocol: h2", "No protocol negotiated. Fallback behaviour may be activated")
    assert count(text, SCENARIOS["download"]).requests == 14580
