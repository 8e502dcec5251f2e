# ruff: noqa: D102 - save and restore are described once, in Contender
"""The peers, each used through its own calls; what each needs is imported when it is made, in its own environment.

``save`` makes the whole state durable as far as the peer promises it; ``restore`` is a new start, after a
``close`` that is not measured: open and read.
"""

from __future__ import annotations

import io
import json
import os
import shelve
import uuid
from collections.abc import Callable
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import Any, Protocol

State = dict[str, Any]


class Contender(Protocol):
    """One way to keep a state."""

    def save(self, state: State) -> None:
        """Make it durable."""

    def close(self) -> None:
        """End as a bot ends that is stopped."""

    def restore(self) -> State:
        """Open and read it, as a new start does."""


class Ours:
    """This library."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._backup = self._open()

    def save(self, state: State) -> None:
        self._backup.vars.update(changed(self._backup.vars.all(), state))
        self._backup.save(timeout=30)

    def close(self) -> None:
        self._backup.close()

    def restore(self) -> State:
        self._backup = self._open()
        return dict(self._backup.vars.all())

    def _open(self) -> Any:
        from stratvars import Backup

        with redirect_stderr(io.StringIO()):
            return Backup("bot", self._url).open()


class JsonFile:
    """A temporary file, an fsync, a rename, an fsync of the folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "state.json"

    def save(self, state: State) -> None:
        temporary = self._path.with_suffix(".new")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        handle = os.open(self._path.parent, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)

    def close(self) -> None:
        """It has nothing to end."""

    def restore(self) -> State:
        return dict(json.loads(self._path.read_text(encoding="utf-8")))


class Shelf:
    """``shelve``, synchronised after each save."""

    def __init__(self, folder: Path) -> None:
        self._path = str(folder / "shelf")
        self._state: State = {}
        self._shelf = shelve.open(self._path)  # noqa: S301, SIM115 - kept open

    def save(self, state: State) -> None:
        self._shelf.update(changed(self._state, state))
        self._state = state
        self._shelf.sync()

    def close(self) -> None:
        self._shelf.close()

    def restore(self) -> State:
        self._shelf = shelve.open(self._path)  # noqa: S301, SIM115 - kept open
        return dict(self._shelf)


class SqliteDict:
    """``sqlitedict``, one commit for the whole state."""

    def __init__(self, folder: Path) -> None:
        self._path = str(folder / "dict.db")
        self._dict = self._open()
        self._state: State = {}

    def save(self, state: State) -> None:
        self._dict.update(changed(self._state, state))
        self._state = state
        self._dict.commit()

    def close(self) -> None:
        self._dict.close()

    def restore(self) -> State:
        self._dict = self._open()
        return dict(self._dict)

    def _open(self) -> Any:
        from sqlitedict import SqliteDict as Real  # type: ignore[import-untyped, import-not-found, unused-ignore]

        return Real(self._path)


class LangGraph:
    """A checkpoint saver of langgraph: every variable is a channel, and what changed has a new version."""

    def __init__(self, opener: Callable[[], Any]) -> None:
        self._opener = opener
        self._config = {"configurable": {"thread_id": "bot", "checkpoint_ns": ""}}
        self._last = self._config
        self._step = 0
        self._state: State = {}
        self._versions: dict[str, str] = {}
        self._open()

    def save(self, state: State) -> None:
        from langgraph.checkpoint.base import empty_checkpoint  # type: ignore[import-not-found, unused-ignore]

        self._step += 1
        new = dict.fromkeys(changed(self._state, state), str(self._step))
        self._state, self._versions = state, {**self._versions, **new}
        checkpoint = {**empty_checkpoint(), "channel_values": state, "channel_versions": self._versions}
        metadata = {"source": "loop", "step": self._step, "parents": {}}
        self._last = self._saver.put(self._last, checkpoint, metadata, new)

    def close(self) -> None:
        self._context.__exit__(None, None, None)

    def restore(self) -> State:
        self._open()
        return dict(self._saver.get_tuple(self._config).checkpoint["channel_values"])

    def _open(self) -> None:
        self._context = self._opener()
        self._saver = self._context.__enter__()
        self._saver.setup()


class Dbos:
    """DBOS: a workflow whose event is the state."""

    def __init__(self, url: str) -> None:
        from dbos import DBOS  # type: ignore[import-not-found, unused-ignore]

        self._dbos = DBOS
        self._last = ""
        DBOS(config={"name": "bench", "system_database_url": url, "run_admin_server": False, "log_level": "ERROR"})

        @DBOS.workflow()  # type: ignore[untyped-decorator, unused-ignore]
        def keep(state: State) -> None:
            DBOS.set_event("state", state)

        self._keep = keep
        DBOS.launch()

    def save(self, state: State) -> None:
        from dbos import SetWorkflowID

        self._last = uuid.uuid4().hex
        with SetWorkflowID(self._last):
            self._keep(state)

    def close(self) -> None:
        """It has nothing to end."""

    def restore(self) -> State:
        return dict(self._dbos.get_event(self._last, "state"))


