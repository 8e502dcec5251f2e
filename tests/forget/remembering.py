"""A strategy that saved a secret by mistake, in every place in which it can stand, and what there is of it."""

from __future__ import annotations

import json
from contextlib import closing, suppress

from msgspec.structs import replace

from either import sql
from stratvars import Backup, open_archive
from stratvars.edits import Change, Edit
from stratvars.errors import UndecodableError
from stratvars.forget import Forgotten, erase
from stratvars.request import request
from stratvars.revision import Claim, Reason
from stratvars.settings import resolve
from stratvars.store.opening import open_store
from stratvars.testing import revision_of
from stratvars.traces import Found, look

TABLE, NAME, KEY = "vars_backup", "btc-live", "api_key"
CANARY = "sk-canary-4711"
OTHERS = ("cash", "n", "symbols")


class BoomError(Exception):
    """What ends a strategy here."""


def fill(url: str, name: str = NAME) -> None:
    """Lives in which the secret is set, changed, edited, held back, put in by hand, lost, and asked for."""
    with Backup(name, url) as backup:
        backup.vars.update(cash=100.5, api_key=f"{CANARY}-1", symbols=["BTC", "ETH"])
        for number in range(4):
            backup.vars.n = number
            backup.vars.api_key += "x"
            backup.keep(Reason.ITERATION, complete=True)
        ask(url, name, Edit(Change({KEY: f'"{CANARY}-2"', "n": "9"}), 1, "kim", "a new key"))
        backup.vars.cash -= 1
        backup.save()  # brings the edit
        backup.save()
        backup.vars.api_key = [f"{CANARY}-3"]
        backup.keep(Reason.ITERATION, complete=True)
        backup.vars.api_key.append(object())
        backup.keep(Reason.ITERATION, complete=True)
        backup.vars.api_key.pop()
    request(resolve(url), TABLE, name, Edit(Change({KEY: f'"{CANARY}-4"'}), 1, "kim", f"{CANARY}-4 it is"), wait=5)
    by_hand(url, name, cash=1, api_key=f"{CANARY}-5")
    with suppress(BoomError), Backup(name, url) as backup:
        del backup.vars.api_key
        backup.vars.n = -1
        backup.save()
        backup.vars.api_key = f"{CANARY}-6"
        raise BoomError
    ask(url, name, Edit(Change({KEY: f'"{CANARY}-7"'}), 1, "kim", "is put aside"), refused=f"{KEY}['{CANARY}'] is no")
    lose(url, name)


def lose(url: str, name: str) -> None:
    """What a start had not saved when it was taken over; and a text by hand that nobody can read."""
    with closing(open_store(resolve(url))) as store:
        store.prepare(TABLE)
        claim = store.acquire(TABLE, name, "", "a start that lost")
        assert isinstance(claim, Claim)
        texts = {"n": "1", KEY: f'"{CANARY}-8"'}
        fenced = revision_of(claim, texts, number=900)
        store.keep_fenced(replace(fenced, reason=Reason.FENCED, complete=False))
        store.keep_fenced(
            replace(fenced, number=901, reason=Reason.FENCED, complete=False, changed=f'{{"api_key":"{CANARY}-9"')
        )
        store.release(claim)


def by_hand(url: str, name: str, **values: object) -> None:
    text = json.dumps(values, indent=1)
    sql(url, f"UPDATE vars_backup SET variables = '{text}' WHERE strategy_id = '{name}'")


def ask(url: str, name: str, edit: Edit, *, refused: str = "") -> None:
    with closing(open_store(resolve(url))) as store:
        store.prepare(TABLE)
        assert store.ask(TABLE, name, edit, refused=refused) is not None


def found_in(url: str, *names: str, name: str = NAME) -> Found:
    return look(resolve(url), TABLE, name, names or (KEY,))


def forgotten(url: str, *names: str, name: str = NAME) -> Forgotten:
    return erase(resolve(url), TABLE, found_in(url, *names, name=name), "kim on desk")


def states(url: str, name: str = NAME) -> dict[int, list[tuple[str, str]]]:
    """What each revision says of all variables but the secret, in their order."""
    found = {}
    with open_archive(url) as archive:
        for entry in archive.revisions(name):
            with suppress(UndecodableError):
                texts = archive.at(name, entry.number).state.texts
                found[entry.number] = [item for item in texts.items() if item[0] != KEY]
    return found


def everything(url: str) -> dict[str, str]:
    """All that is in each table of the database, whoever made it."""
    if url.startswith("sqlite"):
        tables = sql(url, "SELECT name FROM sqlite_master WHERE type = 'table'")
    else:
        tables = sql(url, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    return {table: repr(sql(url, f'SELECT * FROM "{table}"')) for (table,) in tables}


def holding(url: str) -> list[str]:
    """The tables with the secret in them."""
    return [table for table, text in everything(url).items() if CANARY in text]


def rows_of(url: str, name: str, *, but: tuple[str, ...] = ()) -> dict[str, list[tuple[object, ...]]]:
    """Every row of a strategy, by the end of the table's name."""
    order = {"": "id", "writers": "epoch", "history": "epoch, revision", "edits": "id"}
    return {
        table: sql(url, f"SELECT * FROM vars_backup{table and '_' + table} WHERE strategy_id = '{name}' ORDER BY {by}")
        for table, by in order.items()
        if table not in but
    }
