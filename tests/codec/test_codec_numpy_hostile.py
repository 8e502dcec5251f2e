"""Arrays and frames from texts that were cut, edited by hand or made by an enemy."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import hostile_arrays
import hostile_records
import pytest

from stratvars.codec import decode
from stratvars.codec.tree import show
from stratvars.errors import UndecodableError

MISSHAPEN = hostile_arrays.MISSHAPEN + hostile_records.MISSHAPEN
IMPOSSIBLE = hostile_arrays.IMPOSSIBLE + hostile_records.IMPOSSIBLE

MEMORY = 2**30
"""What a child may take in all; numpy and pandas alone take half of it."""

PROGRAM = f"""
import json, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
import numpy, pandas, warnings
from stratvars.codec import decode
from stratvars.codec.tree import show
from stratvars.errors import UndecodableError
warnings.simplefilter("error")
slowest, refused = 0.0, 0
for text in json.load(sys.stdin):
    started = time.perf_counter()
    for read in (decode, show):
        try:
            read(text)
        except UndecodableError:
            refused += read is decode
    slowest = max(slowest, time.perf_counter() - started)
print(json.dumps([refused, slowest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))
"""


def in_a_small_process(texts: list[str]) -> tuple[int, float, int]:
    """Decode and show texts where memory is short; return how many were refused, the longest time and the memory."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps(texts).encode(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    refused, slowest, memory = json.loads(done.stdout)
    return refused, slowest, memory


@pytest.mark.parametrize("text", MISSHAPEN + IMPOSSIBLE, ids=lambda text: ascii(text)[:60])
def test_an_array_or_a_frame_that_cannot_be_is_undecodable(text: str) -> None:
    with pytest.raises(UndecodableError) as caught:
        decode(f"[0,{text}]", "v")
    assert caught.value.path.startswith("v[1]")
    assert len(caught.value.problem) > 20
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", MISSHAPEN, ids=lambda text: ascii(text)[:60])
def test_show_refuses_a_misshapen_one_too(text: str) -> None:
    with pytest.raises(UndecodableError):
        show(text)


def test_every_lie_is_refused_before_memory_is_taken_for_it() -> None:
    texts = MISSHAPEN + IMPOSSIBLE
    refused, slowest, memory = in_a_small_process(texts)
    plain = in_a_small_process(["1"])[2]
    assert refused == len(texts)
    assert slowest < 2
    assert memory < plain + 64 * 2**20


def _many(part: str) -> str:
    """Return a text of a megabyte: the part again and again."""
    return f"[{','.join([part] * (10**6 // len(part)))}]"


_EMPTY_FRAME = (
    '{"$pandas":["DataFrame",{"index":{"$pandas":["RangeIndex",{"range":[0,1000000000000,1]}]},'
    '"columns":{"$pandas":["RangeIndex",{"range":[0,0,1]}]},"data":[]}]}'
)
_FIELDS = ",".join(f'["{number}","int8"]' for number in range(60_000))
_COLUMNS = ",".join(f'["{number}",{number},{{"$array":["int8",[1],[5]]}}]' for number in range(20_000))
_BYTES = f'{{"$array":["int8",[1333333],"{"A" * 1777778}=="]}}'
_EMPTY_TEXTS = ",".join(['""'] * 300_000)


def test_a_megabyte_of_each_kind_is_read_in_bounded_time_and_memory() -> None:
    texts = [
        _many('{"$array":["U16",[],[""]]}'),
        _many('{"$array":["float64",[0,1000000000000000000],[]]}'),
        _many('{"$pandas":["RangeIndex",{"range":[0,1000000000000,1]}]}'),
        _many(_EMPTY_FRAME),
        f'{{"$array":["U16",[300000],[{_EMPTY_TEXTS}]]}}',
        f'{{"$array":["V1",[1000000],"{"A" * 1333334}=="]}}',
        f'{{"$array":[[{_FIELDS}],[1],"{"A" * 80_000}"]}}',
        f'{{"$records":{{"shape":[1],"itemsize":20000,"fields":[{_COLUMNS}]}}}}',
        f'{{"$records":{{"shape":[1333333],"itemsize":64,"fields":[["a",0,{_BYTES}]]}}}}',
        _many('{"$records":{"shape":[],"itemsize":4096,"fields":[]}}'),
        _many('{"$records":{"shape":[64],"itemsize":64,"fields":[]}}'),
        _many('{"$records":{"shape":[],"itemsize":8,"fields":[["a",0,{"$array":["int8",[1],[5]]},"t"]]}}'),
    ]
    refused, slowest, memory = in_a_small_process(texts)
    assert refused == 0
    assert slowest < 30
    assert memory < MEMORY


def test_the_bound_on_memory_is_one_that_can_be_hit() -> None:
    program = (
        f"import resource\nresource.setrlimit(resource.RLIMIT_AS, ({MEMORY},) * 2)\nimport numpy\nnumpy.ones(10**9)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert b"MemoryError" in done.stderr
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != MEMORY


_ROWS = '{"$pandas":["RangeIndex",{"range":[0,1,1]}]}'
_LABELS = '{"$pandas":["Index",{"values":["a"]}]}'


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"$pandas":["Index",{"values":[1,{"$x":1}]}]}', "v[1]"),
        ('{"a":{"$pandas":["RangeIndex",{"range":[0,1,1],"name":{"$x":1}}]}}', "v['a'].name"),
        (f'{{"$pandas":["Series",{{"values":[[1,{{"$x":1}}]],"index":{_ROWS}}}]}}', "v.iloc[0][1]"),
        (
            f'{{"$pandas":["DataFrame",{{"columns":{_LABELS},"index":{_ROWS},"data":[[{{"$x":1}}]]}}]}}',
            "v['a'].iloc[0]",
        ),
        ('{"$array":["int8",[1],[{"$x":1}]]}', "v[0]"),
        (
            '{"$records":{"shape":[1],"itemsize":1,"fields":[["a",0,{"$array":["int8",[1],[{"$x":1}]]}]]}}',
            "v['a'][0]",
        ),
    ],
)
def test_the_path_reads_as_python(text: str, path: str) -> None:
    with pytest.raises(UndecodableError) as caught:
        decode(text, "v")
    assert caught.value.path == path
