"""What a commit is worth on a server, as far as its settings tell, and what a save makes of them.

A save turns ``synchronous_commit`` on for itself where it is off, and keeps every other level. ``fsync`` belongs to
the whole server; no statement can turn it on.
"""

from __future__ import annotations

from typing import Final

from stratvars.store.fact import Fact, fail, ok, warn
from stratvars.store.postgres.connect import WatchedConnection
from stratvars.store.postgres.settings import Settings, read

NAMES: Final = ("fsync", "full_page_writes", "synchronous_commit", "synchronous_standby_names")

_LEVELS: Final = {
    "on": "a save waits until a synchronous standby has it on its disk, so it survives a failover to that one",
    "remote_apply": "a save waits until a synchronous standby shows it, so it survives a failover to that one",
    "remote_write": "a save waits until a synchronous standby has received it, so it survives a failover unless that "
    "one's machine goes down at the same moment",
}
_AT_THE_SERVER: Final = "set it to on in postgresql.conf, then SELECT pg_reload_conf()"


def durability(settings: Settings) -> list[Fact]:
    """The facts on what survives a crash and a failover."""
    return [_fsync(settings), _full_page_writes(settings), _synchronous_commit(settings)]


def notes(connection: WatchedConnection) -> list[str]:
    """What a start has to say of the server's settings, in a few words each; empty when all is well. One round trip."""
    settings = read(connection, NAMES)
    said = []
    if settings["fsync"] == "off":
        said.append("fsync is off on this server: a crash of its machine can lose saves, or the whole database")
    if settings["synchronous_commit"] == "off":
        said.append(
            f"synchronous_commit is off {settings.where('synchronous_commit')}, which loses acknowledged commits when "
            "the server crashes: saves turn it on for themselves"
        )
    return said


def _fsync(settings: Settings) -> Fact:
    if settings["fsync"] == "on":
        return ok("fsync", "on")
    return fail(
        "fsync",
        "off: a crash of the server's machine can lose saves that were acknowledged, and damage the whole database",
        _AT_THE_SERVER,
    )


def _full_page_writes(settings: Settings) -> Fact:
    if settings["full_page_writes"] == "on":
        return ok("full_page_writes", "on")
    text = "off: a crash of the server's machine can leave half-written pages, which damages the database"
    return warn("full_page_writes", text, _AT_THE_SERVER)


def _synchronous_commit(settings: Settings) -> Fact:
    name = "synchronous_commit"
    level, standbys = settings[name], settings["synchronous_standby_names"]
    remedy = settings.remedy(name, "on")
    if level == "off":
        text = (
            "a crash of the server would lose the last commits it acknowledged. Saves of strategies are safe, for each "
            "turns it on for itself at no cost; what other programs commit is not"
        )
        return warn(name, f"off {settings.where(name)}: {text}", remedy)
    if standbys == "":
        text = (
            "an acknowledged save survives a crash of the server; as no synchronous standby is named, a failover may "
        )
        return ok(name, f"{level}: {text}lose the last ones")
    if level == "local":
        text = "an acknowledged save survives a crash of the server, but waits for no standby: a failover may lose it"
        return warn(name, f"local {settings.where(name)}: {text}, although synchronous ones are named", remedy)
    return ok(name, f"{level}: {_LEVELS[level]}")
