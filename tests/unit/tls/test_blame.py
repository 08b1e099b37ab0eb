"""Which of --certfile and --keyfile is to blame, and what mends it."""

from __future__ import annotations

import errno

import pytest

from wsgicontainer.tls.blame import blamed
from wsgicontainer.tls.pem import Part, Unusable

GONE = "No such file or directory"
ONE, TWO = ("c.pem",), ("c.pem", "k.pem")


@pytest.mark.parametrize(
    ("files", "fault", "told"),
    [
        (ONE, OSError(errno.ENOENT, GONE, "c.pem"), f"--certfile c.pem can't be served ({GONE}); name a PEM file"),
        (TWO, OSError(errno.ENOENT, GONE, "c.pem"), f"--certfile c.pem can't be served ({GONE}); name a PEM file"),
        (TWO, OSError(errno.ENOENT, GONE, "k.pem"), f"--keyfile k.pem can't be served ({GONE}); name the PEM file"),
        (ONE, Unusable("no key", part=Part.KEY), "--certfile c.pem can't be served (no key); write --keyfile FILE"),
        (TWO, Unusable("no key", part=Part.KEY), "--keyfile k.pem can't be served (no key); name the PEM file with"),
        (ONE, Unusable("locked", part=Part.LOCK), "--certfile c.pem can't be served (locked); `openssl pkey -in c.pem"),
        (TWO, Unusable("locked", part=Part.LOCK), "--keyfile k.pem can't be served (locked); `openssl pkey -in k.pem"),
        (TWO, Unusable("none", part=Part.CERTIFICATE), "--certfile c.pem can't be served (none); name a PEM file with"),
        (ONE, Unusable("no pair", part=Part.PAIR), "--certfile c.pem can't be served (no pair); name the key"),
        (TWO, Unusable("no pair", part=Part.PAIR), "--keyfile k.pem can't be served (no certificate in c.pem is for"),
        (TWO, Unusable("too weak"), "--certfile c.pem can't be served (too weak); name a PEM file with a certificate"),
    ],
)
def test_the_option_whose_file_is_wrong_is_named(
    files: tuple[str, ...], fault: OSError | Unusable, told: str
) -> None:
    assert blamed(files, fault).startswith(told)
