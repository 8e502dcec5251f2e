"""``stratvars run``: the options reach the strategy, and every ending has its exit code and its words."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from commandline import Shell

from stratvars import FencedError
from stratvars.cli.errors import exit_code_of

BOT = """
    import sys
    import time

    from stratvars import Strategy

    class Bot(Strategy):
        sleeptime = "1H"

        def on_trading_iteration(self):
            self.vars.n = self.vars.get("n", 0) + 1
            print("n", self.vars.n, self.name, self.sleeptime, self.backup_table_name, flush=True)
            {iteration}

        def on_abrupt_closing(self):
            print("closing", flush=True)
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def write_bot(shell: Shell, iteration: str = "pass") -> None:
    shell.write("bot.py", BOT.format(iteration=iteration))


def rows(database: Path, table: str = "vars_backup") -> dict[str, str]:
    with closing(sqlite3.connect(database)) as connection:
        return dict(connection.execute(f"SELECT strategy_id, variables FROM {table}"))


def test_the_options_win_over_the_class(shell: Shell) -> None:
    write_bot(shell)
    options = ["--name", "btc live", "--sleeptime", "0", "--db", "sqlite:///other.db", "--table", "mine"]
    done = shell.run("run", "bot.py", *options, "--max-iterations", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "n 1 btc live 0 mine\nn 2 btc live 0 mine\n"
    assert rows(shell.folder / "other.db", "mine") == {"btc live": '{"n":2}'}
    assert [file.name for file in shell.folder.glob("stratvars.db*")] == []


def test_the_retention_is_the_option_before_it_is_that_of_the_environment(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"STRATVARS_RETENTION": "never"})
    write_bot(shell)
    assert "STRATVARS_RETENTION (environment STRATVARS_RETENTION) is 'never'" in shell.refused("run", "bot.py")
    done = shell.run("run", "bot.py", "--retention", "everything=1d, size=1MB", "--max-iterations", "1")
    assert done.returncode == 0, done.stderr


def test_without_options_the_class_and_the_environment_decide(shell: Shell) -> None:
    write_bot(shell)
    shell.write(".env", "STRATEGY_NAME=from-env\nDB_CONNECTION_STR=sqlite:///env.db\n")
    done = shell.run("run", "bot.py", "--max-iterations", "1")
    assert done.stdout == "n 1 from-env 1H vars_backup\n", done.stderr
    assert rows(shell.folder / "env.db") == {"from-env": '{"n":1}'}


def test_a_strategy_goes_on_from_where_it_was(shell: Shell) -> None:
    write_bot(shell)
    for expected in ("n 1", "n 2"):
        assert shell.run("run", "bot.py", "--max-iterations", "1").stdout.startswith(expected)


def test_resume_refuses_to_start_from_nothing_with_code_3(shell: Shell) -> None:
    write_bot(shell)
    assert "there is no database at" in shell.refused("run", "bot.py", "--resume", code=3)
    assert shell.run("run", "bot.py", "--max-iterations", "1").returncode == 0
    assert shell.run("run", "bot.py", "--resume", "--max-iterations", "1").stdout.startswith("n 2")
    said = shell.refused("run", "bot.py", "--resume", "--name", "bto", code=3)
    assert "nothing is saved under the name 'bto'; saved there: 'Bot'" in said


def test_the_environment_may_ask_to_resume(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"STRATVARS_RESUME": "1"})
    write_bot(shell)
    assert "resuming 'Bot' was asked for" in shell.refused("run", "bot.py", code=3)


@pytest.mark.parametrize(
    ("leaving", "code", "said"), [("sys.exit(7)", 7, ""), ("sys.exit()", 0, ""), ("sys.exit('bye')", 1, "bye\n")]
)
def test_sys_exit_in_an_iteration_gives_the_exit_code(shell: Shell, leaving: str, code: int, said: str) -> None:
    write_bot(shell, leaving)
    done = shell.run("run", "bot.py")
    assert done.returncode == code
    assert done.stderr.splitlines(keepends=True)[1:] == ([said] if said else [])
    assert rows(shell.folder / "stratvars.db") == {"Bot": '{"n":1}'}


def test_an_error_in_the_bot_shows_its_own_frames_only_and_ends_with_1(shell: Shell) -> None:
    write_bot(shell, "self.vars.limit = 1 / 0")
    done = shell.run("run", "bot.py")
    assert done.returncode == 1
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")
    trace = done.stderr[done.stderr.index("Traceback") :]
    assert trace.count("File ") == 1
    assert f'File "{shell.folder / "bot.py"}", line 13, in on_trading_iteration' in trace


@pytest.mark.parametrize("error", ["BrokenPipeError(32, 'socket')", "EOFError('stdin')", "OSError(28, 'full')"])
def test_an_error_that_a_command_may_swallow_is_shown_when_it_is_the_bots(shell: Shell, error: str) -> None:
    write_bot(shell, f"raise {error}")
    done = shell.run("run", "bot.py")
    assert done.returncode == 1
    assert error.partition("(")[0] in done.stderr.splitlines()[-1]


