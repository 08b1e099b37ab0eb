"""Whatever an operator writes for the application, they get it, or one sentence that says what to write."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wsgicontainer.errors import LoadError
from wsgicontainer.wsgi.loading import load, make_importable

Project = Callable[..., None]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """`project(shop="…", shop__wsgi="…")` writes modules into an importable directory."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    make_importable(str(tmp_path), sys.path)

    def write(**modules: str) -> None:
        for name, text in modules.items():
            path = tmp_path.joinpath(*name.split("__")).with_suffix(".py")
            path.parent.mkdir(exist_ok=True)
            if path.parent != tmp_path and not (path.parent / "__init__.py").exists():
                (path.parent / "__init__.py").write_text("")
            path.write_text(text)

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


APP = "def application(environ, start_response): return [b'application']\n"
RICH = (
    APP
    + """
def app(environ, start_response): return [b'app']
class box:
    class inner:
        app = staticmethod(app)
    make = staticmethod(lambda: app)
def create_app(*args, **kwargs):
    return lambda environ, start_response: [args, kwargs]
number = 42
def make_nothing(): pass
async def asgi(scope, receive, send): pass
class Asgi:
    async def __call__(self, scope, receive, send): pass
asgi_object = Asgi()
"""
)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("zshop.wsgi:application", [b"application"]),
        (" zshop.wsgi:app ", [b"app"]),
        ("zshop.wsgi:box.inner.app", [b"app"]),
        ("zshop.wsgi:box.make()", [b"app"]),
        ("zshop.wsgi:create_app()", [(), {}]),
        ("zshop.wsgi:create_app('a', 1, key=[True, None])", [("a", 1), {"key": [True, None]}]),
        ("zshop.wsgi.application", [b"application"]),
        ("zshop.wsgi.box.inner.app", [b"app"]),
        ("zshop.wsgi", [b"application"]),
        ("zshop.other", [b"other"]),
    ],
)
def test_every_spelling_finds_its_application(project: Project, spec: str, says: list[object]):
    project(zshop__wsgi=RICH, zshop__other="def app(e, s): return [b'other']")
    assert load(spec, "--wsgi")({}, None) == says


def refused(spec: str) -> LoadError:
    with pytest.raises(LoadError) as caught:
        load(spec, "--wsgi")
    sentence = str(caught.value)
    assert sentence.startswith(f"--wsgi {spec}: ")
    assert "\n" not in sentence
    assert sentence.endswith((".", "?"))
    assert caught.value.exit_status == 4
    return caught.value


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        ("zshop.wsgi:aplication", "module zshop.wsgi .*wsgi.py. has no attribute aplication; did you mean application"),
        ("zshop.wsgi:qqq", "has no attribute qqq; check"),
        ("zshop.wsgi:box.inne", "box has no attribute inne; did you mean inner"),
        ("zshop.wsgi:box.inner.ap", "box.inner has no attribute ap; did you mean app"),
        ("zshop.wsgi.aplication", "did you mean application"),
        ("zshop.wsgi:number", "it is of type int, not a callable"),
        ("zshop.wsgi:number()", "number is of type int, not a factory"),
        ("zshop.wsgi:make_nothing()", "returned None, not a WSGI application"),
        ("zshop.wsgi:asgi", "asynchronous"),
        ("zshop.wsgi:asgi_object", "asynchronous"),
        ("zshop.factory", r"neither application nor app; did you mean zshop.factory:create_app\(\)\?"),
        ("zshop.empty", "neither application nor app; say which, as zshop.empty:name"),
        ("zshop.wsgi:", "neither a name nor a call"),
        ("zshop.wsgi:a b", "neither a name nor a call"),
        ("zshop.wsgi:app[0]", "neither a name nor a call"),
        ("zshop.wsgi:create_app(open('x'))", "literal arguments"),
        ("zshop.wsgi:create_app(**{})", "literal arguments"),
        ("zshop.wsgi:create_app()()", "neither a name nor a call"),
        ("zshop/wsgi.py", "write it with dots and without .py, as zshop.wsgi."),
        ("./zshop/wsgi.py:app", "as zshop.wsgi:app."),
        ("-x", "write pkg.mod:application"),
        ("", "write pkg.mod:application"),
        (":app", "write pkg.mod:application"),
    ],
)
def test_a_slip_gets_one_sentence_and_no_traceback(project: Project, spec: str, part: str):
    project(zshop__wsgi=RICH, zshop__factory="def create_app(): pass", zshop__empty="")
    error = refused(spec)
    assert error.details == ""
    assert re.search(part, str(error)), str(error)


