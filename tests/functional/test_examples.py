"""Each example does what its page says; the Django one has test_demo.py."""

from __future__ import annotations

import shutil
import socket
import sys

import pytest
import requests


def copy_of(root, tmp_path, name):
    """Copy an example, so that nothing is left in the checkout."""
    return shutil.copytree(root / "examples" / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))


def test_hello(serve, root, tmp_path):
    folder = copy_of(root, tmp_path, "01-hello")
    site = serve("apps:hello", "--static", "/static=./static", command="twist", chdir=None, cwd=folder)
    assert requests.get(f"{site.url}/moon", timeout=10).text == "Hello, world! You asked for /moon\n"
    reply = requests.get(f"{site.url}/static/about.txt", timeout=10)
    assert reply.content == (folder / "static" / "about.txt").read_bytes()


def test_flask(serve, root, tmp_path):
    folder = copy_of(root, tmp_path, "02-flask")
    site = serve("site_app:app", "--static", "/static=./static", command="twist", chdir=None, cwd=folder)
    assert "<h1>Hello, world!</h1>" in requests.get(f"{site.url}/", timeout=10).text
    assert "<h1>Hello, &lt;Ada&gt;!</h1>" in requests.post(f"{site.url}/", data={"name": "<Ada>"}, timeout=10).text
    assert requests.get(f"{site.url}/static/site.css", timeout=10).headers["Content-Type"].startswith("text/css")


def test_early_hints(serve, root, tmp_path):
    """What docs/howto/early-hints.md shows is what happens."""
    page = (root / "docs" / "howto" / "early-hints.md").read_text("utf-8")
    (tmp_path / "page.py").write_text(page.partition("```python\n")[2].partition("```")[0])
    site = serve("page:application", chdir=tmp_path)
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        hints, _, reply = client.makefile("rb").read().decode().partition("\r\n\r\n")
    assert hints.replace("\r\n", "\n") in page
    assert reply.startswith("HTTP/1.1 200 OK\r\n")
    assert reply.endswith("Here it is\n")


def test_tac(start, root, tmp_path):
    """The service stands beside another one in a `.tac` file."""
    folder = copy_of(root, tmp_path, "04-tac")
    tac = folder / "site.tac"
    tac.write_text(tac.read_text().replace("tcp:8000", "tcp:0"))
    site = start("twistd", "--nodaemon", "--pidfile=", "--python", "site.tac", cwd=folder).started()
    assert requests.get(f"{site.url}/", timeout=10).text.startswith("Hello world!")
    site.wait_for("still here")
    assert site.stop() == 0


@pytest.mark.parametrize("command", ["module", "script", "twist", "twistd"])
def test_all_four_doors(serve, command):
    """`python -m wsgicontainer`, `wsgicontainer`, `twist wsgicontainer` and `twistd wsgicontainer` are one."""
    site = serve("hello:app", command=command)
    assert requests.get(f"{site.url}/", timeout=10).text == "Hello, world!"
    assert site.stop() == 0


def test_python_is_enough(start, apps, tmp_path):
    """`python -m wsgicontainer` and nothing else serves the application of the folder."""
    site = start(sys.executable, "-m", "wsgicontainer", "hello", "-b", "127.0.0.1:0", cwd=apps).started()
    assert requests.get(f"{site.url}/", timeout=10).text == "Hello, world!"
