"""What the doctor says of the strategies that are saved: who runs each, and whether it could be restored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stratvars import settings
from stratvars.cli.room import about_growth
from stratvars.codec import FORMAT
from stratvars.errors import UndecodableError, UsageError
from stratvars.members import check_members
from stratvars.names import command
from stratvars.owner import Life, Owner, look
from stratvars.restore import way_back
from stratvars.retention import Retention
from stratvars.revision import Stored
from stratvars.schedule import age
from stratvars.store.fact import Examination, Fact, Grade, fail, ok, warn

_NAME = "strategy"
MANY = 20
"""So many that are well have a line each; of more, nobody reads them."""


def all_facts(found: Examination) -> list[Fact]:
    """What was found, and what that says of the histories and the strategies."""
    looked_at = [(stored, about_strategy(stored)) for stored in found.strategies]
    well = [stored for stored, fact in looked_at if fact.grade is Grade.OK]
    if len(well) <= MANY:
        strategies = [fact for _, fact in looked_at]
    else:
        strategies = [fact for _, fact in looked_at if fact.grade is not Grade.OK] + [_about_many(well)]
    return [*found.facts, *_about_histories(found), *strategies]


def _about_many(well: Sequence[Stored]) -> Fact:
    running = sum(stored.owner != "" for stored in well)
    last = min(well, key=lambda stored: stored.age)
    text = f"{len(well):,} strategies are well, {running:,} of them running; saved last: {last.strategy}"
    return ok(_NAME, f"{text}, {age(last.age)} ago. stratvars list names all")


def _about_histories(found: Examination) -> Iterator[Fact]:
    if found.histories is not None:
        try:
            retention = settings.retention(None)
        except UsageError as error:
            yield fail("retention", str(error), f"correct {settings.RETENTION_VARIABLE}, or leave it out")
            retention = Retention()
        yield from about_growth(found.histories, retention)


def about_strategy(stored: Stored) -> Fact:
    """The fact on one strategy."""
    reason = stored.reason or "written by hand"
    saved = f"{stored.strategy}: revision {stored.revision}, saved {age(stored.age)} ago ({reason})"
    findings = [_about_owner(stored), *_about_state(stored)]
    worst = max((finding.grade for finding in findings), key=list(Grade).index)
    texts = "; ".join(finding.text for finding in findings)
    return Fact(_NAME, worst, f"{saved}, {texts}", "; ".join(finding.remedy for finding in findings if finding.remedy))


def _about_owner(stored: Stored) -> Fact:
    if stored.owner == "":
        return ok(_NAME, "stopped")
    try:
        owner = Owner.from_text(stored.owner)
    except UndecodableError:
        return warn(_NAME, "held by somebody whom this version cannot read", "look who runs it")
    process = f"process {owner.pid} on {owner.host}"
    match look(owner):
        case Life.ALIVE:
            return ok(_NAME, f"running in {process}")
        case Life.UNKNOWN:
            return ok(_NAME, f"running in {process}, as far as can be seen from here")
        case Life.DEAD:
            return warn(_NAME, f"{process} died while it ran", "start it again; it goes on from there")


def _about_state(stored: Stored) -> Iterator[Fact]:
    how = command("show", stored.strategy)
    if stored.format > FORMAT:
        yield fail(_NAME, f"saved in format {stored.format}, which is newer", "install a newer stratvars to run it")
    else:
        yield from _about_text(stored)
    if stored.held_back:
        names = ", ".join(stored.held_back)
        yield warn(_NAME, f"held back, so older than the rest: {names}", f"see what cannot be stored: {how}")
    if stored.foreign:
        yield warn(_NAME, "changed by hand since", f"see whether it is as it was meant: {how}")


def _about_text(stored: Stored) -> Iterator[Fact]:
    try:
        check_members(stored.variables)
    except UndecodableError as error:
        remedy = f"no start overwrites it: {way_back(stored, command)}"
        yield fail(_NAME, f"it cannot be restored: {error}", remedy)
