"""The backup under a hand-written loop: restored at the start, kept after each turn, and calm in trouble."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from stratvars import Backup
from stratvars import backup as backup_module
from stratvars.errors import FencedError, NotSavedError, OwnedError, UnavailableError, UnsavableError, UsageError
from stratvars.outage import describe
from stratvars.revision import Reason
from stratvars.session import DEADLINE


class Unsavable:
    """A class that nobody registered."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "live.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def reasons(path: Path) -> list[object]:
    return [reason for (reason,) in rows(path, "SELECT reason FROM vars_backup_history ORDER BY epoch, revision")]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody else is writing to the database, for as long as the block lasts."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_what_a_block_wrote_is_there_in_the_next_one(url: str) -> None:
    with Backup("btc-live", url) as backup:
        backup.vars.trade_count = 5
        backup.vars.book = {"SPY": (1, 2.5)}
    with Backup("btc-live", url) as backup:
        assert backup.vars.all() == {"trade_count": 5, "book": {"SPY": (1, 2.5)}}


def test_assigning_a_mapping_replaces_the_contents_and_is_saved(url: str) -> None:
    with Backup("btc-live", url) as backup:
        before = backup.vars
        backup.vars.old = 1
        backup.vars = {"fresh": 2}
        backup.save()
        backup.vars.later = 3
        assert backup.vars is before
        with pytest.raises(UnsavableError):
            backup.vars = {"good": 1, "bad": Unsavable()}
        with pytest.raises(TypeError):
            backup.vars = 5  # type: ignore[assignment]
    with Backup("btc-live", url) as backup:
        assert backup.vars == {"fresh": 2, "later": 3}


def test_every_turn_is_kept_when_it_ends(url: str, path: Path) -> None:
    seen = []
    with Backup("bot", url) as backup:
        for _ in backup.every(0):
            backup.vars.turn = backup.vars.get("turn", 0) + 1
            if backup.vars.turn > 1:
                seen.append(rows(path, "SELECT variables FROM vars_backup"))
            if backup.vars.turn == 4:
                break
    assert seen == [[(f'{{"turn":{n}}}',)] for n in (1, 2, 3)]
    assert reasons(path) == ["iteration"] * 3 + ["stop"]


def test_the_turns_keep_their_pace_without_drift(url: str) -> None:
    starts = []
    with Backup("bot", url) as backup:
        asked = time.monotonic()  # the grid begins later; the first turn is noted later still
        for _ in backup.every("0.1S"):
            starts.append(time.monotonic())
            time.sleep(0.09)
            if len(starts) == 8:
                break
    # Seven intervals; were each one counted from the end of a turn, it would be seven times 0.19.
    assert starts[-1] - asked >= 0.7
    assert starts[-1] - starts[0] < 1.3


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_loop_after_its_turn_and_gives_the_handler_back(url: str, path: Path, signum: int) -> None:
    before = signal.getsignal(signum)
    with Backup("bot", url) as backup:
        for _ in backup.every("1H"):
            backup.vars.turn = 1
            os.kill(os.getpid(), signum)
            backup.vars.finished = True
    assert signal.getsignal(signum) == before
    assert rows(path, "SELECT variables FROM vars_backup") == [('{"turn":1,"finished":true}',)]
    assert reasons(path) == ["iteration", "stop"]


