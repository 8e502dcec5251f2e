"""Faults of a PostgreSQL and of the way to it. Each lasts as long as its block; several may last at once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field

import psycopg

from postgres.proxy import Proxy
from postgres.servers import Server
from postgres.waiting import eventually
from stratvars import Backup


@dataclass
class Scene:
    """The server, the way to it, and the strategies that run there."""

    pg: Server
    url: str
    proxy: Proxy
    names: list[str]
    restarting: threading.Lock = field(default_factory=threading.Lock)
    visits: threading.Lock = field(default_factory=threading.Lock)
    holes: threading.Lock = field(default_factory=threading.Lock)

    def do(self, statement: str) -> bool:
        """Whether the administrator could do it; the server may be down."""
        try:
            with psycopg.connect(self.url, autocommit=True, options="-c lock_timeout=2000") as connection:
                connection.execute(statement.encode())
        except psycopg.Error:
            return False
        return True

    def any(self) -> str:
        return random.choice(self.names)


@contextmanager
def cut(scene: Scene) -> Iterator[bool]:
    scene.proxy.cut()
    yield True


@contextmanager
def hole(scene: Scene) -> Iterator[bool]:
    with scene.holes:
        scene.proxy.black_hole(True)
        try:
            yield True
        finally:
            scene.proxy.black_hole(False)


@contextmanager
def refused(scene: Scene) -> Iterator[bool]:
    with scene.holes:
        scene.proxy.refuse()
        scene.proxy.cut()
        try:
            yield True
        finally:
            scene.proxy.accept()


@contextmanager
def locked(scene: Scene) -> Iterator[bool]:
    """Somebody holds the row of a strategy."""
    statement = f"SELECT FROM vars_backup_writers WHERE strategy_id = '{scene.any()}' FOR UPDATE"
    with ExitStack() as stack:
        try:
            other = stack.enter_context(closing(psycopg.connect(scene.url, options="-c lock_timeout=2000")))
            other.execute(statement.encode())
        except psycopg.Error:
            yield False
        else:
            yield True  # the server may go down meanwhile, and the lock with it


@contextmanager
def ended(scene: Scene) -> Iterator[bool]:
    yield scene.do(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'stratvars' AND datname = current_database()"
    )


@contextmanager
def constrained(scene: Scene) -> Iterator[bool]:
    """The database refuses what one strategy writes."""
    name = scene.any()
    rule = f'"not {name}, {random.random()}"'
    done = scene.do(f"ALTER TABLE vars_backup ADD CONSTRAINT {rule} CHECK (strategy_id <> '{name}') NOT VALID")
    try:
        yield done
    finally:
        # It may be there even where the answer was lost.
        assert eventually(lambda: scene.do(f"ALTER TABLE vars_backup DROP CONSTRAINT IF EXISTS {rule}"), 60)


@contextmanager
def restarted(scene: Scene) -> Iterator[bool]:
    with scene.restarting:
        scene.pg.restart()
    yield True


@contextmanager
def killed(scene: Scene) -> Iterator[bool]:
    with scene.restarting:
        scene.pg.kill_hard()
        scene.pg.start()
    yield True


@contextmanager
def taken_over(scene: Scene) -> Iterator[bool]:
    """Another start has a strategy for a while, changes it, and gives it back."""
    with scene.visits, Backup(scene.any(), scene.url, take_over=True, start_timeout=60) as backup:
        backup.vars.visits = backup.vars.get("visits", 0) + 1
        yield True


FAULTS: list[Callable[[Scene], AbstractContextManager[bool]]] = [
    *(cut, hole, refused, locked, ended, constrained, restarted, killed, taken_over),
]
