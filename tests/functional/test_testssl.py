"""testssl.sh looks at a running server as auditors do: grade A, and every warning is explained here.

Debian's version 3.0 gives no grade; then no finding may be worse than informational, which is what grade A asks for.
The two sections that only list ciphers once more, by name and by client, are left out: they take half of the time.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from authority import Authority

GOOD = ("OK", "INFO")
EXPLAINED = {
    r"cert_(expirationStatus|notAfter).*": "the authority of this test signs for 30 days",
    r"cert_revocation.*": "an authority of a test has nobody to ask about revocation; nor has Let's Encrypt since 2025",
    r"DNS_CAArecord.*": "localhost has no DNS",
    r"security_headers": "what a page may load is for the application to say; HSTS, which is ours, is there",
    r"sessionresumption_ticket": "3.0 does not get on with OpenSSL 3's s_client here: test_tls.py resumes with it",
    r"scanTime": "no finding",
}


@pytest.mark.needs("testssl", "openssl")
@pytest.mark.parametrize("transport", ["auto"], indirect=True)
def test_grade_a(serve: Any, tmp_path: Path) -> None:
    authority, folder = Authority(tmp_path), tmp_path / "certificates"
    authority.write(folder, "localhost")
    authority.write(folder, "localhost", rsa=True)
    # It asks about renegotiation without naming a server, and would see none.
    authority.write(folder, "localhost", file="DEFAULT.pem")
    server = serve(
        "hello:app", "--port", f"txsni:{folder}:tcp:0:interface=127.0.0.1", "--hsts", "31536000", "--threads", "4"
    )
    words = ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--add-ca", str(authority.file), "--ip", "one"]
    sections = ["-p", "-s", "-f", "-P", "-S", "-h", "-U"]
    report = tmp_path / "report.json"
    done = subprocess.run(
        [*words, *sections, "--jsonfile", str(report), f"https://localhost:{server.port}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        stdin=subprocess.DEVNULL,
    )
    findings = json.loads(report.read_text())
    assert len(findings) > 80, done.stdout
    worse = {each["id"]: each["finding"] for each in findings if each["severity"] not in GOOD}
    unexplained = {
        name: finding for name, finding in worse.items() if not any(re.fullmatch(each, name) for each in EXPLAINED)
    }
    assert not unexplained, done.stdout
    grades = [each["finding"] for each in findings if each["id"] == "overall_grade"]
    assert not grades or grades[0] in ("A", "A+")
    found = {each["id"]: each["finding"] for each in findings}
    assert "not offered" in found["TLS1"] and "not offered" in found["TLS1_1"]
    assert found["TLS1_3"].startswith("offered")
    assert found["secure_renego"] == "supported" and found["secure_client_renego"] == "not vulnerable"
    assert "31536000" in found["HSTS_time"]
    assert "Traceback" not in server.output()
