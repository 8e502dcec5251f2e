"""Eight editors at once, a bot that is killed again and again, commands that are killed, connections that are cut.

Each edit hands the bot a value of its own, which the bot takes out and keeps in a list: one that was applied twice
would be in it twice, one that was lost not at all.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from asking import TABLE

from either import sql
from postgres.proxy import Proxy
from postgres.waiting import eventually
from stratvars.edits import Change, Edit, Fate
from stratvars.errors import StratvarsError
from stratvars.request import request
from stratvars.settings import resolve
from stratvars.store.opening import open_records

EATER = Path(__file__).with_name("eater.py")
EDITORS = 8
ASK = """
import json, sys
from stratvars.edits import Change, Edit
from stratvars.request import request
from stratvars.settings import resolve

url, name = sys.argv[1:]
print("asks", flush=True)
request(resolve(url), "vars_backup", "bot", Edit(Change({f"e_{name}": json.dumps(name)}), 1, "a child"), wait=5)
"""


@dataclass
class Kitchen:
    """A bot that is kept running, and editors. ``sent``: what the editor of each was told."""

    url: str
    bot_url: str
    deaths: int = 0
    least_deaths: int = 0
    sent: dict[str, str] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def bot(self, lives: Callable[[], float]) -> Iterator[None]:
        """The bot, killed after so many seconds each time and started again; at the end one lives on."""
        thread = threading.Thread(target=self._keep_running, args=(lives,))
        thread.start()
        try:
            yield
        finally:
            self.over.set()
            thread.join(30)

    def _keep_running(self, lives: Callable[[], float]) -> None:
        while True:
            child = subprocess.Popen(
                [sys.executable, EATER, self.bot_url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            try:
                assert child.stdout is not None
                child.stdout.readline()
                end = time.monotonic() + lives()
                while time.monotonic() < end and not self.over.wait(0.01):
                    pass
            finally:
                child.kill()
                child.communicate()
            if self.over.is_set():
                return
            self.deaths += 1

    def edit(self, name: str, wait: float = 0.0) -> None:
        edit = Edit(Change({f"e_{name}": json.dumps(name)}), 1, "kim")
        try:
            self.sent[name] = request(resolve(self.url), TABLE, "bot", edit, wait=wait).fate or "waits"
        except StratvarsError as error:
            self.sent[name] = type(error).__name__

    def edit_much(self, editor: int, count: int) -> None:
        for number in range(count):
            self.edit(f"{editor}.{number}", wait=random.choice([0, 0, 0.3]))
            time.sleep(random.uniform(0, 0.05))
        number = count
        while self.deaths < self.least_deaths and number < 20 * count:
            self.edit(f"{editor}.{number}")
            time.sleep(0.3)
            number += 1

    @property
    def fates(self) -> Counter[str]:
        return Counter(fate or "waits" for (fate,) in sql(self.url, "SELECT fate FROM vars_backup_edits"))

    def eaten(self) -> list[str]:
        with closing(open_records(resolve(self.url))) as records:
            stored = records.current(TABLE, "bot")
        assert stored is not None
        found: list[str] = json.loads(stored.variables)["eaten"]
        return found

    def kept(self) -> set[str]:
        """What is in the table of edits, however the editor was told."""
        changes = [Change.from_json(text) for (text,) in sql(self.url, "SELECT change FROM vars_backup_edits")]
        return {json.loads(text) for change in changes for text in change.texts.values()}

    def is_done(self) -> bool:
        return self.fates["waits"] == 0 and set(self.eaten()) >= self.kept()

    def check(self) -> str:
        assert eventually(self.is_done, 40), (self.fates, self.sent)
        eaten = Counter(self.eaten())
        assert set(eaten) == self.kept(), "what was kept was applied, and nothing else was"
        assert set(eaten.values()) == {1}, eaten.most_common(3)
        assert self.fates == {Fate.APPLIED: len(eaten)}
        told = Counter(self.sent.values())
        missing = [name for name, fate in self.sent.items() if fate in {"applied", "waits"} and name not in eaten]
        assert missing == []
        return f"{len(eaten)} edits, editors told {dict(told)}, {self.deaths} deaths of the bot, 0 lost, 0 twice"


def started(url: str, bot_url: str) -> Kitchen:
    """One life, so that there is somebody to edit."""
    kitchen = Kitchen(url, bot_url)
    with kitchen.bot(lambda: 60):
        assert eventually(lambda: has_state(url), 20)
    kitchen.over.clear()
    return kitchen


def has_state(url: str) -> bool:
    try:
        with closing(open_records(resolve(url))) as records:
            return records.current(TABLE, "bot") is not None
    except StratvarsError:
        return False


@pytest.mark.parametrize("count", [6, pytest.param(60, marks=pytest.mark.torture)])
def test_eight_editors_of_a_bot_that_is_killed_again_and_again_are_each_served_once(
    any_url: str, count: int, record_property: Callable[[str, object], None]
) -> None:
    kitchen = started(any_url, any_url)
    kitchen.least_deaths = 3
    with kitchen.bot(lambda: random.uniform(0, 0.5)):
        editors = [threading.Thread(target=kitchen.edit_much, args=(editor, count)) for editor in range(EDITORS)]
        for editor in editors:
            editor.start()
        for editor in editors:
            editor.join()
        line = kitchen.check()
    record_property("counted", f"{any_url.partition(':')[0]}: {line}")
    assert kitchen.deaths >= 3
    assert len(kitchen.kept()) >= EDITORS * count


@pytest.mark.parametrize("count", [6, pytest.param(100, marks=pytest.mark.torture)])
def test_a_command_that_is_killed_has_asked_for_all_of_its_edit_or_for_none(
    any_url: str, count: int, record_property: Callable[[str, object], None]
) -> None:
    kitchen = started(any_url, any_url)
    with kitchen.bot(lambda: 60):
        for number in range(count):
            words = [sys.executable, "-c", ASK, any_url, str(number)]
            child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
            assert child.stdout is not None
            assert child.stdout.readline() == "asks\n"
            time.sleep(number / count)
            child.kill()
            child.communicate()
        line = kitchen.check()
    asked = len(kitchen.kept())
    record_property("counted", f"{any_url.partition(':')[0]}, {count} commands killed, {asked} had asked: {line}")
    assert asked > 0


@pytest.mark.parametrize("count", [8, pytest.param(80, marks=pytest.mark.torture)])
def test_edits_on_connections_that_are_cut_are_applied_once(
    pg_url: str, proxy: Proxy, count: int, record_property: Callable[[str, object], None]
) -> None:
    kitchen = started(pg_url, pg_url)
    kitchen.url = kitchen.bot_url = proxy.url(pg_url)
    cuts = 0
    with kitchen.bot(lambda: 60):
        editors = [threading.Thread(target=kitchen.edit_much, args=(editor, count)) for editor in range(3)]
        for editor in editors:
            editor.start()
        while any(editor.is_alive() for editor in editors):
            time.sleep(random.uniform(0.1, 0.5))
            proxy.cut()
            cuts += 1
        line = kitchen.check()
    record_property("counted", f"postgresql, {cuts} connections cut: {line}")
    assert cuts > 3