def test_an_error_in_the_constructor_is_the_bots(shell: Shell) -> None:
    shell.write(
        "bot.py",
        """
        from stratvars import Strategy

        class Bot(Strategy):
            def __init__(self):
                super().__init__()
                raise ValueError("no account")

            def on_trading_iteration(self):
                pass
        """,
    )
    done = shell.run("run", "bot.py")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "ValueError: no account")
    assert done.stderr.count("File ") == 1
    said = shell.refused("run", "bot.py", "--name", "x")
    assert said.startswith("Bot cannot be made by Bot(name=…): got an unexpected keyword argument 'name'; let its")


def test_the_hook_by_which_a_bot_reports_its_crashes_is_called(shell: Shell) -> None:
    write_bot(shell, "raise ValueError('lost')")
    path = shell.folder / "bot.py"
    hook = "import sys\nsys.excepthook = lambda kind, error, trace: print('reported', kind.__name__, error)\n"
    path.write_text(hook + path.read_text())
    done = shell.run("run", "bot.py")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "reported ValueError lost")


def test_an_error_of_this_library_is_one_sentence_with_the_line_of_the_bot(shell: Shell) -> None:
    write_bot(shell, "self.vars.orders = [1, object()]")
    done = shell.run("run", "bot.py")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("stratvars: orders[1]: ")
    assert last.endswith("(bot.py, line 13)")


def test_what_else_went_wrong_is_said_in_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    error = FencedError("taken over")
    error.add_note("stratvars, at the last save: no\nroom")

    def fail() -> None:
        raise error

    assert exit_code_of(fail) == 4
    assert capsys.readouterr().err == "stratvars: taken over\nstratvars, at the last save: no room\n"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_0_after_a_last_save(shell: Shell, signum: signal.Signals) -> None:
    write_bot(shell)
    bot = shell.start("run", "bot.py")
    assert bot.stdout is not None
    assert bot.stdout.readline().startswith("n 1")
    bot.send_signal(signum)
    stdout, stderr = bot.communicate(timeout=20)
    assert (bot.returncode, stdout) == (0, "closing\n"), stderr
    assert "Traceback" not in stderr
    assert rows(shell.folder / "stratvars.db") == {"Bot": '{"n":1}'}


def test_ctrl_c_while_the_file_is_imported_ends_the_command_quietly(shell: Shell) -> None:
    shell.write("bot.py", "import time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    bot = shell.start("run", "bot.py")
    assert bot.stdout is not None
    assert bot.stdout.readline() == "importing\n"
    bot.send_signal(signal.SIGINT)
    _, stderr = bot.communicate(timeout=20)
    assert (bot.returncode, stderr.strip()) == (130, "")


def test_a_second_copy_is_refused_with_4_while_the_first_lives(shell: Shell) -> None:
    write_bot(shell)
    first = shell.start("run", "bot.py")
    try:
        assert first.stdout is not None
        assert first.stdout.readline().startswith("n 1")
        assert f"'Bot' is running already, in process {first.pid}" in shell.refused(
            "run", "bot.py", "--wait", "0", code=4
        )
    finally:
        first.terminate()
        first.communicate(timeout=20)


def test_a_database_that_is_none_is_refused_with_3_and_left_as_it_is(shell: Shell) -> None:
    write_bot(shell)
    file = shell.write("stratvars.db", "my notes, which are no database\n" * 100)
    said = shell.refused("run", "bot.py", code=3)
    assert "stratvars.db is not a SQLite database" in said
    assert file.read_text() == "my notes, which are no database\n" * 100


def test_a_state_that_cannot_be_read_is_refused_with_3(shell: Shell) -> None:
    write_bot(shell)
    assert shell.run("run", "bot.py", "--max-iterations", "1").returncode == 0
    with closing(sqlite3.connect(shell.folder / "stratvars.db")) as connection, connection:
        connection.execute("UPDATE vars_backup SET variables = '{\"n\":'")
    assert "the stored variables are not one JSON object" in shell.refused("run", "bot.py", code=3)
    assert rows(shell.folder / "stratvars.db") == {"Bot": '{"n":'}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--max-iterations", "ten"], "'--max-iterations': 'ten' is not a whole number"),
        (["--max-iterations", "-1"], "'--max-iterations': -1 is too small; it must be 1 or more"),
        (["--max-iterations", "0"], "'--max-iterations': 0 is too small"),
        (["--max-iterations", "1.5"], "'--max-iterations': '1.5' is not a whole number"),
        (["--sleeptime", "soon"], "sleeptime cannot be 'soon'; write '10S'"),
        (["--sleeptime", "-1S"], "sleeptime cannot be '-1S'"),
        (["--name", ""], "the strategy's name"),
        (["--db", "bots.db"], "it is a path; as a URL it is sqlite:///bots.db"),
        (["--db", "mysql://root@host/x"], "it does not begin with postgresql:// or sqlite:///"),
        (["--retention", "7"], "--retention is '7'"),
        (["--table", "my_writers"], "ends in _writers"),
    ],
)
def test_an_option_that_cannot_be_used_is_answered_in_one_sentence(shell: Shell, options: list[str], said: str) -> None:
    write_bot(shell)
    assert said in shell.refused("run", "bot.py", *options)
    assert list(shell.folder.glob("*.db")) == []


def test_a_password_in_a_url_is_never_shown(shell: Shell) -> None:
    write_bot(shell)
    for arguments in (["run", "bot.py"], ["list"], ["show", "Bot"]):
        done = shell.run(*arguments, "--db", "postgres+nonsense://me:hunter2@/@@")
        assert done.returncode == 2
        assert "hunter2" not in done.stdout + done.stderr
