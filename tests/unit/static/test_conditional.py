"""A client that has the file is told so; one that has another state of it never is."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgicontainer.static.conditional import (
    Validators,
    http_date,
    parse_date,
    precondition,
    range_applies,
    validators_of,
)

DAY = 784111777
"""Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110 section 5.6.7."""
NOW = Validators('"a"', DAY, strong=True)
WEAK = Validators('"a"', DAY, strong=False)
SAME, EARLIER, LATER = http_date(DAY), http_date(DAY - 1), http_date(DAY + 1)


@pytest.mark.parametrize(
    "text", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_the_three_forms_of_a_date_are_read(text: str):
    assert parse_date(text, DAY) == DAY
    assert parse_date(f" {text} ", DAY) == DAY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nix 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "0",
        "Sun, 06 Nov 1994 08:49:37 GMT; length=4",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT",
    ],
)
def test_what_is_no_date_is_ignored(text: str):
    assert parse_date(text, DAY) is None
    assert precondition({"HTTP_IF_MODIFIED_SINCE": text}, NOW) == 200
    assert precondition({"HTTP_IF_UNMODIFIED_SINCE": text}, NOW) == 200


@pytest.mark.parametrize(("year", "full"), [("94", 1994), ("44", 2044), ("45", 1945), ("00", 2000), ("99", 1999)])
def test_a_year_of_two_digits_is_never_more_than_fifty_years_ahead(year: str, full: int):
    parsed = parse_date(f"Sunday, 06-Nov-{year} 08:49:37 GMT", DAY)
    assert parsed is not None
    assert str(full) in http_date(parsed)


def test_a_leap_second_is_read():
    assert parse_date("Sat, 31 Dec 2016 23:59:60 GMT", DAY) == 1483228799


@given(st.integers(min_value=0, max_value=4_000_000_000))
def test_dates_are_written_as_the_standard_library_does_and_read_back(seconds: int):
    assert http_date(seconds) == formatdate(seconds, usegmt=True)
    assert parse_date(http_date(seconds), seconds) == seconds


MATCH, UNMODIFIED, NONE_MATCH, MODIFIED = (
    "HTTP_IF_MATCH",
    "HTTP_IF_UNMODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
)


@pytest.mark.parametrize(
    ("fields", "current", "verdict"),
    [
        ({}, NOW, 200),
        ({MODIFIED: SAME}, NOW, 304),
        ({MODIFIED: LATER}, NOW, 304),
        ({MODIFIED: EARLIER}, NOW, 200),
        ({NONE_MATCH: '"a"'}, NOW, 304),
        ({NONE_MATCH: 'W/"a"'}, NOW, 304),
        ({NONE_MATCH: '"a"'}, WEAK, 304),
        ({NONE_MATCH: '"b"'}, NOW, 200),
        ({NONE_MATCH: '"b", W/"c" ,"a"'}, NOW, 304),
        ({NONE_MATCH: ',, "a"'}, NOW, 304),
        ({NONE_MATCH: '"a'}, NOW, 200),
        ({NONE_MATCH: "a"}, NOW, 200),
        ({NONE_MATCH: '"x,"a""'}, NOW, 200),
        ({NONE_MATCH: " * "}, NOW, 304),
        ({NONE_MATCH: ""}, NOW, 200),
        ({NONE_MATCH: '"b"', MODIFIED: SAME}, NOW, 200),  # If-None-Match decides alone
        ({MATCH: '"a"'}, NOW, 200),
        ({MATCH: '"b", "a"'}, NOW, 200),
        ({MATCH: "*"}, NOW, 200),
        ({MATCH: '"b"'}, NOW, 412),
        ({MATCH: 'W/"a"'}, NOW, 412),  # strong comparison
        ({MATCH: '"a"'}, WEAK, 412),
        ({MATCH: '"a"', UNMODIFIED: EARLIER}, NOW, 200),  # If-Match decides alone
        ({UNMODIFIED: SAME}, NOW, 200),
        ({UNMODIFIED: EARLIER}, NOW, 412),
        ({UNMODIFIED: EARLIER, NONE_MATCH: '"a"'}, NOW, 412),
        ({UNMODIFIED: LATER, NONE_MATCH: '"a"'}, NOW, 304),
    ],
)
def test_conditions_are_judged_in_the_order_of_rfc_9110(fields: dict[str, str], current: Validators, verdict: int):
    assert precondition(fields, current) == verdict


@pytest.mark.parametrize(
    ("condition", "current", "applies"),
    [
        (None, NOW, True),
        (None, WEAK, True),
        ('"a"', NOW, True),
        ('"b"', NOW, False),
        ('W/"a"', NOW, False),
        ('"a"', WEAK, False),
        (SAME, NOW, True),
        (SAME, WEAK, False),
        (LATER, NOW, False),
        (EARLIER, NOW, False),
        ("", NOW, False),
    ],
)
def test_a_range_continues_only_the_very_same_state(condition: str | None, current: Validators, applies: bool):
    fields = {} if condition is None else {"HTTP_IF_RANGE": condition}
    assert range_applies(fields, current) is applies


def test_a_file_that_has_just_changed_has_a_weak_tag():
    fresh = validators_of(5, DAY * 10**9, DAY + 1.9)
    old = validators_of(5, DAY * 10**9, DAY + 2.0)
    assert fresh.etag == "W/" + old.etag
    assert not fresh.strong


def test_a_file_from_the_future_was_modified_now():
    assert validators_of(5, (DAY + 100) * 10**9, DAY + 0.5).last_modified == SAME


def test_a_change_of_time_or_size_changes_the_tag():
    assert len({validators_of(size, mtime, DAY).tag for size in (0, 1, 16) for mtime in (0, 1, 10**9)}) == 9


HOSTILE = st.text(alphabet='"W/,*a \t\xe9Sun, 06 Nov1994:8GMT-', max_size=40) | st.sampled_from([SAME, EARLIER, LATER])
FIELDS = st.sampled_from([MATCH, UNMODIFIED, NONE_MATCH, MODIFIED, "HTTP_IF_RANGE"])


@given(st.dictionaries(FIELDS, HOSTILE), st.sampled_from([NOW, WEAK]))
def test_any_condition_is_judged(fields: dict[str, str], current: Validators):
    """Nothing that a peer sends is an error; 412 needs a condition on the state, 304 one on the copy."""
    verdict = precondition(fields, current)
    assert verdict in (200, 304, 412)
    assert verdict != 412 or {MATCH, UNMODIFIED} & set(fields)
    assert verdict != 304 or {NONE_MATCH, MODIFIED} & set(fields)
    assert range_applies(fields, current) in (True, False)
    assert current.strong or "HTTP_IF_RANGE" not in fields or not range_applies(fields, current)


TAGS = st.lists(st.from_regex(r'(W/)?"[!#-~]{0,4}"', fullmatch=True), max_size=5)


@given(TAGS, st.sampled_from([",", " , ", ",,\t"]))
def test_a_tag_is_found_in_any_list_and_only_there(tags: list[str], comma: str):
    listed = '"a"' in tags or 'W/"a"' in tags
    assert precondition({NONE_MATCH: comma.join(tags)}, NOW) == (304 if listed else 200)


@given(HOSTILE, st.integers(0, 4_000_000_000))
def test_any_text_is_a_date_or_none(text: str, now: int):
    parsed = parse_date(text, now)
    assert parsed is None or parse_date(http_date(parsed), now) == parsed
