"""The server's settings as one role meets them in one database, and where each was made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from stratvars.store import sqlfiles
from stratvars.store.fact import Fact, ok, warn
from stratvars.store.postgres.connect import WatchedConnection
from stratvars.store.postgres.statements import statements

_WHERE: Final = {
    "client": "for this connection",
    "user": "for this role",
    "database": "in this database",
    "database user": "for this role in this database",
}
_LEAST: Final = {
    "statement_timeout": (5_000, "a save that waits for a lock or a slow disk is cancelled, and has to be sent again"),
    "transaction_timeout": (5_000, "a start or a save of several strategies is cut off, and has to be sent again"),
    "idle_in_transaction_session_timeout": (
        1_000,
        "over a slow network a start is cut off between two of its statements, and has to be sent again",
    ),
    "idle_session_timeout": (
        3_600_000,
        "the connection of a strategy that sleeps longer is ended, and its next save connects again",
    ),
}
"""Milliseconds that a strategy needs at least of each, and what happens with less."""
_READ_ONLY: Final = "default_transaction_read_only"
NAMES: Final = (_READ_ONLY, *_LEAST)


@dataclass(frozen=True, slots=True)
class Settings:
    """Read at one moment; see the module.

    Attributes:
        role: who met them.
        database: where.
        found: for each setting its value, in the unit of ``pg_settings``, and its source. A setting that the server's
            version does not know is missing.
    """

    role: str
    database: str
    found: Mapping[str, tuple[str, str]]

    def __getitem__(self, name: str) -> str:
        return self.found[name][0]

    def number(self, name: str) -> int:
        """A setting that is a number; 0 when this server does not know it."""
        return int(self.found.get(name, ("0", ""))[0])

    def where(self, name: str) -> str:
        """For whom or where it was set, for a sentence."""
        return _WHERE.get(self.found[name][1], "on this server")

    def remedy(self, name: str, value: str) -> str:
        """How a setting that every role may change for itself gets the value."""
        source = self.found[name][1]
        if source == "client":
            return f"take {name} out of the URL's options, and out of PGOPTIONS"
        place = f" IN DATABASE {sqlfiles.quote(self.database)}" if source == "database user" else ""
        alter = f"ALTER ROLE {sqlfiles.quote(self.role)}{place} SET {name} = {value}"
        if self.found.get(_READ_ONLY, ("off",))[0] == "on":
            # Where transactions read by default, the one that changes the role does, too.
            alter = f"BEGIN READ WRITE; {alter}; COMMIT"
        return f"{alter}; it counts from the next start on"


def read(connection: WatchedConnection, names: Iterable[str]) -> Settings:
    """The settings of these names, in one round trip."""
    found = connection.execute(queries()["settings"].encode(), {"names": list(names)}).fetchall()
    [role, database] = found[0][:2]  # some of the settings are known to every server
    return Settings(role, database, {name: (value, source) for _, _, name, value, source in found})


def queries(table: str = "T") -> dict[str, str]:
    """The statements of an examination, by name; most of them name no table of a user."""
    return statements(table, "doctor.sql")


def about_role(settings: Settings) -> list[Fact]:
    """What of the settings gets in the way of a strategy."""
    facts = [_read_only(settings)]
    short = [fact for name, (least, harm) in _LEAST.items() for fact in _too_short(settings, name, least, harm)]
    return facts + (short or [ok("timeouts", "none is too short for a strategy")])


def _read_only(settings: Settings) -> Fact:
    name = _READ_ONLY
    if settings[name] == "off":
        return ok("read_only", f"{name} is off")
    text = (
        f"{name} is on {settings.where(name)}: each save has to say that it writes, in three round trips instead of one"
    )
    return warn("read_only", text, settings.remedy(name, "off"))


def _too_short(settings: Settings, name: str, least: int, harm: str) -> list[Fact]:
    milliseconds = settings.number(name)
    if milliseconds == 0 or milliseconds >= least:
        return []
    text = f"{name} is {milliseconds} ms {settings.where(name)}: {harm}"
    return [warn("timeouts", text, settings.remedy(name, f"'{least} ms'"))]
