"""The file of an export: what stands in it, and that any damage to it is noticed."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cargo import lines

from stratvars.errors import NewerFormatError, UndecodableError
from stratvars.store.moving import CurrentRow, HistoryRow, Whole, WriterRow
from stratvars.transfer import Lines, Record, records

TIME = datetime(2026, 11, 23, 14, 0, 5, 123456, tzinfo=UTC)
ROW = CurrentRow("id-1", TIME, '{ "n" : 1.50, "é☃":"\\u0000"}')
WRITER = WriterRow(
    3, 7, "start", 15.0, "digest", "crash", complete=False, held_back='{"é":"why"}', format=1, written_by=2
)
PAST = HistoryRow(
    epoch=2,
    revision=7,
    saved_at=TIME,
    reason="a new reason",
    complete=True,
    snapshot=False,
    changed='{"n":\udcff}',
    removed='["é"]',
    held_back="{}",
    start_id="start",
    format=99,
)
RECORDS: list[Record] = [
    Whole("né\t\\", ROW, WRITER),
    PAST,
    replace(PAST, revision=2**63 - 1),
    Whole("by hand", ROW, None),
    Whole("row is gone", None, WRITER),
]


def file_of(found: list[Record]) -> bytes:
    made = Lines()
    opening = made.opening("vars_backup", TIME)
    body = [made.strategy(one) if isinstance(one, Whole) else made.revision(one) for one in found]
    return b"".join([opening, *body, made.closing()])


def test_what_was_written_is_read_the_same() -> None:
    assert list(records(lines(file_of(RECORDS)))) == RECORDS
    assert list(records(lines(file_of([])))) == []


def test_the_file_is_ascii_json_of_which_each_line_has_its_checksum_and_the_last_one_that_of_all() -> None:
    text = file_of(RECORDS)
    assert text.isascii()
    found = lines(text)
    assert [json.loads(line)["kind"] for line in found] == [
        *("stratvars export", "strategy", "revision", "revision", "strategy", "strategy", "end"),
    ]
    for line in found:
        before, _, after = line.rpartition(b',"sum":"')
        assert after == hashlib.sha256(before).hexdigest()[:16].encode() + b'"}\n'
    end = json.loads(found[-1])
    assert (end["strategies"], end["revisions"]) == (3, 2)
    assert end["digest"] == hashlib.sha256(b"".join(found[:-1])).hexdigest()
    assert json.loads(found[0])["version"] == 1


def test_any_byte_that_is_changed_or_missing_is_noticed(record_property: Callable[[str, object], None]) -> None:
    text = file_of(RECORDS)
    chance = random.Random(4711)
    places = chance.sample(range(len(text)), 300)
    for place in places:
        changed = text[:place] + bytes([text[place] ^ (1 << chance.randrange(7))]) + text[place + 1 :]
        shorter = text[:place] + text[place + 1 :]
        for damaged in (changed, shorter, text[:place]):
            with pytest.raises((UndecodableError, NewerFormatError)):
                list(records(lines(damaged)))
    record_property("counted", f"exports damaged in three ways each: {len(places)}")


def test_a_line_that_is_missing_twice_or_elsewhere_is_noticed() -> None:
    found = lines(file_of(RECORDS))
    for index in range(len(found)):
        without, twice = found[:index] + found[index + 1 :], found[: index + 1] + found[index:]
        swapped = [*found[:index], *found[index + 1 : index + 2], found[index], *found[index + 2 :]]
        for damaged in (without, twice, *([swapped] if index + 1 < len(found) else [])):
            with pytest.raises(UndecodableError):
                list(records(damaged))
    with pytest.raises(UndecodableError, match="something follows the end"):
        list(records(found + found))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is empty"),
        (b"SQLite format 3\0", "no file that stratvars export wrote"),
        (b"{}\n", "no file that stratvars export wrote"),
        (file_of(RECORDS)[:-1], "was cut off"),
        (b"".join(lines(file_of(RECORDS))[:-1]), "was cut off"),
        (file_of(RECORDS).replace(b"\n", b"\r\n"), "line 1: it is not as it was written"),
    ],
)
def test_what_is_no_whole_export_is_refused_with_the_reason(text: bytes, said: str) -> None:
    with pytest.raises(UndecodableError, match=said):
        list(records(lines(text)))


def forged(line: bytes, **members: object) -> bytes:
    """The line with other members and a checksum that fits."""
    found = json.loads(line)
    del found["sum"]
    text = json.dumps({**found, **members}, separators=(",", ":"))[:-1].encode()
    return text + b',"sum":"' + hashlib.sha256(text).hexdigest()[:16].encode() + b'"}\n'


def test_a_newer_version_and_members_that_are_not_known_ask_for_a_newer_stratvars() -> None:
    found = lines(file_of(RECORDS))
    with pytest.raises(NewerFormatError, match="version 2"):
        list(records([forged(found[0], version=2), *found[1:]]))
    with pytest.raises(NewerFormatError, match="line 3 of the file has note"):
        list(records([*found[:2], forged(found[2], note="x"), *found[3:]]))


@pytest.mark.parametrize(
    "members",
    [{"epoch": "1"}, {"epoch": True}, {"epoch": 2**63}, {"complete": 1}, {"saved_at": "soon"}, {"changed": None}],
)
def test_a_member_of_another_type_is_refused(members: dict[str, object]) -> None:
    found = lines(file_of(RECORDS))
    with pytest.raises(UndecodableError, match="line 3: a "):
        list(records([*found[:2], forged(found[2], **members), *found[3:]]))


def test_a_revision_before_any_strategy_is_refused() -> None:
    found = lines(file_of([PAST]))
    with pytest.raises(UndecodableError, match="no line that belongs there"):
        list(records(found))
