"""The Django demo over TLS, for those who will visit it: Chromium, curl, nghttp, h2load.

Nobody is told to overlook a certificate: the test's authority is made known to each as its users would do it, to
Chromium by `certutil` in a home of its own. What Chromium has shown stays in the test's folder: book.png, admin.png.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from authority import Authority
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1000,900"),
    # The machine's network may be closed, and nobody but our server is to be asked.
    *("--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--host-resolver-rules=MAP a.example 127.0.0.1"),
]
PROTOCOLS = """
    const entries = kind => performance.getEntriesByType(kind);
    return [...entries("navigation"), ...entries("resource")].map(
        each => [new URL(each.name).pathname, each.nextHopProtocol]);
"""
STYLED = "return [...document.styleSheets].map(each => each.cssRules.length)"
DIGEST = """
    const [link, done] = arguments, hex = octet => octet.toString(16).padStart(2, "0");
    fetch(link).then(reply => reply.arrayBuffer()).then(content => crypto.subtle.digest("SHA-256", content))
        .then(digest => done(Array.from(new Uint8Array(digest), hex).join("")), error => done(String(error)));
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, root: Path, authority: Authority) -> Path:
    """A copy of the demo, prepared as `make demo` does it, that answers to a.example; the certificate is beside it."""
    folder = tmp_path_factory.mktemp("demo") / "03-django"
    shutil.copytree(root / "examples" / "03-django", folder, ignore=shutil.ignore_patterns("var", "__pycache__"))
    (folder / "mysite" / "named.py").write_text('from mysite.settings import *\n\nALLOWED_HOSTS = ["a.example"]\n')
    subprocess.run([sys.executable, "manage.py", "prepare"], cwd=folder, check=True)
    authority.write(folder / "certificates", "a.example")
    return folder


@contextmanager
def served(serve: Callable[..., Any], project: Path, *options: str) -> Iterator[Any]:
    """Serve the demo over TLS; its log must have no failure."""
    port = f"txsni:{project}/certificates:tcp:0:interface=127.0.0.1"
    words = ("--port", port, "--static", "/static=./var/static", "--access-log", "-", *options)
    env = {"DJANGO_SETTINGS_MODULE": "mysite.named"}
    server = serve("mysite.wsgi:application", *words, chdir=None, cwd=project, env=env)
    server.url = f"https://a.example:{server.port}"
    yield server
    assert server.stop() == 0
    assert not re.search("Traceback|Exception ignored|Unhandled", server.output()), server.output()


@pytest.fixture(scope="module")
def demo(serve_module: Callable[..., Any], project: Path) -> Iterator[Any]:
    with served(serve_module, project) as server:
        yield server


@pytest.fixture
def demo_h1(serve: Callable[..., Any], project: Path) -> Iterator[Any]:
    with served(serve, project, "--http-protocols", "h1") as server:
        yield server


# --- Chromium ---


@pytest.fixture
def chromium(tmp_path: Path, need: Callable[[str], str]) -> Iterator[Callable[..., Chrome]]:
    """Start a browser that has never been anywhere: `chromium(authority)` trusts it, `chromium(None)` doesn't."""
    drivers: list[Chrome] = []

    def chromium(authority: Authority | None) -> Chrome:
        home = tmp_path / "home"
        trust(home / ".pki" / "nssdb", authority)
        options = ChromeOptions()
        options.binary_location = need("chromium")
        for flag in [*FLAGS, f"--user-data-dir={tmp_path / 'visitor'}"]:
            options.add_argument(flag)
        service = ChromeService(need("chromedriver"), env={**os.environ, "HOME": str(home)})
        drivers.append(Chrome(options, service))
        drivers[-1].set_page_load_timeout(30)
        drivers[-1].set_script_timeout(30)
        return drivers[-1]

    yield chromium
    for driver in drivers:
        driver.quit()


def trust(store: Path, authority: Authority | None) -> None:
    """Make a store of certificates as Chromium reads it, with an authority in it if there is one."""
    store.mkdir(parents=True)
    words = ["certutil", "-d", f"sql:{store}"]
    subprocess.run([*words, "-N", "--empty-password"], check=True, timeout=30)
    if authority is not None:
        known = ["-A", "-n", "authority", "-t", "C,,", "-i", str(authority.file)]
        subprocess.run([*words, *known], check=True, timeout=30)


