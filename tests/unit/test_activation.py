"""`systemd:` endpoints: which socket is meant, and what is told of a slip."""

import pytest

from wsgicontainer.settings.activation import Activated, activated
from wsgicontainer.settings.kinds import Wrong


@pytest.mark.parametrize(
    ("rest", "meant"),
    [
        ("", Activated()),
        ("name=http", Activated("http")),
        ("index=1", Activated(index=1)),
        ("domain=INET:name=a\\:b", Activated("a:b")),
        ("INET6:index=0", Activated(index=0)),
        ("domain=UNIX", Activated()),
    ],
)
def test_our_spelling_and_twisteds(rest, meant):
    assert activated(rest) == meant


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("http", "unknown part 'http'"),
        ("name=http:INET", "unknown part 'INET'"),
        ("name=a:index=0", "both a name and an index"),
        ("name=", "empty name"),
        ("index=first", "no whole number"),
        ("domain=IPX:index=0", "none of INET, INET6, UNIX"),
    ],
)
def test_slips(rest, told):
    with pytest.raises(Wrong, match=told):
        activated(rest)
