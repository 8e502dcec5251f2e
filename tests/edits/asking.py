"""Asking for edits from outside, as a command does, and looking at what became of them."""

from __future__ import annotations

import json
from contextlib import closing

from either import sql
from stratvars.edits import Asked, Change, Edit
from stratvars.settings import resolve
from stratvars.store.opening import open_records, open_store

TABLE = "vars_backup"


def ask(url: str, name: str, *unset: str, **values: object) -> int:
    """Ask for an edit of plain values; its number."""
    change = Change({key: json.dumps(value) for key, value in values.items()}, unset)
    return ask_for(url, name, Edit(change, 1, "kim"))


def ask_for(url: str, name: str, edit: Edit) -> int:
    with closing(open_store(resolve(url))) as store:
        store.prepare(TABLE)
        number = store.ask(TABLE, name, edit)
    assert number is not None
    return number


def told(url: str, name: str, number: int) -> Asked:
    """What is known of an edit."""
    with closing(open_records(resolve(url))) as records:
        [asked] = records.edits(TABLE, name, limit=1, number=number)
    return asked


def kept(url: str, name: str) -> list[tuple[str, dict[str, object]]]:
    """Reason and what was set, of each revision."""
    query = f"SELECT reason, changed FROM vars_backup_history WHERE strategy_id = '{name}' ORDER BY epoch, revision"
    return [(reason, json.loads(changed)) for reason, changed in sql(url, query)]


def current(url: str, name: str) -> dict[str, object]:
    [(text,)] = sql(url, f"SELECT variables FROM vars_backup WHERE strategy_id = '{name}'")
    state: dict[str, object] = json.loads(text)
    return state
