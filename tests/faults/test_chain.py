"""The judge of the fights sees each thing that can be wrong, and nothing where nothing is."""

from __future__ import annotations

import json
import math

import pytest
from chain import Act, Count, chain_of, judge
from fighter import mark_of


def row(epoch: int, revision: int, who: str, number: int) -> tuple[int, int, str]:
    return epoch, revision, json.dumps({"who": who, "n": number, "mark": mark_of(who, number)})


KEPT = [row(1, 1, "a", 1), row(1, 2, "b", 2), (1, 3, "{}"), row(2, 4, "c", 3)]
SAVES = [Act("a", 1, 2), Act("b", 3, 4), Act("c", 7, 8)]


def judged(rows: list[tuple[int, int, str]], acts: list[Act]) -> Count:
    count = Count()
    judge(chain_of(rows), acts, count)
    return count


@pytest.mark.parametrize(
    "more",
    [
        [],
        [Act("", 0, 0.5, is_read=True), Act("b", 5, 6, is_read=True), Act("c", 9, 10, is_read=True)],
        [Act("a", 2.5, 5, is_read=True)],  # while b was being saved
        [Act("gone", 5)],  # of unknown outcome, and it never landed
    ],
)
def test_a_chain_is_right(more: list[Act]) -> None:
    count = judged(KEPT, SAVES + more)
    assert (count.wrong, count.acknowledged) == (0, 3)


def test_a_save_of_unknown_outcome_may_land_late() -> None:
    assert judged(KEPT, [Act("a", 1, math.inf), *SAVES[1:]]).wrong == 0


@pytest.mark.parametrize(
    ("rows", "acts", "what"),
    [
        (KEPT, [*SAVES, Act("gone", 9, 10)], "lost"),
        (KEPT, [*SAVES, Act("gone", 9, 10, is_read=True)], "lost"),
        ([*KEPT[:2], row(1, 2, "b", 2), row(2, 3, "a", 3)], SAVES[:2], "repeated"),
        ([*KEPT[:2], row(2, 4, "c", 3)], SAVES, "repeated"),
        ([*KEPT[:3], row(2, 4, "c", 2)], SAVES, "torn"),
        ([*KEPT[:3], (2, 4, json.dumps({"who": "c", "n": 3}))], SAVES, "torn"),
        (KEPT, [*SAVES, Act("a", 5, 6, is_read=True)], "out_of_order"),
        (KEPT, [*SAVES, Act("", 5, 6, is_read=True)], "out_of_order"),
        (KEPT, [SAVES[0], Act("b", 9, 10), SAVES[2]], "out_of_order"),  # saved by one that was taken over
        (KEPT, [SAVES[0], Act("b", 9), SAVES[2]], "out_of_order"),
    ],
)
def test_what_is_wrong_is_seen(rows: list[tuple[int, int, str]], acts: list[Act], what: str) -> None:
    assert getattr(judged(rows, acts), what) > 0
