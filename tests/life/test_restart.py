"""Coming back: the order of a run, what is restored, and when a strategy refuses to start."""

from __future__ import annotations

import signal
import time
from dataclasses import replace

import pytest
from children import Place, wait_for_line

COUNTER = """
    import sys
    from stratvars import Strategy

    class Counter(Strategy):
        sleeptime = 0

        def initialize(self):
            self.vars.limits = {"SPY": 1}
            self.vars.new_in_this_version = "default"

        def before_starting_trading(self):
            print(self.vars.all())

        def on_trading_iteration(self):
            self.vars.count = self.vars.get("count", 0) + 1
            self.vars.limits["QQQ"] = self.vars.count

    Counter().run(max_iterations=2)
"""


def test_defaults_are_set_first_and_saved_variables_replace_them_whole(place: Place) -> None:
    first, second = place.run(COUNTER), place.run(COUNTER.replace('"SPY": 1', '"IWM": 9'))
    assert first.stdout == "{'limits': {'SPY': 1}, 'new_in_this_version': 'default'}\n"
    assert second.stdout == "{'limits': {'SPY': 1, 'QQQ': 2}, 'new_in_this_version': 'default', 'count': 2}\n"


def test_a_variable_that_is_new_in_the_code_keeps_its_default_after_a_restore(place: Place) -> None:
    place.run(COUNTER.replace("self.vars.new_in_this_version", "self.vars.limits"))
    second = place.run(COUNTER)
    assert "'new_in_this_version': 'default'" in second.stdout


def test_the_first_start_says_so_and_a_restart_names_its_revision_and_age(place: Place) -> None:
    first = place.run(COUNTER).stderr
    second = place.run(COUNTER).stderr
    other = place.run(COUNTER.replace("Counter().run", "Counter(name='other').run")).stderr
    assert "FIRST START of 'Counter'" in first
    assert str(place.database) in first
    assert "FIRST START" not in second
    assert "'Counter' restored from revision 3, saved " in second
    assert "(stop)" in second
    assert "FIRST START of 'other'" in other
    assert "saved there: 'Counter'" in other
    assert all(text.count("\n") == 1 for text in (first, second, other)), "one line each"
    assert "first iteration now" in first


def test_resuming_from_nothing_is_refused_and_writes_nothing(place: Place) -> None:
    place.environment = {"STRATVARS_RESUME": "1"}
    refused = place.run(COUNTER)
    assert refused.returncode != 0
    assert "NothingSavedError" in refused.stderr
    assert not place.database.exists(), "a mistyped database must not be made"
    place.environment = {}
    place.run(COUNTER)
    place.environment = {"STRATVARS_RESUME": "1"}
    assert place.run(COUNTER).returncode == 0
    renamed = place.run(COUNTER.replace("Counter().run", "Counter(name='Conter').run"))
    assert "saved there: 'Counter'" in renamed.stderr
    assert place.rows("SELECT strategy_id FROM vars_backup_writers") == [("Counter",)]


DAMAGES = {
    "truncated": ("""UPDATE vars_backup SET variables = substr(variables, 1, 20)""", "JSON"),
    "not an object": ("""UPDATE vars_backup SET variables = '[1, 2]'""", "JSON object"),
    "empty": ("""UPDATE vars_backup SET variables = ''""", "JSON object"),
    "an unknown tag": ("""UPDATE vars_backup SET variables = '{"a": 1, "b": [{"$alien": 1}]}'""", r"b[0]"),
    "a newer format": ("""UPDATE vars_backup_writers SET format = 99""", "newer"),
    "a deleted row": ("""DELETE FROM vars_backup""", "another name"),
}


@pytest.mark.parametrize(("damage", "told"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_state_that_cannot_be_restored_is_never_started_from_and_never_overwritten(
    place: Place, damage: str, told: str
) -> None:
    place.run(COUNTER)
    place.execute(damage)
    everything = "SELECT * FROM vars_backup", "SELECT * FROM vars_backup_history"
    before = [place.rows(query) for query in everything]
    done = place.run(COUNTER)
    assert done.returncode != 0
    assert told in done.stderr
    assert done.stdout == "", "no hook after the restore was called"
    assert [place.rows(query) for query in everything] == before


def test_an_exchange_of_the_row_while_nothing_runs_is_what_the_next_start_restores(place: Place) -> None:
    place.run(COUNTER)
    place.execute("""UPDATE vars_backup SET variables = '{"count": 40, "limits": {}}'""")
    place.run(COUNTER)
    assert place.variables == '{"count":42,"limits":{"QQQ":42},"new_in_this_version":"default"}'


def test_what_changes_between_two_iterations_is_kept_and_never_overwritten_by_a_reload(place: Place) -> None:
    body = """
        import threading
        from stratvars import Strategy

        class Bot(Strategy):
            sleeptime = "0.3S"

            def before_starting_trading(self):
                self.book = self.vars.setdefault("book", {})
                self.vars.fills = 0

            def on_trading_iteration(self):
                print(self.vars.fills, self.book is self.vars.book, self.book)
                threading.Timer(0.1, self.on_filled_order).start()

            def on_filled_order(self):
                self.vars.fills += 1
                self.book[self.vars.fills] = "filled"

        Bot().run(max_iterations=3)
    """
    done = place.run(body)
    assert done.stdout.splitlines() == [
        "0 True {}",
        "1 True {1: 'filled'}",
        "2 True {1: 'filled', 2: 'filled'}",
    ], done.stderr


LOOP = """
    from stratvars import Strategy

    class Loop(Strategy):
        sleeptime = "50S"

        def on_trading_iteration(self):
            self.vars.n = self.vars.get("n", 0) + 1
            print("iteration", self.vars.n)

        def on_fenced(self):
            print("on_fenced")

    Loop().run()
"""


def test_a_second_copy_is_refused_while_the_first_lives_and_takes_over_after_its_death(place: Place) -> None:
    first = place.start(LOOP)
    wait_for_line(first, "iteration 1")
    time.sleep(0.3)
    second = replace(place, environment={**place.environment, "STRATVARS_WAIT": "0"}).run(LOOP)
    assert "OwnedError" in second.stderr
    assert f"process {first.pid}" in second.stderr
    assert second.stdout == ""
    first.kill()
    first.communicate()
    third = place.start(LOOP)
    wait_for_line(third, "iteration 2")
    third.send_signal(signal.SIGTERM)
    third.communicate(timeout=20)
    assert place.variables == '{"n":2}'


def test_a_backtest_touches_no_database(place: Place) -> None:
    place.run(COUNTER)
    before = place.database.read_bytes()
    place.environment = {"STRATVARS_RESUME": "1"}
    done = place.run(COUNTER.replace("Counter().run", "Counter(is_backtesting=True).run"))
    assert done.stdout == "{'limits': {'SPY': 1}, 'new_in_this_version': 'default'}\n", done.stderr
    assert place.database.read_bytes() == before


def test_the_database_is_found_through_a_dotenv_file_beside_the_script(place: Place) -> None:
    elsewhere = place.folder / "data"
    elsewhere.mkdir()
    (place.folder / ".env").write_text('DB_CONNECTION_STR="sqlite:///data/live.db"\nSTRATEGY_NAME=from-dotenv\n')
    done = place.run(COUNTER)
    assert done.returncode == 0, done.stderr
    assert "'from-dotenv'" in done.stderr
    assert (elsewhere / "live.db").exists()
    assert not place.database.exists()
