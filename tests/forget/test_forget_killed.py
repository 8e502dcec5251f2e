"""Killed at any moment, erasing goes on where it was when it is run again, and a start in between finds all else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from remembering import CANARY, KEY, ask, forgotten, found_in, rows_of, states

from stratvars import Backup, open_archive
from stratvars.edits import Change, Edit
from stratvars.traces import NOTE

KILLER = Path(__file__).with_name("killer.py")
NAMES = {
    "sqlite": ["acquire:1", "ask:1", "save:1", "erase:1", "erase:4", "scrub:1"],
    "postgresql": ["ask:1", "erase:1"],
}
"""After which answer of the store the command is killed."""


def fill(url: str, name: str) -> None:
    with Backup(name, url) as backup:
        for number in range(3):
            backup.vars.update(n=number, api_key=f"{CANARY}-{number}")
            backup.save()
    ask(url, name, Edit(Change({KEY: f'"{CANARY}"'}), 1, "kim"), refused="busy")


def test_killed_after_any_answer_it_is_run_again_to_the_end(
    any_url: str, record_property: Callable[[str, object], None]
) -> None:
    names = NAMES[any_url.partition(":")[0]]
    for name in names:
        fill(any_url, name)
    before = {name: states(any_url, name) for name in names}
    environment = {**os.environ, "PYTHONPATH": str(KILLER.parents[1])}
    words = [sys.executable, str(KILLER), any_url, *names]
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, encoding="utf-8", check=True, timeout=60)
    assert done.stdout.split() == ["9"] * len(names)
    counts = Counter(left(any_url, name) for name in names)
    with Backup("ask:1", any_url) as backup:
        assert backup.vars.all() == {"n": 2}, "a start in between finds all else"
    for name in names:
        forgotten(any_url, name=name)
        assert CANARY not in repr(rows_of(any_url, name))
        now = states(any_url, name)
        assert {number: now[number] for number in before[name]} == before[name]
        assert once(any_url, name) == 1, "who erased it is told once"
    record_property("counted", f"killed while erasing: {len(names)} times, left {dict(counts)}")
    parts = ("all", "past", "edits", "nothing") if len(names) > 2 else ("all", "past")
    assert min(counts[part] for part in parts) > 0, "each part was what was left"


def left(url: str, name: str) -> str:
    [trace] = found_in(url, name=name).traces
    if trace.is_now:
        return "all"
    return "past" if trace.revisions else "edits" if trace.edits else "nothing"


def once(url: str, name: str) -> int:
    with open_archive(url) as archive:
        return sum(asked.edit.note == NOTE for asked in archive.edits(name))
