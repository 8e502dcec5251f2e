"""Ends and cancellations by an administrator in the middle of saves, and what takes the tables away for a moment."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from course import history, stored
from scenes import OURS, ROLE, Scene
from troubles import ROW

from postgres.stores import CANARY
from postgres.waiting import eventually
from stratvars import Backup

pytest_plugins = ["stages"]

Told = Callable[[str, object], None]
BUSY = f"{OURS} AND state = 'active'"
SLOWER = (
    "CREATE FUNCTION rest() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END$$; "
    "CREATE TRIGGER rest BEFORE INSERT ON vars_backup_history FOR EACH ROW EXECUTE FUNCTION rest()"
)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The log, each trouble with its end; never a value."""
    assert CANARY not in caplog.text
    lines = [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG]
    assert all("cannot be saved" in line for line in lines[::2])
    assert all("is saved again" in line for line in lines[1::2])
    assert len(lines) % 2 == 0
    return lines[::2]


@pytest.mark.parametrize("what", ["cancel", "terminate"])
def test_a_save_that_an_administrator_ends_while_it_waits_lands_once(
    what: str, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Backup("bot", scene.direct()) as backup:
        backup.vars.update(key=CANARY, n=1)
        backup.save()
        with scene.holding(ROW):
            backup.vars.n = 2
            thread = threading.Thread(target=backup.save)
            thread.start()
            assert scene.a_save_waits()
            assert scene.do(f"SELECT pg_{what}_backend(pid) {BUSY}") == [(True,)]
        thread.join()
        assert stored(scene.admin_url) == 2
    assert history(scene.admin_url) == [1, 2]
    # What was cancelled is told, and tried again; whose connection was ended connects and sends again at once.
    assert ["cancelled the statement" in line for line in told(caplog)] == [True] * (what == "cancel")


def test_a_save_whose_connection_is_cut_while_it_waits_lands_once(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Backup("bot", scene.led()) as backup:
        backup.vars.update(key=CANARY, n=1)
        backup.save()
        with scene.holding(ROW):
            backup.vars.n = 2
            thread = threading.Thread(target=backup.save)
            thread.start()
            assert scene.a_save_waits()
            scene.proxy.cut()
            # The server does not notice: what it was told to do first is done with the second of the two waiting.
            assert eventually(lambda: scene.do(f"SELECT count(*) {BUSY}") == [(2,)])
        thread.join()
        assert stored(scene.admin_url) == 2
    assert history(scene.admin_url) == [1, 2]
    assert told(caplog) == []


@pytest.mark.parametrize("what", ["cancel", "terminate"])
@pytest.mark.parametrize("saves", [150, pytest.param(10_000, marks=pytest.mark.torture)])
def test_saves_that_an_administrator_ends_at_any_moment_all_land_once(
    what: str, saves: int, scene: Scene, caplog: pytest.LogCaptureFixture, record_property: Told
) -> None:
    caplog.set_level(logging.DEBUG)
    hits: list[tuple[object, ...]] = []
    is_over = threading.Event()
    chance = random.Random(saves)

    def disturb() -> None:
        with psycopg.connect(scene.admin_url, autocommit=True) as connection:
            while not is_over.wait(chance.uniform(0.0, 0.05)):
                hits.extend(connection.execute(f"SELECT pg_{what}_backend(pid) {BUSY}".encode()).fetchall())

    with Backup("bot", scene.direct()) as backup:
        scene.do(SLOWER)
        backup.vars.key = CANARY
        thread = threading.Thread(target=disturb)
        thread.start()
        try:
            for number in range(saves):
                backup.vars.n = number
                backup.save(timeout=20)
        finally:
            is_over.set()
            thread.join()
    assert history(scene.admin_url) == list(range(saves)), "each is there, once, in order"
    record_property("counted", f"{what}: {len(hits)} in the middle of {saves} saves, {len(told(caplog))} told")
    assert len(hits) > saves / 30


@contextmanager
def _vacuumed(scene: Scene) -> Iterator[list[str]]:
    """All the tables are written anew, again and again, each under a lock that lets nobody in."""
    done: list[str] = []
    is_over = threading.Event()

    def vacuum() -> None:
        with psycopg.connect(scene.admin_url, autocommit=True) as connection:
            while not is_over.is_set():
                for table in ("vars_backup", "vars_backup_writers", "vars_backup_history"):
                    connection.execute(f"VACUUM FULL {table}".encode())
                    done.append(table)

    thread = threading.Thread(target=vacuum)
    thread.start()
    try:
        yield done
    finally:
        is_over.set()
        thread.join()


def test_tables_that_are_vacuumed_whole_hold_nobody_up(
    scene: Scene, caplog: pytest.LogCaptureFixture, record_property: Told
) -> None:
    with Backup("bot", scene.direct()) as backup, _vacuumed(scene) as done:
        number = 0
        while len(done) < 60:
            number += 1
            backup.vars.n = number
            backup.save()
    record_property("counted", f"VACUUM FULL: {len(done)} beside {number} saves")
    assert number > 20
    assert history(scene.admin_url) == list(range(1, number + 1))
    assert caplog.messages == []


def test_a_save_that_is_the_victim_of_a_deadlock_is_sent_again(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    before = scene.pg.log.count("deadlock detected")
    scene.do(f"ALTER ROLE {ROLE} SET deadlock_timeout = 300")
    with Backup("bot", scene.direct()) as backup:
        backup.vars.n = 1
        backup.save()
        with scene.holding("SELECT FROM vars_backup FOR UPDATE") as other:
            backup.vars.n = 2
            thread = threading.Thread(target=backup.save)
            thread.start()
            assert scene.a_save_waits()
            other.execute(ROW.encode())  # the save holds that row: one of the two must give way, and the save does
            other.commit()
        thread.join()
        assert stored(scene.admin_url) == 2
    assert history(scene.admin_url) == [1, 2]
    assert scene.pg.log.count("deadlock detected") > before
    assert caplog.messages == []
