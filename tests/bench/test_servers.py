"""Each server is started for what is asked, or left out."""

from __future__ import annotations

import re
import ssl

import pytest

from comparison.asking import h2load
from comparison.material import Material, make
from comparison.scenarios import SCENARIOS
from comparison.servers import SERVERS, takes_part, words_of


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_who_takes_part_is_told_where_to_listen(scenario, tmp_path):
    for server in SERVERS.values():
        if takes_part(server, scenario):
            line = " ".join(words_of(server, scenario, 8443, 4, Material(tmp_path)))
            assert "8443" in line
            assert not re.search(r"[{}]", line)


def test_tls_is_asked_of_who_speaks_it():
    def asked(name):
        return {server for server in SERVERS if takes_part(SERVERS[server], SCENARIOS[name])}

    assert asked("tls") == asked("h2") == {"ours", "granian", "gunicorn", "hypercorn", "twist"}
    assert asked("hello") == set(SERVERS) - {"hypercorn"}


def test_ours_finds_its_certificate_by_name_and_gunicorn_speaks_http2_only_when_asked(tmp_path):
    material = Material(tmp_path)
    ours = words_of(SERVERS["ours"], SCENARIOS["h2"], 8443, 4, material)
    assert f"txsni:{tmp_path}/certs:tcp:8443:interface=127.0.0.1" in ours
    assert "--http-protocols" not in words_of(SERVERS["gunicorn"], SCENARIOS["tls"], 8443, 4, material)
    assert "h2,h1" in words_of(SERVERS["gunicorn"], SCENARIOS["h2"], 8443, 4, material)


def test_the_certificate_is_one_that_tls_takes(tmp_path):
    material = make(tmp_path)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(material.cert, material.key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(material.certs / "DEFAULT.pem")
    ssl.create_default_context(cafile=material.cert)
    assert material.content.stat().st_size == SCENARIOS["upload"].sends


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("h2", "-c 8 -m 10 -n 2000 https://127.0.0.1:8443/"),
        ("download", "-c 2 -m 1 -n 2 --h1 https://127.0.0.1:8443/"),
        ("upload-h2", "-c 2 -m 1 -n 2 -d /content https://127.0.0.1:8443/"),
    ],
)
def test_h2load_is_told_what_to_ask(name, words, tmp_path):
    said = " ".join(h2load.words_of(SCENARIOS[name], 8443, "/content"))
    assert said.partition("h2load ")[2] == words
