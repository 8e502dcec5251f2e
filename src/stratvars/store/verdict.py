"""What becomes of a revision or of a start, judged by what the store holds at that moment. Pure.

The row must have been read under the lock under which the answer is then written: a row read beside the write may be
older than a commit that is just landing, and the verdict would be wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

from stratvars.revision import Claim, Fenced, Holder, Outcome, Revision, Saved, WentBack


@dataclass(frozen=True, slots=True)
class Found:
    """The writers' row of a strategy."""

    epoch: int
    revision: int
    start_id: str
    owner: str


def judge(revision: Revision, found: Found | None) -> Outcome | None:
    """The answer to a save, or None when the revision is to be written now."""
    claim = revision.claim
    if found is None:
        return WentBack(0, 0)
    mine = found.epoch == claim.epoch and found.start_id == claim.start_id
    if found.epoch > claim.epoch or (found.epoch == claim.epoch and not mine):
        return Fenced(Holder(found.epoch, found.owner))
    if mine and found.revision >= revision.number:
        return Saved(revision.number)  # it landed before, and only the answer was lost
    if mine and found.revision == revision.follows:
        return None
    return WentBack(found.epoch, found.revision)


def grant(
    found: Found | None,
    table: str,
    strategy: str,
    owner: str,
    start_id: str,
    *,
    take_over: Holder | None,
    above: tuple[int, int],
) -> Claim | Holder:
    """The answer to an acquire; see ``Store.acquire``. A claim of another epoch than the row's is to be written."""
    known = found or Found(0, 0, "", "")
    mine = known.start_id == start_id
    if mine and known.epoch > above[0]:
        return Claim(table, strategy, start_id, owner, known.epoch, known.revision)
    holder = Holder(known.epoch, known.owner)
    if known.owner and not mine and take_over != holder:
        return holder
    return Claim(table, strategy, start_id, owner, max(known.epoch, above[0]) + 1, max(known.revision, above[1]))
