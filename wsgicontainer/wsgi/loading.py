"""From `pkg.mod:application` to the callable, and from what can go wrong to one sentence.

Spellings: `pkg.mod:attr`, `pkg.mod:attr.sub`, `pkg.mod:factory("literal", key=1)`, `pkg.mod.attr`, and `pkg.mod`,
which then has an attribute `application` or `app`. What stands after the colon is parsed, never evaluated.

Whose fault it is shows in the traceback: a ModuleNotFoundError that passed through none of the application's frames
means that the module asked for does not exist; any other error was raised by the application's own code, and its
traceback, cut to its own frames, goes into `LoadError.details`. Runs in: the main thread, before serving.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from attrs import frozen

from wsgicontainer.errors import LoadError

Application = Callable[..., Any]
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_USUAL = ("application", "app")
_FACTORIES = ("create_app", "make_app", "create_application", "get_wsgi_application", "main")
_OURS = (__file__, importlib.__file__)


@frozen
class _Wanted:
    """What stands after the colon: a chain of attributes, and the call of a factory if there are parentheses."""

    names: tuple[str, ...]
    call: tuple[list[Any], dict[str, Any]] | None = None


def load(spec: str, option: str) -> Application:
    """Import the application that `spec` names; `option` is the operator's name for it (`"--wsgi"`).

    Raises LoadError, whatever the application does on import, `sys.exit()` included.
    """
    return _Loading(spec, option).run()


def make_importable(directory: str, path: list[str]) -> None:
    """Put a directory first on the module search path (`sys.path`), unless it is there already."""
    absolute = str(Path(directory).resolve())
    if absolute not in path:
        path.insert(0, absolute)


class _Loading:
    """One attempt: keeps what all sentences need."""

    def __init__(self, spec: str, option: str) -> None:
        self.spec = spec.strip()
        self.option = option

    def run(self) -> Application:
        module_name, colon, expression = self.spec.partition(":")
        if not _MODULE.fullmatch(module_name):
            raise self.error(f"{module_name!r} is no module name: {self._spelling(module_name, expression)}")
        parts = module_name.split(".")
        wanted = self._parse(expression) if colon else None
        module, found = self._import(parts)
        if module is None or (wanted and found < len(parts)):
            raise self._not_found(".".join(parts[: found + 1]))
        if wanted is None:
            wanted = _Wanted(tuple(parts[found:]) or (self._usual(module),))
        return self._checked(self._fetch(module, wanted))

    # -- the spelling --

    def _parse(self, expression: str) -> _Wanted:
        try:
            node: ast.expr = ast.parse(expression.strip(), mode="eval").body
            call = None
            if isinstance(node, ast.Call):
                arguments = [ast.literal_eval(argument) for argument in node.args]
                named = {_keyword(word): ast.literal_eval(word.value) for word in node.keywords}
                call, node = (arguments, named), node.func
            return _Wanted(tuple(_names(node)), call)
        except (SyntaxError, ValueError, RecursionError):
            raise self.error(
                f"{expression!r} after the colon is neither a name nor a call with literal arguments; write"
                ' pkg.mod:name, pkg.mod:name.sub or pkg.mod:factory("literal").'
            ) from None

    def _spelling(self, module: str, expression: str) -> str:
        """Suggest what somebody meant who gave a file's name."""
        guess = re.sub(r"\.py$", "", module).strip("./\\").replace("/", ".").replace("\\", ".")
        if _MODULE.fullmatch(guess):
            name = f"{guess}:{expression}" if expression else guess
            return f"write it with dots and without .py, as {name}."
        return "write pkg.mod:application."

    # -- importing --

    def _import(self, parts: list[str]) -> tuple[ModuleType | None, int]:
        """Import package after package, as far as there are modules; tell the last one and how many names that took.

        Where the module ends the attributes begin: the longest module wins, as in Twisted's namedAny. One name at a
        time, so that an error is blamed on the module that raised it.
        """
        module = None
        for count in range(1, len(parts) + 1):
            name = ".".join(parts[:count])
            try:
                module = importlib.import_module(name)
            except (Exception, SystemExit) as error:
                if isinstance(error, ModuleNotFoundError) and _own_frames(error.__traceback__) is None:
                    return module, count - 1
                raise self._raised(self._import_sentence(name, error), error) from error
        return module, len(parts)

    def _usual(self, module: ModuleType) -> str:
        for name in _USUAL:
            if hasattr(module, name):
                return name
        factory = next((name for name in _FACTORIES if hasattr(module, name)), None)
        mend = f"did you mean {module.__name__}:{factory}()?" if factory else f"say which, as {module.__name__}:name."
        raise self.error(f"module {module.__name__} has neither application nor app; {mend}")

    # -- attributes --

    def _fetch(self, module: ModuleType, wanted: _Wanted) -> object:
        found: object = module
        where = f"module {module.__name__}"
        for name in wanted.names:
            try:
                found = getattr(found, name)
            except AttributeError as error:
                raise self._raised(self._no_attribute(found, where, name), error) from None
            except (Exception, SystemExit) as error:
                raise self._raised(f"reading {name} of {where} raised {_brief(error)}.", error) from error
            where = name if where.startswith("module ") else f"{where}.{name}"
        return found if wanted.call is None else self._call(found, where, wanted.call)

    def _no_attribute(self, owner: object, where: str, name: str) -> str:
        names = [each for each in dir(owner) if not each.startswith("__") and not _is_module(owner, each)]
        close = difflib.get_close_matches(name, names, 1)
        mend = f"did you mean {close[0]}?" if close else "check the name after the module."
        file = getattr(owner, "__file__", None)
        return f"{where}{f' ({file})' if file else ''} has no attribute {name}; {mend}"

    def _call(self, factory: object, where: str, call: tuple[list[Any], dict[str, Any]]) -> object:
        if not callable(factory):
            raise self.error(f"{where} is {_kind(factory)}, not a factory; leave the parentheses away.")
        try:
            made: object = factory(*call[0], **call[1])
        except (Exception, SystemExit) as error:
            raise self._raised(f"the factory {where} raised {_brief(error)}.", error) from error
        if not callable(made):
            raise self.error(
                f"the factory {where} returned {_kind(made)}, not a WSGI application; return the callable."
            )
        return made

    def _checked(self, found: object) -> Application:
        if not callable(found):
            raise self.error(f"it is {_kind(found)}, not a callable; name the WSGI application.")
        if any(inspect.iscoroutinefunction(each) for each in (found, type(found).__call__)):
            raise self.error("it is asynchronous (ASGI?), and this server runs WSGI applications; name the WSGI one.")
        return found

    # -- sentences --

    def error(self, sentence: str, details: str = "") -> LoadError:
        """Make the error whose sentence begins with what the operator typed."""
        return LoadError(f"{self.option} {self.spec}: {sentence}", details)

    def _not_found(self, name: str) -> LoadError:
        searched = next(iter(sys.path), "") or Path.cwd()
        if _is_closed(searched):
            return self.error(
                f"there is no module {name} that this user may read: {searched} is closed to it; put the project where"
                " it may read, or open the folders on the way."
            )
        return self.error(
            f"there is no module {name} in {searched} nor elsewhere on the module search path; start in the"
            " project's directory, give it with --chdir, or mend the name."
        )

    def _import_sentence(self, name: str, error: BaseException) -> str:
        if isinstance(error, ModuleNotFoundError) and error.name:
            return (
                f"module {name} exists, but imports {error.name}, which is not there; install it in this environment"
                f" ({sys.prefix}), or mend the import."
            )
        if isinstance(error, SystemExit):
            return (
                f"module {name} called sys.exit({error.code!r}) while it was imported; keep that under"
                " if __name__ == '__main__'."
            )
        return f"importing module {name} raised {_brief(error)}."

    def _raised(self, sentence: str, error: BaseException) -> LoadError:
        own = _own_frames(error.__traceback__)
        if own is None and not isinstance(error, SyntaxError):
            return self.error(sentence)
        return self.error(sentence, "".join(traceback.TracebackException(type(error), error, own).format()))


def _keyword(word: ast.keyword) -> str:
    if word.arg is None:
        raise ValueError("**")
    return word.arg


def _names(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [*_names(node.value), node.attr]
    raise ValueError("not a name")


def _own_frames(trace: TracebackType | None) -> TracebackType | None:
    """Drop our frames and the import machinery's from the front; None if there is no other."""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file not in _OURS and not file.startswith("<frozen importlib"):
            return trace
        trace = trace.tb_next
    return None


def _is_closed(folder: str | Path) -> bool:
    try:
        os.listdir(folder)
    except OSError as error:
        return isinstance(error, PermissionError)
    return False


def _is_module(owner: object, name: str) -> bool:
    return isinstance(inspect.getattr_static(owner, name, None), ModuleType)


def _kind(thing: object) -> str:
    return "None" if thing is None else f"of type {type(thing).__name__}"


def _brief(error: BaseException) -> str:
    """Tell an exception in one line of at most 200 characters."""
    if isinstance(error, SyntaxError):
        text = f"{type(error).__name__}: {error}"
    else:
        text = traceback.format_exception_only(error)[0]
    return " ".join(text.split())[:200].rstrip(".")
