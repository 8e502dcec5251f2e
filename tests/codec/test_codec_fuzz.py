"""Texts altered in every way that reaches new code: a value or an UndecodableError, in bounded time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalogue import golden
from stratvars.codec.registry import TAGS

FUZZER = Path(__file__).with_name("fuzzer.py")
MEMORY = 2 * 2**30
NEEDS = ("enum", "dataclass", "namedtuple", "object", "pytz")


def texts() -> list[str]:
    """Return the golden texts that need neither a class nor pytz."""
    return [text for text in golden().values() if not any(f'{{"${tag}":' in text for tag in NEEDS)]


def fuzz(folder: Path, inputs: int, seconds: float, seed: int) -> dict[str, Any]:
    in_hand = folder / "in hand.json"
    job = {
        "texts": texts(),
        "seed": seed,
        "inputs": inputs,
        "seconds": seconds,
        "memory": MEMORY,
        "in_hand": str(in_hand),
    }
    # A text that takes the memory, the processor or the interpreter itself ends the child and stands in the file.
    done = subprocess.run(
        [sys.executable, FUZZER], input=json.dumps(job).encode(), capture_output=True, check=False, timeout=seconds + 60
    )
    assert done.returncode == 0, f"{in_hand.read_text()[:2000]}\n{done.stderr.decode()[-3000:]}"
    met: dict[str, Any] = json.loads(done.stdout)
    assert met["longest"] < 10, in_hand.read_text()[:2000]
    assert met["read"] > 0
    assert met["refused"] > met["read"]
    return met


def tell(met: dict[str, Any]) -> str:
    return (
        f"fuzz: {met['read']} texts read, {met['refused']} refused, {met['kept']} of them reached new code"
        f" ({met['first']} steps from line to line at first, {met['steps']} in the end);"
        f" at most {met['longest']:.2f} s and {met['memory'] >> 20} MiB"
    )


def test_altered_texts_are_values_or_undecodable(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    met = fuzz(tmp_path, 1500, 60, seed=1)
    assert met["kept"] > 50
    assert met["steps"] > met["first"] + 100
    record_property("counted", tell(met))


@pytest.mark.torture
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(4))
def test_altered_texts_are_values_or_undecodable_for_minutes(
    tmp_path: Path, seed: int, record_property: Callable[[str, object], None]
) -> None:
    inputs = max(10_000, 10 * int(os.environ.get("STRATVARS_EXAMPLES", "20000")))
    met = fuzz(tmp_path, inputs, 300, seed=100 + seed)
    assert met["kept"] > 150
    record_property("counted", tell(met))


def test_the_fuzzer_begins_with_every_tag_that_needs_no_class() -> None:
    joined = "".join(texts())
    assert {tag for tag in TAGS if f'{{"{tag}":' not in joined} == {f"${tag}" for tag in NEEDS}


def test_the_fuzzer_notices_an_error_that_is_not_documented(tmp_path: Path) -> None:
    program = (
        "import sys, runpy\n"
        "from stratvars.codec import registry\n"
        "def leak(payload, room):\n    raise SystemExit('leaked')\n"
        "registry.TAGS['$uuid'] = registry.Tag(leak, leak)\n"
        f"runpy.run_path({str(FUZZER)!r}, run_name='__main__')"
    )
    job = {"texts": texts(), "seed": 1, "inputs": 10, "seconds": 60, "memory": MEMORY, "in_hand": str(tmp_path / "x")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, input=json.dumps(job).encode(), capture_output=True, check=False)
    assert done.returncode != 0
    assert b"leaked" in done.stderr