def test_an_error_in_the_block_is_backed_up_as_a_crash_and_not_hidden(url: str, path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Backup("bot", url) as backup:
        backup.vars.order = "A7"
        _ = 1 / 0
    assert rows(path, "SELECT variables FROM vars_backup") == [('{"order":"A7"}',)]
    assert rows(path, "SELECT reason, complete FROM vars_backup_history") == [("crash", 0)]


def test_an_error_in_the_block_is_the_one_to_be_seen_even_when_the_last_save_fails(url: str, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        with pytest.raises(ZeroDivisionError) as caught, Backup("bot", url):
            other.execute("BEGIN IMMEDIATE")
            _ = 1 / 0
        other.execute("ROLLBACK")
    assert "is not saved after 5 s" in caught.value.__notes__[0]


def test_a_last_save_that_fails_is_raised_when_nothing_else_is(url: str, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        with pytest.raises(NotSavedError), Backup("bot", url):
            other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")


def test_an_interrupt_in_the_block_is_a_stop(url: str, path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Backup("bot", url) as backup:
        backup.vars.x = 1
        raise KeyboardInterrupt
    assert reasons(path) == ["stop"]


def test_a_save_is_durable_when_it_returns_and_says_whether_it_fell_inside_a_turn(url: str, path: Path) -> None:
    with Backup("bot", url) as backup:
        backup.vars.x = 1
        backup.save()
        assert rows(path, "SELECT variables FROM vars_backup") == [('{"x":1}',)]
        for _ in backup.every(0):
            backup.vars.x = 2
            backup.save()
            break
    history = rows(path, "SELECT reason, complete FROM vars_backup_history ORDER BY revision")
    assert history[:2] == [("manual", 1), ("manual", 0)]


def test_one_bad_variable_never_blocks_the_others(url: str, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Backup("bot", url) as backup:
        backup.vars.legs = [1]
        backup.keep(Reason.ITERATION, complete=True)
        backup.vars.legs.append({"deep": Unsavable()})
        for number in range(3):
            backup.vars.count = number
            backup.keep(Reason.ITERATION, complete=True)
        assert rows(path, "SELECT variables FROM vars_backup") == [('{"legs":[1],"count":2}',)]
        [(held_back, complete)] = rows(path, "SELECT held_back, complete FROM vars_backup_writers")
        assert "legs[1]['deep']" in str(held_back)
        assert complete == 0
        with pytest.raises(UnsavableError, match=r"legs\[1\]\['deep'\].* is its last good value, if it had one"):
            backup.save()
        backup.vars.legs.pop()
    assert rows(path, "SELECT held_back, complete FROM vars_backup_writers") == [("{}", 1)]
    errors = [record for record in caplog.records if record.levelname == "ERROR"]  # a slow disk may be warned of
    assert len(errors) == 1, "reported once, not in every turn"


def test_a_first_start_names_some_of_the_others_and_how_many_more_there_are(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(10, 22):
        with Backup(f"bot{number}", url) as backup:
            backup.vars.n = 1
    capsys.readouterr()
    Backup("new", url).open().close()
    assert capsys.readouterr().err.endswith("'bot18', 'bot19' and 2 more\n")


def test_a_value_held_back_at_the_end_is_named_at_the_next_start(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    backup = Backup("bot", url).open()
    backup.vars.update(good=1, legs=[1])
    backup.save()
    backup.vars.legs.append(Unsavable())
    with pytest.raises(UnsavableError, match=r"legs\[1\]"):
        backup.close()
    capsys.readouterr()
    with Backup("bot", url) as backup:
        assert backup.vars.all() == {"good": 1, "legs": [1]}
    assert "held back when saved, so older: 'legs'" in capsys.readouterr().err


def test_a_value_that_was_never_good_has_no_text_from_a_variable_deleted_before(url: str, path: Path) -> None:
    with Backup("bot", url) as backup:
        backup.vars.update(legs=[1], other=2)
        backup.save()
        del backup.vars.legs
        backup.save()
        backup.vars.legs = []
        backup.vars.legs.append(Unsavable())
        backup.keep(Reason.ITERATION, complete=True)
        assert rows(path, "SELECT variables FROM vars_backup") == [('{"other":2}',)]
        backup.vars.legs.clear()


def test_of_an_error_that_is_not_ours_only_the_type_is_told() -> None:
    assert describe(ValueError("sk-canary")) == "ValueError"
    assert describe(UnavailableError("the disk is full")) == "the disk is full"


def test_a_locked_database_never_holds_a_turn_up_for_long_and_the_newest_state_lands_by_itself(
    url: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Backup("bot", url) as backup:
        backup.vars.n = 0
        backup.save()
        with locked(path):
            waits = []
            for number in range(1, 20):
                backup.vars.n = number
                before = time.monotonic()
                backup.keep(Reason.ITERATION, complete=True)
                waits.append(time.monotonic() - before)
            with pytest.raises(NotSavedError, match="revision 1"):
                backup.save(timeout=0.2)
            assert rows(path, "SELECT variables FROM vars_backup") == [('{"n":0}',)]
        deadline = time.monotonic() + 20
        while rows(path, "SELECT variables FROM vars_backup") != [('{"n":19}',)]:
            assert time.monotonic() < deadline, "the newest state must land without another save"
            time.sleep(0.05)
        backup.save()
    assert max(waits) < DEADLINE + 1.0
    assert sum(waits) < 2 * DEADLINE + 1.0, "in trouble that is known, no further turn waits"
    assert len(rows(path, "SELECT 1 FROM vars_backup_history")) <= 4, "only the newest state waited"
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2, messages
    assert "cannot be saved" in messages[0]
    assert "saved again" in messages[1]


def test_no_log_line_holds_a_value(url: str, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    canary = "sk-canary-7d1f"
    with Backup("bot", url) as backup:
        backup.vars.api_key = canary
        backup.vars.bad = []
        backup.vars.bad.append([canary, Unsavable()])
        backup.keep(Reason.ITERATION, complete=True)
        with locked(path):
            backup.vars.n = 1
            backup.keep(Reason.ITERATION, complete=True)
        with pytest.raises(UnsavableError):
            backup.save()
        backup.vars.bad.clear()
    assert caplog.records
    assert canary not in caplog.text


def test_a_removed_database_is_written_again_whole(url: str, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Backup("bot", url) as backup:
        backup.vars.update(n=1, legs=[1, 2])
        backup.save()
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink()
        backup.vars.n = 2
        backup.save()
        assert rows(path, "SELECT variables FROM vars_backup") == [('{"n":2,"legs":[1,2]}',)]
    assert "went back" in caplog.text
    with Backup("bot", url) as backup:
        assert backup.vars.all() == {"n": 2, "legs": [1, 2]}


def test_a_start_that_took_over_fences_the_older_one(url: str, path: Path) -> None:
    with pytest.raises(FencedError, match="taken over"), Backup("bot", url) as backup:
        backup.vars.n = 1
        backup.save()
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE vars_backup_writers SET epoch = epoch + 1, start_id = 'another', owner = 'x'")
        backup.vars.n = 2
        backup.save()
    assert rows(path, "SELECT variables FROM vars_backup") == [('{"n":1}',)]


def test_one_name_opened_twice_in_a_process_is_refused_at_once(url: str) -> None:
    with Backup("bot", url) as first:
        with pytest.raises(OwnedError, match=r"open in this process already, opened at .*test_backup\.py, line \d+\."):
            Backup("bot", url).open()
        with pytest.raises(UsageError, match="open already"):
            first.open()
        with Backup("another", url):
            pass
        first.vars.still = "mine"
        first.save()


FORKING = """
import os, sys
from stratvars import Backup
from stratvars.errors import ForkedError
with Backup("bot", sys.argv[1]) as backup:
    backup.vars.x = 1
    backup.save()
    child = os.fork()
    if child == 0:
        backup.vars.x = "the child's"
        try:
            backup.save()
        except ForkedError:
            print("refused", flush=True)
    else:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        backup.vars.x = 2
        backup.save()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork there")
def test_a_forked_child_neither_saves_nor_ends_what_its_parent_goes_on_with(url: str, path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FORKING, url], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["refused", "0"], done.stderr
    assert rows(path, "SELECT variables FROM vars_backup") == [('{"x":2}',)]
    assert reasons(path) == ["manual", "manual", "stop"]


def test_opening_again_after_a_close_restores_again(url: str) -> None:
    backup = Backup("bot", url).open()
    backup.vars.x = 1
    backup.close()
    backup.close()
    backup.vars.x = 2
    backup.open()
    assert backup.vars.x == 1
    backup.close()


def test_a_save_before_the_start_says_what_to_do(url: str) -> None:
    with pytest.raises(UsageError, match=r"open\(\)"):
        Backup("bot", url).save()


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "x" * 1001])
def test_a_name_that_cannot_be_kept_is_refused_before_anything_is_made(url: str, path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        Backup(name, url)
    assert not path.exists()


@pytest.mark.parametrize("table", ["", "x" * 56, "a\0b", "bots_writers", "bots_HISTORY"])
def test_a_table_that_cannot_be_made_is_refused_before_anything_is_made(url: str, path: Path, table: str) -> None:
    with pytest.raises(UsageError):
        Backup("bot", url, table=table)
    assert not path.exists()


def test_two_memory_backups_never_meet() -> None:
    with Backup("bot", "memory://") as first, Backup("bot", "memory://") as second:
        first.vars.x = 1
        first.save()
        assert second.vars.all() == {}


@pytest.fixture
def restless_threads() -> Iterator[None]:
    """Threads take turns every ten microseconds, so that a missing lock is met."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@contextmanager
def repeated(step: Callable[[], None]) -> Iterator[None]:
    """Another thread repeats a step for as long as the block lasts."""
    over = threading.Event()

    def repeat() -> None:
        while not over.is_set():
            step()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.usefixtures("restless_threads")
def test_two_changes_under_the_lock_are_saved_together_or_not_at_all(url: str, path: Path) -> None:
    saved = set()
    with Backup("bot", url) as backup:
        backup.vars.update(left=[0], padding=[(number,) for number in range(200)], right=[0])

        def move() -> None:
            with backup.vars:
                backup.vars.left[0] += 1
                backup.vars.right[0] -= 1

        with repeated(move):
            for _ in range(100):
                backup.save()
                [(variables,)] = rows(path, "SELECT variables FROM vars_backup")
                state = json.loads(str(variables))
                assert state["left"][0] == -state["right"][0]
                saved.add(state["left"][0])
    assert len(saved) > 10, "the mover must have moved between the saves"


def test_a_thread_that_changes_nested_values_never_makes_a_save_fail(url: str) -> None:
    changes = [0]
    with Backup("bot", url) as backup:
        backup.vars.book = {}

        def churn() -> None:
            changes[0] += 1
            backup.vars.book[changes[0]] = [changes[0]] * 3
            backup.vars.book.pop(changes[0] - 50, None)

        with repeated(churn):
            for _ in range(200):
                backup.save()
    assert changes[0] > 200, "the other thread must have changed something"


def hold(backup: Backup, seconds: float) -> threading.Thread:
    """Another thread, which is inside of ``with vars:`` for so long from now on."""
    is_inside = threading.Event()

    def wait() -> None:
        with backup.vars:
            is_inside.set()
            time.sleep(seconds)

    thread = threading.Thread(target=wait)
    thread.start()
    is_inside.wait()
    return thread


def test_what_another_thread_holds_the_variables_for_is_part_of_the_time_of_a_save(url: str, path: Path) -> None:
    with Backup("bot", url) as backup:
        backup.vars.n = 1
        backup.save()
        backup.vars.n = 2
        with locked(path):
            hold(backup, 0.9)
            began = time.monotonic()
            with pytest.raises(NotSavedError, match="after 1 s"):
                backup.save(timeout=1.0)
            assert 0.8 < time.monotonic() - began < 1.5


def test_an_event_loop_goes_on_while_another_thread_holds_the_variables_at_the_end(url: str, path: Path) -> None:
    gaps: list[float] = []

    async def beat() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - began)

    async def trade() -> None:
        heart = asyncio.create_task(beat())
        async with Backup("bot", url) as backup:
            await asyncio.sleep(0.1)
            backup.vars.n = 1
            hold(backup, 1.0)
        heart.cancel()

    asyncio.run(trade())
    assert len(gaps) > 20
    assert max(gaps) < 0.5
    assert rows(path, "SELECT variables FROM vars_backup") == [('{"n":1}',)]


def test_an_end_in_an_event_loop_that_cannot_have_the_variables_gives_the_name_up(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_module, "LAST_DEADLINE", 0.3)

    async def trade(seconds: float) -> None:
        async with Backup("bot", url) as backup:
            if seconds:
                hold(backup, seconds)

    with pytest.raises(NotSavedError, match="inside `with vars:`"):
        asyncio.run(trade(1.0))
    asyncio.run(trade(0.0))  # it can be opened again


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_start_whose_line_cannot_be_written_goes_on(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with suppress(OSError), open("/dev/full", "w") as full:  # noqa: PTH123
        monkeypatch.setattr(sys, "stderr", full)
        with Backup("bot", url) as backup:
            backup.vars.n = 1
        with Backup("bot", url) as backup:
            assert backup.vars.n == 1
            backup.vars.n = 2
    monkeypatch.undo()
    with Backup("bot", url) as backup:
        assert backup.vars.n == 2
