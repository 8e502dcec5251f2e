"""What a command is asked about, found in the archive; what is not there is answered with what is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from stratvars.cli.text import close_to, either
from stratvars.codec import FORMAT
from stratvars.errors import NewerFormatError, UndecodableError, UsageError
from stratvars.names import listed

if TYPE_CHECKING:
    from stratvars.archive import Archive
    from stratvars.revision import Stored


def current_of(name: str, archive: Archive) -> Stored:
    """The current state of a strategy.

    Raises:
        UsageError: nothing is saved under the name.
    """
    stored = archive.current(name)
    if stored is None:
        raise UsageError(_unknown(name, archive))
    return stored


def texts_in(stored: Stored, archive: Archive) -> dict[str, str]:
    """The current variables of a strategy, each as its text.

    Raises:
        UndecodableError: they are not one JSON object; it names the way back.
    """
    from stratvars.texts import split_texts

    try:
        return split_texts(stored.variables)
    except UndecodableError as error:
        from stratvars.commands import Commands
        from stratvars.restore import way_back

        show = Commands(archive.table, archive.database).show
        as_it_is = show("show", stored.strategy, "--json")
        remedy = f"see the text as it is: {as_it_is}; {way_back(stored, show)}"
        raise UndecodableError(error.path, f"{error.problem}; {remedy}") from None


def check_known(name: str, archive: Archive) -> None:
    """Return when there is anything of the strategy, be it only in the history: its row may be gone.

    Raises:
        UsageError: there is nothing.
    """
    if not archive.revisions(name, limit=1):
        current_of(name, archive)


def chosen(texts: Mapping[str, str], wanted: Iterable[str], whose: str) -> dict[str, str]:
    """The texts of the wanted variables, in the order in which they were asked for; all when none was.

    Raises:
        UsageError: one of them is not set.
    """
    names = tuple(dict.fromkeys(wanted)) or texts
    for name in names:
        if name not in texts:
            raise UsageError(no_variable(name, texts, whose))
    return {name: texts[name] for name in names}


def no_variable(name: str, names: Iterable[str], whose: str) -> str:
    """The sentence that says which variables there are instead."""
    there = list(names)
    close = close_to(name, there)
    meant = f"did you mean {either(close)}? I" if close else "i"
    return f"{whose} has no variable {name}; {meant}t has: {listed(there) or 'none at all'}"


def check_format(found: int, whose: str) -> None:
    """Return when this version reads what was saved in the format ``found``.

    Raises:
        NewerFormatError: it does not.
    """
    if found > FORMAT:
        raise NewerFormatError(
            f"{whose} was saved in format {found}, and this version of stratvars reads up to format {FORMAT}; install "
            "a newer one, or look at the text as it is: stratvars show --json"
        )


def nothing_saved(archive: Archive) -> str:
    """The sentence that says where was looked."""
    return (
        f"nothing is saved in the table {archive.table} of {archive.database} (chosen by: {archive.database.origin}); "
        "name another with --table or --db, or run a strategy first"
    )


def _unknown(name: str, archive: Archive) -> str:
    names = [stored.strategy for stored in archive.strategies()]
    if not names:
        return nothing_saved(archive)
    close = close_to(name, names)
    meant = f"did you mean {either(close)}? S" if close else "s"
    return f"nothing is saved under the name {name}; {meant}aved in {archive.database}: {listed(names)}"
