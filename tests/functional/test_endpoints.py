"""Endpoints beside plain TCP: Twisted's words for TLS, served by ours."""

import json
import subprocess

import pytest


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*words, *names, *files], check=True, capture_output=True)
    return folder


@pytest.mark.needs("curl", "openssl")
@pytest.mark.parametrize(("word", "version"), [("--http2", "2"), ("--http1.1", "1.1")])
def test_curl_over_tls(word, version, serve, certificate):
    """A client gets the protocol that it offers (ALPN), content both ways, and an https environ."""
    port = f"ssl:0:privateKey={certificate}/key.pem:certKey={certificate}/cert.pem:interface=127.0.0.1"
    server = serve("wellbehaved:application", "--port", port, wait=False)
    found = server.wait_for(r"listening on https://127\.0\.0\.1:(\d+)")
    url = f"https://localhost:{found[1]}"
    curl = ["curl", word, "-sS", "--max-time", "20", "--cacert", str(certificate / "cert.pem")]
    done = subprocess.run(
        [*curl, "-w", "%{http_version} %{http_code}", f"{url}/environ"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"}}{version} 200")
    assert json.loads(done.stdout[: done.stdout.rindex("}") + 1])["wsgi.url_scheme"] == "https"
    sent = "x" * 3_000_000
    done = subprocess.run(
        [*curl, "--data-binary", "@-", f"{url}/echo"], input=sent, capture_output=True, text=True, check=False
    )
    assert done.stdout == sent, done.stderr
