"""Server names: what belongs together is found, and nothing that a client sends is a path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgicontainer.tls.names import key_of, lookups, normalized, stem_of


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("a.example", "a.example"),
        ("A.Example.", "a.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a_b.example", "a_b.example"),
        ("localhost", "localhost"),
        ("192.0.2.1", "192.0.2.1"),
        (f"{'a' * 63}.example", f"{'a' * 63}.example"),
        ("", ""),
        (".", ""),
        ("a..b", ""),
        (".a", ""),
        ("a.example..", ""),
        ("../etc/passwd", ""),
        ("a/b", ""),
        ("a\\b", ""),
        ("a\0b", ""),
        ("*.example", ""),
        ("-a.example", ""),
        ("a-.example", ""),
        ("a b", ""),
        ("\udcff.example", ""),
        (f"{'a' * 64}.example", ""),
        ("a" * 100_000, ""),
    ],
)
def test_a_name_is_what_it_is_looked_up_as(name: str, known_as: str) -> None:
    assert normalized(name) == known_as


def test_an_exact_name_goes_before_a_wildcard_and_only_one_label_is_wild() -> None:
    assert lookups("Www.a.example.") == ("www.a.example", "*.a.example")
    assert lookups("localhost") == ("localhost",)
    assert lookups("*.a.example") == ()


@given(st.text(max_size=300))
def test_no_name_is_a_path(name: str) -> None:
    for key in lookups(name):
        assert key.isascii()
        assert "/" not in key
        assert "\\" not in key
        assert ".." not in key
        assert not key.startswith(".")
        assert len(key) <= 255


@given(st.from_regex(r"([a-z0-9]{1,8}\.){1,3}[a-z]{2,5}", fullmatch=True))
def test_case_and_a_last_dot_make_no_difference(name: str) -> None:
    assert lookups(name) == lookups(name.upper()) == lookups(f"{name}.")
    assert lookups(name)[0] == name == key_of(name)
    assert key_of(f"*.{name}") == f"*.{name}"
    assert stem_of(f"{name}.pem") == stem_of(f"{name}.rsa.pem") == stem_of(f"{name}.ecdsa.PEM") == name


@pytest.mark.parametrize("file", [".a.example.pem", "client.key", "README", "a.example.pem.bak", ".pem"])
def test_other_files_are_left_alone(file: str) -> None:
    assert stem_of(file) == ""


@pytest.mark.parametrize("name", ["*.", "*.*.example", "*", "DEFAULT/x", ""])
def test_what_is_no_name_has_no_key(name: str) -> None:
    assert key_of(name) == ""
