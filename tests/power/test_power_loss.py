"""The loss of power on SQLite, simulated: the promise *Durable on return* of the embedded database.

A bot's saves are recorded as the disk sees them. Then the power goes after each step of the record, the files are
laid out as the disk may hold them, and the bot starts on them: it must find what was acknowledged, or something newer
that was saved. With a weaker setting of SQLite, and on a disk that leaves out one thing it was asked for, the same
check must find losses, or it would prove nothing.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path

import apsw
import pytest
from afterwards import BOT, Afterwards
from platter import Cut, FolderSynced, Made, Removed, Step, Synced
from recorder import Recording, recorded

from stratvars.outcome import Saved
from stratvars.revision import Claim
from stratvars.store.sqlite.store import SqliteStore
from stratvars.testing import TABLE, revision_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a folder is not synced there")

_NAME = "stratvars.db"
_PAGES = 40
"""The log is brought into the file after so many pages, so that it happens within a few saves."""
_SUBSETS = 200
_SHORT = [[8, 20, 300, 20_000, 9_000, 50, 8], [12_000, 8, 100, 20_000, 8], [5_000, 8]]
"""The size of each state in bytes, by start."""


def _text(number: int, size: int) -> str:
    """The variables' one text, so that the whole state has the size and no other state is like it."""
    if size == len('{"x":10}'):
        return str(10 + number)
    filler = random.Random(number).randbytes(size).hex()
    return f'"{number}-{filler}'[: size - len('{"x":"}')] + '"'


def _play(path: Path, sizes: list[list[int]], recording: Recording) -> None:
    """The starts of a bot; the first makes the file."""
    number = 0
    for start, states in enumerate(sizes):
        with closing(SqliteStore(path)) as store:
            store.prepare(TABLE)
            claim = store.acquire(TABLE, BOT, "owner", f"start-{start}")
            assert isinstance(claim, Claim)
            recording.acknowledge(claim.epoch, claim.revision)
            for size in states:
                number += 1
                revision = revision_of(claim, {"x": _text(number, size)}, follows=number - 1)
                assert len(revision.variables) == size
                recording.tried[number] = revision.variables
                assert store.save([revision]) == [Saved(number)]
                recording.acknowledge(claim.epoch, number)
            store.release(claim)


def _record(folder: Path, sizes: list[list[int]] = _SHORT, *, is_full: bool = True) -> Recording:
    with pytest.MonkeyPatch.context() as patch, recorded(patch, is_full=is_full, pages=_PAGES) as recording:
        _play(folder / _NAME, sizes, recording)
    return recording


def _lose(
    recording: Recording, subsets: dict[int, int], left_out: Callable[[Step], bool] = lambda _: False
) -> Afterwards:
    memory = Path("/dev/shm")  # an image needs no disk to be looked at
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        afterwards = Afterwards(recording, Path(folder) / "image" / _NAME, left_out)
        afterwards.check(subsets, random.Random(1))
    return afterwards


def _at_acknowledgements(recording: Recording) -> dict[int, int]:
    """Right before and right after the store said that something is durable."""
    counts = [count for count, _ in recording.acknowledged]
    return {near: _SUBSETS for count in counts for near in (count - 1, count)}


def _told(recording: Recording, afterwards: Afterwards) -> str:
    return (
        f"power loss: SQLite {apsw.sqlite_lib_version()} recorded, {sqlite3.sqlite_version} restored, "
        f"{len(recording.steps)} steps, {len(recording.acknowledged)} acknowledged: {afterwards.tally}"
    )


