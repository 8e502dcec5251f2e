"""From a Python file to the strategy class that is defined in it.

The file becomes a module under its own stem, so what it guards with ``if __name__ == "__main__"`` does not run, and
its folder comes first on ``sys.path``, as Python itself does for a script.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec
from pathlib import Path
from traceback import walk_stack
from types import CodeType, ModuleType
from typing import NoReturn

from stratvars.cli.errors import place_of
from stratvars.cli.target import Target
from stratvars.cli.text import close_to, either
from stratvars.errors import UsageError
from stratvars.names import listed
from stratvars.strategy import Strategy
from stratvars.trader import Trader

_Strategies = Mapping[str, type[Strategy]]


class _StartsItselfError(UsageError):
    """The file starts its strategy while it is imported."""


class _SourceAsItIs(SourceFileLoader):
    """Compiles the file each time: a cached copy is taken for fresh when an edit keeps size and second."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the loader's signature
        return self.source_to_code(self.get_data(self.path), self.path)


def load_strategy(target: Target) -> type[Strategy]:
    """Import the file and choose the strategy in it.

    Raises:
        UsageError: it cannot be imported, holds no strategy or several and none was named, or the one does nothing.
    """
    chosen = _choose(target, _import_file(target.file))
    if chosen.on_trading_iteration is Strategy.on_trading_iteration:
        raise UsageError(
            f"{chosen.__name__} in {target.file} does nothing yet; give it a method on_trading_iteration(self)"
        )
    return chosen


def _choose(target: Target, module: ModuleType) -> type[Strategy]:
    found = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Strategy) and value is not Strategy
    }
    if target.class_name is not None:
        return _named(target.file, target.class_name, module, found)
    choices = _choices(found, module.__name__)
    if len(choices) == 1:
        return next(iter(choices.values()))
    raise UsageError(_about_several(target.file, choices) if choices else _about_none(target.file, found))


def _choices(found: _Strategies, module: str) -> _Strategies:
    """Those defined in the module, without abstract ones and those that another one builds on, each under one name."""
    own: dict[type[Strategy], str] = {}
    for name, each in found.items():
        if each.__module__ == module:
            own.setdefault(each, name)
    return {name: each for each, name in own.items() if not inspect.isabstract(each) and not _is_base(each, own)}


def _is_base(strategy: type[Strategy], others: Iterable[type[Strategy]]) -> bool:
    return any(issubclass(other, strategy) for other in others if other is not strategy)


def _named(file: Path, name: str, module: ModuleType, found: _Strategies) -> type[Strategy]:
    if name in found:
        return found[name]
    if name in vars(module):
        raise UsageError(
            f"{name} in {file} is not a strategy of its own; name a class that builds on stratvars.Strategy"
        )
    if not found:
        raise UsageError(_about_none(file, found))
    meant = either([f"{file}:{each}" for each in close_to(name, found) or found])
    raise UsageError(f"there is no strategy {name} in {file}; did you mean {meant}?")


def _about_several(file: Path, choices: _Strategies) -> str:
    return f"{file} holds {len(choices)} strategies; name one of them: {listed(f'{file}:{name}' for name in choices)}"


def _about_none(file: Path, imported: _Strategies) -> str:
    if imported:
        names = listed(f"{file}:{name}" for name in imported)
        return f"{file} defines no strategy that can run; name one that it knows: {names}"
    return (
        f"{file} defines no strategy; write a class in it that builds on stratvars.Strategy and has a method "
        "on_trading_iteration"
    )


def _import_file(file: Path) -> ModuleType:
    absolute = file.absolute()
    name = _module_name(absolute)
    loader = _SourceAsItIs(name, str(absolute))
    spec = ModuleSpec(name, loader, origin=str(absolute))
    spec.has_location = True
    module = module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(absolute.resolve().parent))
    # A bot that reads arguments of its own must not see those of `stratvars run`.
    sys.argv = [str(file)]
    try:
        with _nothing_started_by(file):
            loader.exec_module(module)
    except _StartsItselfError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a file may raise anything while it is imported
        raise UsageError(f"{file} cannot be imported: {_cause(error, absolute)}") from None
    return module


def _module_name(file: Path) -> str:
    """The stem; with ``_`` behind it where Python or something installed has that name.

    In that case the other module is imported first: a later ``import signal`` anywhere in the process must not find
    a bot called signal.py in the first folder of the path.
    """
    name = file.stem.replace(".", "_")
    if _is_taken(name):
        with suppress(Exception):
            import_module(name)
    while _is_taken(name):
        name += "_"
    return name


def _is_taken(name: str) -> bool:
    installed = [entry for entry in sys.path if {"site-packages", "dist-packages"} & set(Path(entry).parts)]
    return name in sys.modules or name in sys.stdlib_module_names or PathFinder.find_spec(name, installed) is not None


@contextmanager
def _nothing_started_by(file: Path) -> Iterator[None]:
    """While it lasts, a strategy that is started says so instead of running inside the import, without our options."""
    source = str(file.absolute())

    def refuse(*_: object, **__: object) -> NoReturn:
        line = next(
            (line for frame, line in walk_stack(inspect.currentframe()) if frame.f_code.co_filename == source), None
        )
        where = "" if line is None else f" in line {line}"
        raise _StartsItselfError(
            f'{file} starts a strategy itself{where}; put that line under `if __name__ == "__main__":`, '
            f"or start it with: python {file}"
        )

    run_all = Trader.run_all
    setattr(Trader, "run_all", refuse)  # noqa: B010 - mypy refuses the assignment
    try:
        yield
    finally:
        setattr(Trader, "run_all", run_all)  # noqa: B010 - as above


def _cause(error: BaseException, file: Path) -> str:
    where = _where(error, file)
    if isinstance(error, SystemExit):
        return f'{where} ends the process; put what is not to run on import under `if __name__ == "__main__":`'
    if isinstance(error, SyntaxError):
        return f"{where} is not Python: {error.msg}"
    text = f"{where} raises {type(error).__name__}" + (f": {error}" if str(error) else "")
    if isinstance(error, ModuleNotFoundError):
        return f"{text}; install what it needs beside stratvars, in {sys.prefix}"
    return text


def _where(error: BaseException, file: Path) -> str:
    """``line 3``, ``line 3 of helper.py``, or ``it`` when no line of the user's is to blame."""
    place = place_of(error)
    if isinstance(error, SyntaxError) and error.filename is not None and error.lineno:
        place = Path(error.filename), error.lineno
    if place is None:
        return "it"
    path, line = place
    return f"line {line}" if path == file else f"line {line} of {path.name}"
