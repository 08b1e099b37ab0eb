"""What `make demo` promises: Django's admin, a form with CSRF, a big upload that comes back, and its static files."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import socket
import subprocess
import sys

import pytest
import requests

BIG = 20 * 1000 * 1000


@pytest.fixture(scope="module")
def project(tmp_path_factory, root):
    """A fresh copy of the demo, prepared as `make demo` does it."""
    folder = tmp_path_factory.mktemp("demo") / "03-django"
    shutil.copytree(root / "examples" / "03-django", folder, ignore=shutil.ignore_patterns("var", "__pycache__"))
    subprocess.run([sys.executable, "manage.py", "prepare"], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def demo(project, serve_module):
    """The demo, served with the options of the Makefile."""
    options = ("--static", "/static=./var/static", "--access-log", "-")
    server = serve_module("mysite.wsgi:application", *options, command="twist", chdir=None, cwd=project)
    yield server
    assert server.stop() == 0


@pytest.fixture
def browser():
    """A client that keeps cookies, as browsers do."""
    with requests.Session() as session:
        yield session


@pytest.mark.needs("make")
def test_a_taken_port_says_how_to_have_another(root):
    """Before anything is prepared, and without a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        made = ("make", f"--assume-old={sys.prefix}/.demo", f"VENV={sys.prefix}", "demo", f"PORT={port}")
        outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        done = subprocess.run(made, cwd=root, env=outside, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert done.stdout == f"Port {port} of this machine can't be had: make demo PORT=8001\n"
    assert "Traceback" not in done.stderr


def token_of(page: requests.Response) -> str:
    """Return the CSRF token that a page's form carries."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def leave(browser, demo, **fields):
    """Fill in the guest book's form, with an attachment if there is one, and submit it."""
    page = browser.get(f"{demo.url}/", timeout=10)
    files = {"attachment": fields.pop("attachment")} if "attachment" in fields else {}
    data = {"csrfmiddlewaretoken": token_of(page), **fields}
    return browser.post(f"{demo.url}/", data=data, files=files, headers={"Origin": demo.url}, timeout=60)


def test_admin_login(browser, demo):
    """`admin` / `admin` reaches the admin's front page."""
    page = browser.get(f"{demo.url}/admin/", timeout=10)
    fields = {"username": "admin", "password": "admin", "next": "/admin/", "csrfmiddlewaretoken": token_of(page)}
    page = browser.post(page.url, data=fields, headers={"Referer": page.url, "Origin": demo.url}, timeout=10)
    assert page.status_code == 200
    assert "Site administration" in page.text
    assert "Entries" in page.text


def test_wrong_password_is_refused(browser, demo):
    page = browser.get(f"{demo.url}/admin/", timeout=10)
    fields = {"username": "admin", "password": "wrong", "csrfmiddlewaretoken": token_of(page)}
    page = browser.post(page.url, data=fields, timeout=10)
    assert "Please enter the correct username" in page.text


def test_form_with_csrf(browser, demo):
    """A message goes into the data base and onto the page, in any script."""
    page = leave(browser, demo, author="Ada", message="Zażółć <gęślą> jaźń")
    assert page.status_code == 200
    assert "Thank you, it is in the book." in page.text
    assert "Zażółć &lt;gęślą&gt; jaźń" in page.text


def test_form_without_csrf_is_refused(browser, demo):
    reply = browser.post(f"{demo.url}/", data={"author": "Eve", "message": "let me in"}, timeout=10)
    assert reply.status_code == 403


def test_big_upload_comes_back_byte_for_byte(browser, demo):
    """20 MB of noise, uploaded with the form, are the same 20 MB when downloaded."""
    content = os.urandom(BIG)
    page = leave(browser, demo, author="Bob", message="a big one", attachment=("noise.bin", content))
    assert page.status_code == 200
    link = re.findall(r'href="(/files/\d+/)"', page.text)[0]  # the newest stands first
    reply = browser.get(f"{demo.url}{link}", timeout=60)
    assert reply.headers["Content-Length"] == str(BIG)
    assert "attachment" in reply.headers["Content-Disposition"]
    assert hashlib.sha256(reply.content).digest() == hashlib.sha256(content).digest()


@pytest.mark.parametrize("path", ["guestbook/site.css", "admin/css/base.css"])
def test_static_files(browser, demo, project, path):
    """Our style sheet and the admin's come from collectstatic's folder, with their type, and again as 304."""
    reply = browser.get(f"{demo.url}/static/{path}", timeout=10)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].partition(";")[0] == "text/css"
    assert reply.content == (project / "var" / "static" / path).read_bytes()
    known = {"If-Modified-Since": reply.headers["Last-Modified"]}
    assert browser.get(f"{demo.url}/static/{path}", headers=known, timeout=10).status_code == 304


@pytest.mark.parametrize("path", ["../db.sqlite3", "%2e%2e/db.sqlite3", "..%2fsecret-key", "/etc/passwd", "%00"])
def test_static_folder_holds_its_visitors(demo, path):
    """Nothing above the folder can be asked for: not the data base, not the key."""
    connection = http.client.HTTPConnection("127.0.0.1", demo.port, timeout=10)
    connection.request("GET", f"/static/{path}")
    assert connection.getresponse().status in {400, 403, 404}
    connection.close()


def test_access_log_on_standard_output(browser, demo):
    """Each request is one line."""
    browser.get(f"{demo.url}/?looked-for", timeout=10)
    demo.wait_for(r'"GET /\?looked-for HTTP/1\.1" 200 \d+')