def test_what_was_acknowledged_survives_the_loss_of_power(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    recording = _record(tmp_path)
    # Between two acknowledgements, too: where the file is made, where the log is brought into it, where it is removed.
    subsets = dict.fromkeys(range(0, len(recording.steps) + 1, 5), 4) | _at_acknowledgements(recording)
    afterwards = _lose(recording, subsets)
    record_property("counted", _told(recording, afterwards))
    tally = afterwards.tally
    assert not tally.wrong, tally.examples
    assert len(recording.acknowledged) == len(_SHORT) + sum(map(len, _SHORT))
    assert (tally.images > 5_000, tally.different > 2_000, tally.torn > 1_000, tally.unnamed > 20) == (True,) * 4


@pytest.mark.torture
def test_what_was_acknowledged_survives_the_loss_of_power_after_every_step(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(2)
    sizes = [[chance.choice([8, 20, 500, 4_000, 9_000, 20_000]) for _ in range(start + 2)] for start in range(6)]
    recording = _record(tmp_path, sizes)
    afterwards = _lose(recording, dict.fromkeys(range(len(recording.steps) + 1), _SUBSETS))
    record_property("counted", _told(recording, afterwards))
    assert not afterwards.tally.wrong, afterwards.tally.examples
    assert afterwards.tally.images > 100_000


def test_a_weaker_setting_of_sqlite_loses_what_was_acknowledged(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    recording = _record(tmp_path, is_full=False)
    afterwards = _lose(recording, dict.fromkeys(_at_acknowledgements(recording), 10))
    record_property("counted", f"with synchronous=NORMAL, {_told(recording, afterwards)}")
    wrong = afterwards.tally.wrong
    assert wrong["lost"] > afterwards.tally.images // 4
    assert (wrong["damaged"], wrong["mixed"]) == (0, 0), afterwards.tally.examples


@pytest.mark.parametrize(
    ("deaf", "wrong"),
    [("the file", "damaged"), ("the log", "lost"), ("the folder", "lost")],
)
def test_a_disk_that_does_not_sync_a_part_loses_something(tmp_path: Path, deaf: str, wrong: str) -> None:
    recording = _record(tmp_path)
    files = {step.file: step.name for step in recording.steps if isinstance(step, Made)}

    def left_out(step: Step) -> bool:
        match step:
            case Synced(file):
                return files[file] == {"the file": _NAME, "the log": f"{_NAME}-wal"}.get(deaf)
            case FolderSynced():
                return deaf == "the folder"
            case _:
                return False

    some = [count for count, _ in recording.acknowledged[::4]]
    tally = _lose(recording, dict.fromkeys(some, 10), left_out).tally
    assert tally.wrong[wrong] > 0, tally


class _Sizes(Recording):
    """Nothing but how large the file and its log are whenever the store says that something is durable."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.sizes = path, list[list[int]]()

    def acknowledge(self, epoch: int, revision: int) -> None:
        log = self.path.with_name(f"{_NAME}-wal")
        self.sizes.append([self.path.stat().st_size, log.stat().st_size])


def test_the_sqlite_that_is_recorded_writes_as_much_as_that_of_the_standard_library(tmp_path: Path) -> None:
    sizes = []
    for name, pages in {"standard": None, "recorded": 1000}.items():
        watch = _Sizes(tmp_path / name / _NAME)
        watch.path.parent.mkdir()
        with pytest.MonkeyPatch.context() as patch, nullcontext() if pages is None else recorded(patch, pages=pages):
            _play(watch.path, _SHORT, watch)
        sizes.append(watch.sizes)
    assert sizes[0] == sizes[1]
    assert len(sizes[0]) == len(_SHORT) + sum(map(len, _SHORT))


def test_the_folder_is_synced_before_the_first_answer(tmp_path: Path) -> None:
    recording = _record(tmp_path, [[8]])
    first, _ = recording.acknowledged[0]
    assert FolderSynced(by_store=True) in recording.steps[:first]
    made = recording.steps.index(Made(_NAME, recording.files[_NAME]))
    assert made < recording.steps.index(FolderSynced(by_store=True))


def test_the_record_holds_every_kind_of_step_and_a_log_that_was_begun_anew(tmp_path: Path) -> None:
    steps = _record(tmp_path).steps
    logs = {step.file for step in steps if isinstance(step, Made) and step.name == f"{_NAME}-wal"}
    assert len(logs) == len(_SHORT), "each start makes a log"
    assert {Cut(log, 0) for log in logs} <= set(steps), "each start brings it into the file when it ends"
    assert sum(step == Removed(f"{_NAME}-wal") for step in steps) == len(_SHORT)