@pytest.mark.parametrize(
    ("spec", "missing"),
    [
        ("zshop.wsgy:app", "zshop.wsgy"),
        ("zshap.wsgi:app", "zshap"),
        ("zshap", "zshap"),
        ("zshap.a.b.c", "zshap"),
        ("zsingle.part:app", "zsingle.part"),
    ],
)
def test_a_module_that_is_not_there_is_told_with_where_we_looked(
    project: Project, tmp_path: Path, spec: str, missing: str
):
    project(zshop__wsgi=APP, zsingle=APP)
    error = refused(spec)
    assert f"there is no module {missing} in {tmp_path}" in str(error)
    assert error.details == ""


def test_a_module_that_the_application_misses_is_told_as_such(project: Project):
    project(zshop__wsgi="import zmissing_library\n" + APP)
    for spec in ("zshop.wsgi:application", "zshop.wsgi", "zshop.wsgi.application"):
        error = refused(spec)
        assert "module zshop.wsgi exists, but imports zmissing_library, which is not there; install it" in str(error)
        assert "import zmissing_library" in error.details
        only_own_frames(error)


def only_own_frames(error: LoadError) -> None:
    assert "loading.py" not in error.details
    assert "importlib" not in error.details
    assert "During handling" not in error.details


def test_an_application_that_misses_its_own_module_is_not_taken_for_missing_itself(project: Project):
    project(zshop__wsgi="import zshop.wsgi.part\n" + APP)
    assert "exists, but imports zshop.wsgi.part" in str(refused("zshop.wsgi:application"))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("1 / 0", "importing module zshop.wsgi raised ZeroDivisionError: division by zero."),
        ("raise RuntimeError('two\\nlines.')", "raised"),
        ("import sys; sys.exit('no settings')", "called sys.exit('no settings') while it was imported"),
        ("def f(:", "raised SyntaxError"),
        ("class Mean(Exception):\n    def __str__(self): 1/0\nraise Mean", "raised"),
    ],
)
def test_what_an_import_raises_comes_with_the_applications_traceback(project: Project, text: str, part: str):
    project(zshop__wsgi=text)
    error = refused("zshop.wsgi:application")
    assert part in str(error)
    assert "wsgi.py" in error.details
    only_own_frames(error)


def test_causes_stay_in_the_traceback(project: Project):
    project(zshop="try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise RuntimeError('late') from e\n")
    error = refused("zshop:application")
    assert "ZeroDivisionError" in error.details
    assert "direct cause" in error.details


@pytest.mark.parametrize("body", ["1 / 0", "raise SystemExit(1)"])
def test_what_a_factory_raises_comes_with_its_traceback(project: Project, body: str):
    project(zshop=f"def make():\n    {body}\n")
    error = refused("zshop:make()")
    assert "the factory make raised" in str(error)
    assert "in make" in error.details
    only_own_frames(error)


def test_arguments_that_do_not_fit_are_told_without_a_traceback(project: Project):
    project(zshop="def make(): pass\n")
    error = refused("zshop:make(1)")
    assert "takes 0 positional arguments but 1 was given" in str(error)
    assert error.details == ""


def test_a_module_with_getattr_of_its_own_may_refuse_or_break(project: Project):
    project(zshop="def __getattr__(name):\n    if name == 'app': raise KeyError('x')\n    raise AttributeError(name)\n")
    assert "reading app of module zshop raised KeyError" in str(refused("zshop:app"))
    assert "has no attribute other" in str(refused("zshop:other"))


def test_an_interrupt_by_the_operator_is_not_the_applications_fault(project: Project):
    project(zshop="raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load("zshop:app", "--wsgi")


def test_the_directory_goes_first_and_once(tmp_path: Path):
    path = ["/elsewhere"]
    make_importable(str(tmp_path), path)
    make_importable(str(tmp_path / "x" / ".."), path)
    assert path == [str(tmp_path), "/elsewhere"]
