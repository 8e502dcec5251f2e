"""What ``stratvars run`` is given, ``bot.py`` or ``bot.py:Class``, and the file it means."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from stratvars.cli.text import close_to, either
from stratvars.errors import UsageError
from stratvars.names import listed


@dataclass(frozen=True, slots=True)
class Target:
    """A file that is there, and the name of the class in it when one was given."""

    file: Path
    class_name: str | None


def find_target(text: str) -> Target:
    """Read ``bot.py[:Class]``.

    A colon may also belong to the file's name or to a Windows drive, so it divides only where what stands before
    it is a file, or looks like one.

    Raises:
        UsageError: there is no such file.
    """
    whole, (before, colon, after) = Path(text), text.rpartition(":")
    if _is_file(whole) or not colon:
        return Target(_existing(whole), None)
    file = Path(before)
    if _is_file(file) or (file.suffix == ".py" and after.isidentifier()):
        return Target(_existing(file), _class_name(before, after))
    return Target(_existing(whole), None)


def _class_name(file: str, name: str) -> str:
    if name:
        return name
    raise UsageError(f"the name of a class is missing after the colon; write {file}:MyBot, or {file} alone")


def _existing(file: Path) -> Path:
    mode = _mode(file)
    if S_ISREG(mode):
        return file
    if S_ISDIR(mode):
        raise UsageError(_about_folder(file))
    if mode != 0:
        raise UsageError(f"{file} is not a regular file; name the file that holds the strategy")
    raise UsageError(_about_missing(file))


def _is_file(file: Path) -> bool:
    return S_ISREG(_mode(file))


def _mode(file: Path) -> int:
    """What is there, as ``os.stat`` says it; 0 when nothing can be, as with a name that is too long."""
    try:
        return file.stat().st_mode
    except (OSError, ValueError):
        return 0


def _about_folder(folder: Path) -> str:
    names = _python_files(folder)
    if not names:
        return f"{folder} is a folder; name the file that holds the strategy"
    return f"{folder} is a folder; name a file in it: {listed(str(folder / name) for name in names)}"


def _about_missing(file: Path) -> str:
    if not S_ISDIR(_mode(file.parent)):
        return f"there is no file {file}: the folder {file.parent} does not exist"
    names = _python_files(file.parent)
    close = close_to(file.stem, [Path(name).stem for name in names])
    if close:
        return f"there is no file {file}; did you mean {either([str(file.parent / f'{stem}.py') for stem in close])}?"
    where = f"the current folder, {Path.cwd()}" if file.parent == Path() else str(file.parent)
    found = f"which holds {listed(names)}" if names else "nor any other Python file"
    return f"there is no file {file.name} in {where}, {found}"


def _python_files(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.suffix == ".py" and entry.is_file())
    except OSError:
        return []