class Visitor:
    """Who looks at pages, and notes by which protocol they came and whether they were styled."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver, self.url = driver, url
        self.protocols: dict[str, str] = {}

    def look(self, selector: str) -> Any:
        """Wait until something is on the page and all of the page has come; return it."""
        wait = WebDriverWait(self.driver, 20)
        found = wait.until(lambda driver: driver.find_elements(By.CSS_SELECTOR, selector))
        wait.until(lambda driver: driver.execute_script("return document.readyState") == "complete")
        rules = self.driver.execute_script(STYLED)
        assert rules and all(rules), (self.driver.current_url, rules)
        self.protocols.update(self.driver.execute_script(PROTOCOLS))
        return found[0]

    def write(self, **fields: str) -> None:
        for name, words in fields.items():
            self.driver.find_element(By.NAME, name).send_keys(words)
        self.driver.find_element(By.CSS_SELECTOR, "form [type=submit]").click()

    def leave_a_line(self, words: str, attachment: Path) -> str:
        """Fill in the book's form; return the link to the attachment."""
        self.driver.get(f"{self.url}/")
        accent = self.look("main button").value_of_css_property("background-color")
        assert accent in ("rgba(10, 110, 92, 1)", "rgba(76, 194, 168, 1)")  # site.css, by day and by night
        self.write(author="Ada", message=words, attachment=str(attachment))
        assert self.look(".note").text == "Thank you, it is in the book."
        assert words in self.look("article").text
        return str(self.look("article a").get_attribute("href"))

    def log_in(self) -> None:
        self.driver.get(f"{self.url}/admin/")
        self.look("#login-form")
        self.write(username="admin", password="admin")
        assert self.look("#content h1").text == "Site administration"
        self.driver.get(f"{self.url}/admin/guestbook/entry/")
        self.look("#result_list")


def visit(driver: Chrome, server: Any, tmp_path: Path) -> dict[str, str]:
    """Do all that the demo is for; return what came by which protocol."""
    upload = tmp_path / "noise.bin"
    content = os.urandom(3_000_000)
    upload.write_bytes(content)
    visitor = Visitor(driver, server.url)
    link = visitor.leave_a_line("Zażółć <gęślą> jaźń", upload)
    assert driver.execute_async_script(DIGEST, link) == hashlib.sha256(content).hexdigest()
    visitor.look("article")
    assert driver.save_screenshot(str(tmp_path / "book.png"))
    visitor.log_in()
    assert driver.save_screenshot(str(tmp_path / "admin.png"))
    pages = {"/", "/admin/login/", "/admin/", "/admin/guestbook/entry/"}
    files = {urlsplit(link).path, "/static/guestbook/site.css", "/static/admin/css/base.css"}
    assert pages | files <= visitor.protocols.keys()
    return visitor.protocols


@pytest.mark.needs("chromedriver", "chromium", "certutil")
def test_chromium_speaks_http2(demo: Any, chromium: Any, authority: Authority, tmp_path: Path) -> None:
    """The book, its form with a file, and the admin work in a browser, styled, and all of it comes by HTTP/2."""
    protocols = visit(chromium(authority), demo, tmp_path)
    assert set(protocols.values()) == {"h2"}, protocols
    demo.wait_for(r'"POST /admin/login/\?next=/admin/ HTTP/2" 302 ')
    demo.wait_for(r'"GET /static/admin/css/base.css HTTP/2" 200 ')


@pytest.mark.needs("chromedriver", "chromium", "certutil")
@pytest.mark.parametrize("transport", ["auto"], indirect=True)
def test_chromium_without_http2(demo_h1: Any, chromium: Any, authority: Authority, tmp_path: Path) -> None:
    """The same by HTTP/1.1 where `--http-protocols h1` says so."""
    protocols = visit(chromium(authority), demo_h1, tmp_path)
    assert set(protocols.values()) == {"http/1.1"}, protocols
    assert "HTTP/2" not in demo_h1.output()


