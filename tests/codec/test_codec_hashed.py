"""Numbers that all have one hash: a set of them would take an hour to be read."""

from __future__ import annotations

import sys
import time
from collections import Counter, OrderedDict

import pytest
from same import same

from stratvars.codec import check, decode, encode, register
from stratvars.errors import UndecodableError, UnsavableError


def of_one_hash(count: int) -> list[int]:
    return [number * sys.hash_info.modulus for number in range(1, count + 1)]


@pytest.mark.parametrize(
    "form",
    [
        '{{"$set":[{elements}]}}',
        '{{"$frozenset":[{elements}]}}',
        '{{"$dict":[{pairs}]}}',
        '{{"$counter":{{"$dict":[{pairs}]}}}}',
        '{{"$ordereddict":{{"$dict":[{pairs}]}}}}',
    ],
)
def test_a_megabyte_of_numbers_of_one_hash_is_refused_in_no_time(form: str) -> None:
    numbers = of_one_hash(50_000)
    elements, pairs = ",".join(map(str, numbers)), ",".join(f"[{number},0]" for number in numbers)
    text = form.format(elements=elements, pairs=pairs)
    before = time.perf_counter()
    with pytest.raises(UndecodableError, match="50000 of its keys or elements have one and the same hash"):
        decode(text)
    assert time.perf_counter() - before < 5


def test_what_could_not_be_read_for_its_hashes_is_refused_at_the_assignment() -> None:
    few, many = of_one_hash(1000), of_one_hash(1001)
    for make in (set, frozenset, dict.fromkeys, Counter, OrderedDict.fromkeys):
        assert same(decode(encode(make(few))), make(few))
        with pytest.raises(UnsavableError, match=r"^v\[0\]: 1001 of its keys or elements have one and the same hash"):
            check([make(many)], "v")
    assert same(decode(encode(set(range(5000)))), set(range(5000)))


def test_a_hash_that_fails_on_the_way_to_the_text_is_told() -> None:
    class Rude:
        is_rude = False

        def __hash__(self) -> int:
            if Rude.is_rude:
                raise OSError("secret")
            return id(self)

    register(Rude, to_state=lambda rude: 1, from_state=lambda state: Rude())
    value = {Rude() for _ in range(1001)}
    encode(value)
    Rude.is_rude = True
    with pytest.raises(UnsavableError, match="the hash of one of its 1001 keys or elements raised OSError") as caught:
        encode(value)
    assert "secret" not in str(caught.value)
