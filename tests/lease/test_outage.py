"""The lease while the database cannot be used: trade on, or pause, and what the log says."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest
from runs import Base

from postgres.proxy import Proxy


@pytest.fixture
def base(pg_url: str, proxy: Proxy, tmp_path: Path) -> Base:
    return Base(proxy.url(pg_url), tmp_path)


def iterations(lines: list[str]) -> int:
    return sum(line.startswith("iteration") for line in lines)


def test_with_pause_no_iteration_begins_after_the_end_of_the_lease_until_it_is_renewed(
    base: Base, proxy: Proxy
) -> None:
    with base.start("--lease", "2", "--on-outage", "pause", "--sleeptime", "0.1S") as bot:
        bot.says("iteration 3")
        proxy.black_hole(active=True)
        bot.says("starts no iteration: its lease has ended, and another copy may run")
        begun = iterations(bot.out)
        time.sleep(1)
        assert iterations(bot.out) == begun
        proxy.black_hole(active=False)
        bot.says("goes on: its lease is renewed")
        bot.says(f"iteration {begun + 3}")
        bot.send(signal.SIGTERM)
        assert bot.ends() == 0
    assert "on_bot_crash" not in bot.out
    assert sum("starts no iteration" in line for line in bot.errors) == 1


def test_without_it_iterations_go_on_and_the_log_says_from_when_another_copy_may_run(base: Base, proxy: Proxy) -> None:
    with base.start("--lease", "2", "--sleeptime", "0.1S") as bot:
        bot.says("iteration 3")
        proxy.refuse()
        proxy.cut()
        bot.says("cannot be saved")
        begun = iterations(bot.out)
        time.sleep(3)
        assert iterations(bot.out) > begun + 5
        [line] = [line for line in bot.errors if "cannot be saved" in line]
        assert re.search(r"If that lasts, another copy may start from \d\d:\d\d:\d\d on\.$", line)
        proxy.accept()
        bot.says("is saved again")
        bot.send(signal.SIGTERM)
        assert bot.ends() == 0


def test_an_outage_while_a_strategy_sleeps_is_told_once_at_each_end(base: Base, proxy: Proxy) -> None:
    with base.start("--lease", "2") as bot:
        bot.says("iteration 1")
        base.wait_for(1)
        proxy.refuse()
        proxy.cut()
        bot.says("cannot be saved")
        time.sleep(2.5)
        proxy.accept()
        bot.says("is saved again")
        time.sleep(1)
        assert len(bot.errors) == 3, "the start, the beginning and the end"
        bot.send(signal.SIGTERM)
        assert bot.ends() == 0