@pytest.mark.needs("chromedriver", "chromium", "certutil")
@pytest.mark.parametrize("transport", ["auto"], indirect=True)
def test_chromium_trusts_no_stranger(demo: Any, chromium: Any) -> None:
    """Who does not know the authority sees no page: the certificate is what the other tests rest on."""
    driver = chromium(None)
    driver.get(f"{demo.url}/?stranger")
    assert driver.title == "Privacy error" and "ERR_CERT_AUTHORITY_INVALID" in driver.page_source
    assert "?stranger" not in demo.output()


# --- Others ---


@pytest.fixture
def curl(demo: Any, authority: Authority, tmp_path: Path) -> Callable[..., str]:
    """Ask as a browser would, with cookies: `curl("/", "-d", "a=b")`; what it says ends with version and status."""
    jar = str(tmp_path / "jar")
    words = ["curl", "-sS", "-m", "60", "--http2", "--cacert", str(authority.file), "-b", jar, "-c", jar]
    words += ["--resolve", f"a.example:{demo.port}:127.0.0.1", "-w", " %{http_version} %{http_code}"]

    def curl(path: str, *more: str) -> str:
        done = subprocess.run([*words, *more, f"{demo.url}{path}"], capture_output=True, check=True, text=True)
        return done.stdout

    return curl


def submit(curl: Callable[..., str], url: str, path: str, **fields: str) -> str:
    """Fill in a page's form and go where it leads."""
    page = curl(path)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token, page
    form = [f"{name}={value}" for name, value in {**fields, "csrfmiddlewaretoken": token[1]}.items()]
    words = [word for field in form for word in ("--data-urlencode", field)]
    return curl(path, "-L", "-e", f"{url}{path}", *words)


@pytest.mark.needs("curl")
def test_curl(demo: Any, curl: Callable[..., str]) -> None:
    page = submit(curl, demo.url, "/", author="Bob", message="by curl")
    assert "Thank you, it is in the book." in page and "by curl" in page and page.endswith(" 2 200")
    page = submit(curl, demo.url, "/admin/login/?next=/admin/", username="admin", password="admin")
    assert "Site administration" in page and page.endswith(" 2 200")
    sheets = re.findall(r'href="(/static/[^"]+\.css)"', page)
    assert sheets
    for sheet in sheets:
        assert curl(sheet, "-o", os.devnull, "-w", "%{content_type}").startswith("text/css")


@pytest.mark.needs("curl")
def test_curl_without_csrf(curl: Callable[..., str]) -> None:
    assert curl("/", "-d", "author=Eve&message=hello", "-o", os.devnull).endswith("2 403")


@pytest.mark.needs("nghttp")
def test_nghttp_loads_a_page_and_what_it_names(demo: Any, authority: Authority) -> None:
    """It warns of a certificate that it can't verify, and goes on: it may not have to."""
    words = ["nghttp", "-nas", "-H", f":authority: a.example:{demo.port}", f"https://127.0.0.1:{demo.port}/"]
    env = {**os.environ, "SSL_CERT_FILE": str(authority.file)}
    done = subprocess.run(words, capture_output=True, check=True, text=True, timeout=60, env=env)
    assert re.findall(r" (\d{3}) +\S+ (/\S*)$", done.stdout, re.MULTILINE) == [
        ("200", "/"),
        ("200", "/static/guestbook/site.css"),
    ], done.stdout
    assert "WARNING" not in done.stdout + done.stderr, done.stderr


@pytest.mark.needs("h2load")
def test_h2load_loses_nothing(demo: Any) -> None:
    """Pages by the application and files by the server, mixed on three connections."""
    words = ["h2load", "-n", "300", "-c", "3", "-m", "20", f"--connect-to=127.0.0.1:{demo.port}"]
    urls = [f"{demo.url}{path}" for path in ("/", "/static/guestbook/site.css", "/static/admin/css/base.css")]
    done = subprocess.run([*words, *urls], capture_output=True, check=True, text=True, timeout=60)
    assert "Application protocol: h2" in done.stdout
    assert "300 succeeded, 0 failed, 0 errored" in done.stdout, done.stdout
    assert "status codes: 300 2xx" in done.stdout, done.stdout