class Freqtrade:
    """freqtrade's key-value store: a row for each variable, and what is no number, text or date as JSON text."""

    def __init__(self, folder: Path) -> None:
        from freqtrade.persistence import init_db  # type: ignore[import-not-found, unused-ignore]

        self._url = f"sqlite:///{folder}/freqtrade.db"
        self._init = init_db
        self._state: State = {}
        init_db(self._url)

    def save(self, state: State) -> None:
        from freqtrade.persistence import KeyValueStore

        for name, value in changed(self._state, state).items():
            kept = value if isinstance(value, (int, float, str)) else json.dumps(value)
            KeyValueStore.store_value(name, kept)
        self._state = state

    def close(self) -> None:
        """It has nothing to end."""

    def restore(self) -> State:
        from freqtrade.persistence import KeyValueStore

        self._init(self._url)
        return {name: KeyValueStore.get_value(name) for name in self._state}


class VnPy:
    """vn.py's JSON file, as its strategies' data are kept."""

    def __init__(self, folder: Path) -> None:
        (folder / ".vntrader").mkdir()
        os.chdir(folder)
        from vnpy.trader.utility import load_json, save_json  # type: ignore[import-not-found, unused-ignore]

        self._load, self._save = load_json, save_json

    def save(self, state: State) -> None:
        self._save("bench.json", state)

    def close(self) -> None:
        """It has nothing to end."""

    def restore(self) -> State:
        return dict(self._load("bench.json"))


class Lumibot:
    """Lumibot's own backup methods, on a strategy that is not run: no broker is needed for them."""

    def __init__(self, url: str) -> None:
        import logging

        logging.disable(logging.CRITICAL)
        from lumibot.strategies._strategy import Vars  # type: ignore[import-not-found, unused-ignore]
        from lumibot.strategies.strategy import Strategy  # type: ignore[import-not-found, unused-ignore]

        one = Strategy.__new__(Strategy)
        one._name = "bot"  # noqa: SLF001 - what its constructor would set
        one.db_connection_str = url.replace("postgresql://", "postgresql+psycopg2://")
        one.backup_table_name = "lumibot_backup"
        one.should_backup_variables_to_database = True
        one.db_engine = None
        one._is_backtesting = False  # noqa: SLF001 - as above
        one._last_backup_state = None  # noqa: SLF001 - as above
        one.vars = Vars()
        one.logger = logging.getLogger("lumibot")
        one.broker = None
        self._strategy = one
        self._made = Vars

    def save(self, state: State) -> None:
        for name, value in changed(self._strategy.vars.all(), state).items():
            self._strategy.vars.set(name, value)
        self._strategy.backup_variables_to_db()

    def close(self) -> None:
        """It has nothing to end."""

    def restore(self) -> State:
        self._strategy.vars = self._made()
        self._strategy.db_engine = None
        self._strategy.load_variables_from_db()
        return dict(self._strategy.vars.all())


def langgraph_sqlite(folder: Path) -> LangGraph:
    from langgraph.checkpoint.sqlite import SqliteSaver  # type: ignore[import-not-found, unused-ignore]

    return LangGraph(lambda: SqliteSaver.from_conn_string(str(folder / "langgraph.db")))


def langgraph_postgres(url: str) -> LangGraph:
    from langgraph.checkpoint.postgres import PostgresSaver  # type: ignore[import-not-found, unused-ignore]

    return LangGraph(lambda: PostgresSaver.from_conn_string(url))


_MADE: dict[str, Callable[[Path, str], Contender]] = {
    "stratvars-sqlite": lambda folder, _: Ours(f"sqlite:///{folder}/ours.db"),
    "stratvars-postgres": lambda _, url: Ours(url),
    "json": lambda folder, _: JsonFile(folder),
    "shelve": lambda folder, _: Shelf(folder),
    "sqlitedict": lambda folder, _: SqliteDict(folder),
    "langgraph-sqlite": lambda folder, _: langgraph_sqlite(folder),
    "langgraph-postgres": lambda _, url: langgraph_postgres(url),
    "dbos": lambda _, url: Dbos(url),
    "freqtrade": lambda folder, _: Freqtrade(folder),
    "vnpy": lambda folder, _: VnPy(folder),
    "lumibot": lambda _, url: Lumibot(url),
}


def made(name: str, folder: Path, url: str) -> Contender:
    """The contender of that name, on its own folder and its own empty database."""
    return _MADE[name](folder, url)


def changed(old: State, new: State) -> State:
    """What is to be given to a peer that takes variables one by one: the others are the same objects as before."""
    return {name: value for name, value in new.items() if name not in old or old[name] is not value}


def is_alike(found: State, wanted: State) -> bool:
    """Whether values and types came back; a peer that keeps texts gives no error for that."""
    with suppress(KeyError):
        return all(found[name] == value and type(found[name]) is type(value) for name, value in wanted.items())
    return False
