"""What becomes of a revision, judged by what the store holds at the moment of the save. Pure.

The row must have been read under the lock under which the revision is then written: a row read beside the write
may be older than a commit that is just landing, and the verdict would be wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

from stratvars.revision import Fenced, Holder, Outcome, Revision, Saved, WentBack


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
