"""The last save while the database hangs: the process ends in time, and a state that can still land does land."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from postgres.proxy import Proxy

STUCK = Path(__file__).with_name("hosts") / "stuck.py"
MANY = 12
SLACK = 3.0
"""Seconds for the end of an interpreter, on a machine that is busy with twelve of them."""
WAYS = {
    # The last save has five seconds in all.
    **dict.fromkeys(["block", "ablock", "left_open", "left_open_crash", "many_left_open"], 5.0),
    # Before the ending the turn is kept, for two seconds at most.
    **dict.fromkeys(["loop", "aloop", "done", "told", "atold", "many"], 2.0 + 5.0),
    # A turn that cannot be interrupted is given five seconds first.
    "stubborn": 5.0 + 5.0,
}


def names(how: str) -> list[str]:
    many = {"many": MANY, "stubborn": MANY, "many_left_open": MANY, "left_open": 1, "left_open_crash": 1}
    return [f"{how} {number}" for number in range(many[how])] if how in many else [how]


@contextmanager
def bots(url: str) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """One for each way to end, all of them ready to."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STRATVARS_")}
    children = {
        how: subprocess.Popen(
            [sys.executable, str(STUCK), how],
            env={**environment, "DB_CONNECTION_STR": url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for how in WAYS
    }
    try:
        for how, child in children.items():
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n", (how, child.communicate())
        yield children
    finally:
        for child in children.values():
            child.kill()
            child.communicate()


def begin_the_end(children: dict[str, subprocess.Popen[str]]) -> None:
    for child in children.values():
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()


def seconds_to_end(children: dict[str, subprocess.Popen[str]], begun: float) -> dict[str, float]:
    left, took = dict(children), dict[str, float]()
    while left:
        for how in [how for how, child in left.items() if child.poll() is not None]:
            took[how] = time.monotonic() - begun
            del left[how]
        time.sleep(0.01)
    return took


def test_a_dead_network_never_keeps_a_process_from_ending(pg_url: str, proxy: Proxy) -> None:
    with bots(proxy.url(pg_url)) as children:
        proxy.black_hole(True)
        begun = time.monotonic()
        begin_the_end(children)
        took = seconds_to_end(children, begun)
        said = {how: child.communicate() for how, child in children.items()}
    late = {how: took[how] for how, limit in WAYS.items() if took[how] > limit + SLACK}
    assert not late, (late, {how: said[how] for how in late})
    assert min(took.values()) > 4, "each must have tried for the time that it has"
    assert [how for how, (_, errors) in said.items() if "is not saved after" not in errors] == [], "a loss is told"


def test_a_network_that_is_back_in_time_loses_nothing(pg_url: str, proxy: Proxy) -> None:
    with bots(proxy.url(pg_url)) as children:
        proxy.black_hole(True)
        begin_the_end(children)
        time.sleep(2.5)
        proxy.black_hole(False)
        codes = {how: child.wait(30) for how, child in children.items()}
        said = {how: child.communicate() for how, child in children.items()}
    assert codes == {how: int(how == "left_open_crash") for how in WAYS}, said
    with psycopg.connect(pg_url) as connection:
        rows = connection.execute("SELECT strategy_id, variables FROM vars_backup").fetchall()
    assert dict(rows) == dict.fromkeys((name for how in WAYS for name in names(how)), '{"newest":1}')
