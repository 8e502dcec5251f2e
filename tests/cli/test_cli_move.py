"""``stratvars export`` and ``import``, through pipes and on a terminal."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep

import pytest
from commandline import Shell
from prefork import COMMAND

from rewinding import Place, postgresql_place, sqlite_place
from stratvars.owner import Owner


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Place]:
    with sqlite_place(tmp_path) as place:
        place.live({"n": 1, "key": "hunter2"}, {"n": 2, "key": "hunter2"}, {"n": 3}, name="bot")
        place.live({"n": 1}, name="other")
        yield place


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        folder = tmp_path / "target"
        folder.mkdir()
        with sqlite_place(folder) as place:
            yield place
    else:
        with postgresql_place(request.getfixturevalue("pg_url")) as place:
            yield place


def test_strategies_go_into_a_file_and_out_of_it(shell: Shell, origin: Place, target: Place) -> None:
    done = shell.run("export", "bot", "bot.jsonl")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"bot: revision 4, with 4 of its history, exported from {origin.url} to bot.jsonl\n"
    file = shell.folder / "bot.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600, "it holds passwords"
    assert [json.loads(line)["kind"] for line in file.read_text().splitlines()] == [
        *("stratvars export", "strategy", "revision", "revision", "revision", "revision", "end"),
    ]
    pretended = shell.run("import", "bot.jsonl", "--db", target.url, "--dry-run")
    assert "bot: revision 4, with 4 of its history, would be imported into" in pretended.stderr
    done = shell.run("import", "bot.jsonl", "--db", target.url)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("bot: revision 4, with 4 of its history, imported into ")
    assert "hunter2" not in done.stderr
    again = shell.run("import", "bot.jsonl", "--db", target.url)
    assert (again.returncode, "bot: nothing to do, revision 4 is there already, in" in again.stderr) == (0, True)
    assert target.live(name="bot") == {"n": 3}


def test_all_of_them_go_through_a_pipe_from_one_command_to_the_other(
    shell: Shell, origin: Place, target: Place
) -> None:
    command = shlex.quote(COMMAND)
    line = f"set -o pipefail; {command} export --all --history - | {command} import - --db {target.url} --json"
    done = shell.call("bash", "-c", line)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"name": "bot", "revision": 4, "revisions": 4, "arrival": "imported"},
        {"name": "other", "revision": 2, "revisions": 2, "arrival": "imported"},
    ]
    assert shell.run("show", "bot", "--json", "--db", target.url).stdout == '{"n":3}\n'
    made = shell.run("export", "--all", "all.jsonl", "--json")
    assert [json.loads(line)["name"] for line in made.stdout.splitlines()] == ["bot", "other"]


def test_another_state_is_refused_with_1_and_a_running_one_with_4(shell: Shell, origin: Place, target: Place) -> None:
    shell.run("export", "bot", "--history", "old.jsonl")
    assert shell.run("import", "old.jsonl", "--db", target.url).returncode == 0
    origin.live({"n": 4}, name="bot")
    shell.run("export", "bot", "--history", "new.jsonl")
    target.execute(f"UPDATE vars_backup_writers SET owner = '{Owner.current().to_text()}'")
    assert "'bot' is running, in process" in shell.refused("import", "new.jsonl", "--db", target.url, code=4)
    target.execute("UPDATE vars_backup_writers SET owner = ''")
    assert "went over an older state" in shell.run("import", "new.jsonl", "--db", target.url).stderr
    said = shell.refused("import", "old.jsonl", "--db", target.url, code=1)
    assert "'bot' is in" in said
    assert "--as" in said
    done = shell.run("import", "old.jsonl", "--db", target.url, "--as", "copy")
    assert done.stderr.startswith("copy: revision 4, with 4 of its history, imported into ")
    assert target.live(name="copy") == {"n": 3}


WRONG = [
    (["export"], "say where to: stratvars export --all bots.jsonl, or - for stdout"),
    (["export", "bot"], "say which strategy and where to: stratvars export bot bot.jsonl, or --all"),
    (["export", "--all", "bot", "x.jsonl"], "--all is every strategy; leave out bot"),
    (["export", "bto", "x.jsonl"], "nothing is saved under the name 'bto' "),
    (["export", "bot", "bto", "x.jsonl"], "nothing is saved under the name 'bto' "),
    (["export", "bot", "."], ". is a folder; name a file in it"),
    (["export", "bot", "no/x.jsonl"], "the folder no does not exist; create it"),
    (["export", "bot", "bot.py"], "bot.py is there already and no export; name another file"),
    (["export", "bot", "-", "--json"], "--json prints to stdout, where the strategies go to already"),
    (["export", "bot", "x.jsonl", "--table", "mine"], "in the table 'mine'"),
    (["export", "--all", "x.jsonl", "--table", "mine"], "nothing is saved in the table 'mine'"),
    (["export", "bot", "x.jsonl", "--db", "memory://"], "there is nothing to take from here"),
    (["export", "bot", "x.jsonl", "--db", "sqlite:///no.db"], "there is no database at"),
    (["import"], "missing argument 'FILE'"),
    (["import", "no.jsonl"], "there is no file no.jsonl"),
    (["import", "."], ". is a folder; name a file in it"),
    (["import", "good.jsonl", "--as", " "], "is blank"),
    (["import", "good.jsonl", "--as", "one"], "the file has several strategies"),
    (["import", "good.jsonl", "--db", "memory://"], "ends with the process"),
    (["import", "good.jsonl", "bot"], "unexpected extra argument"),
]


def test_what_a_new_user_may_type_wrong_is_answered_with_what_to_type(shell: Shell, origin: Place) -> None:
    shell.write("bot.py", "print()\n")
    shell.run("export", "--all", "good.jsonl")
    before = files(shell)
    for arguments, said in WRONG:
        assert said in shell.refused(*arguments)
    assert (shell.folder / "bot.py").read_text() == "print()\n"
    assert files(shell) == before


def files(shell: Shell) -> set[str]:
    """All but those that SQLite and a lock make beside a database."""
    return {path.name for path in shell.folder.iterdir() if not path.name.endswith(("-wal", "-shm", "-lock"))}


def test_a_file_that_is_damaged_or_no_export_is_refused_with_3_and_nothing_is_made(shell: Shell, origin: Place) -> None:
    shell.run("export", "--all", "good.jsonl")
    text = (shell.folder / "good.jsonl").read_bytes()
    for damaged, said in (
        (text[:-200], "was cut off"),
        (text.replace(b'{\\"n\\":1', b'{\\"n\\":7', 1), "is not as it was written"),
        (b"", "is empty"),
        (b"print()\n", "no file that stratvars export wrote"),
        (text.replace(b'"version":1', b'"version":2', 1), "is not as it was written"),
    ):
        (shell.folder / "bad.jsonl").write_bytes(damaged)
        assert said in shell.refused("import", "bad.jsonl", "--db", "sqlite:///new.db", code=3)
        assert not (shell.folder / "new.db").exists()


def test_an_export_is_replaced_by_a_whole_one_only(shell: Shell, origin: Place) -> None:
    shell.run("export", "bot", "bot.jsonl")
    file = shell.folder / "bot.jsonl"
    before = file.read_bytes()
    origin.execute("ALTER TABLE vars_backup_history RENAME TO away")
    assert shell.run("export", "bot", "bot.jsonl").returncode == 3
    assert file.read_bytes() == before
    origin.execute("ALTER TABLE away RENAME TO vars_backup_history")
    origin.live({"n": 4}, name="bot")
    assert shell.run("export", "bot", "bot.jsonl").returncode == 0
    assert file.read_bytes() != before
    assert [path.name for path in shell.folder.glob("*.jsonl*")] == ["bot.jsonl"]


def test_a_reader_that_goes_away_or_a_full_disk_is_an_error(shell: Shell, origin: Place) -> None:
    origin.live({"text": "x" * 500_000}, name="long")
    line = f"set -o pipefail; {shlex.quote(COMMAND)} export --all - 2>errors | head -c 10"
    done = shell.call("bash", "-c", line)
    assert (done.returncode, (shell.folder / "errors").read_text()) == (
        1,
        "stratvars: stdout cannot be written: Broken pipe; the export is not whole\n",
    )
    full = shell.call("bash", "-c", f"{shlex.quote(COMMAND)} export --all - > /dev/full")
    assert (full.returncode, "No space left on device; the export is not whole" in full.stderr) == (1, True)


def test_an_import_that_is_killed_at_any_line_changes_nothing(
    shell: Shell, origin: Place, target: Place, record_property: Callable[[str, object], None]
) -> None:
    target.live({"n": 7}, name="there")
    shell.run("export", "--all", "--history", "all.jsonl")
    found = (shell.folder / "all.jsonl").read_bytes().splitlines(keepends=True)
    before = rows(target)
    killed = 0
    for many in range(0, len(found), 2):
        child = subprocess.Popen(
            [COMMAND, "import", "-", "--db", target.url],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=shell._environment(),
        )
        assert child.stdin is not None
        child.stdin.write(b"".join(found[:many]))
        child.stdin.flush()
        sleep(0.4)  # it has read them and waits for more
        killed += child.poll() is None
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert child.returncode == -signal.SIGKILL
        assert rows(target) == before
    record_property("counted", f"imports killed at a line of their file: {killed}")
    assert killed > 4
    assert shell.run("import", "all.jsonl", "--db", target.url).returncode == 0
    assert len(rows(target)[0]) == len(before[0]) + 2


def rows(place: Place) -> list[list[object]]:
    tables = ("vars_backup", "vars_backup_history")
    return [place.execute(f"SELECT * FROM {table} ORDER BY strategy_id").fetchall() for table in tables] + [
        place.execute("SELECT strategy_id, epoch, revision, owner FROM vars_backup_writers ORDER BY 1").fetchall()
    ]


def test_ctrl_c_ends_an_import_without_a_trace_and_with_130(shell: Shell, origin: Place, target: Place) -> None:
    target.live({"n": 7}, name="there")
    shell.run("export", "--all", "all.jsonl")
    before = rows(target)
    child = subprocess.Popen(
        [COMMAND, "import", "-", "--db", target.url],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=shell._environment(),
    )
    assert child.stdin is not None
    child.stdin.write((shell.folder / "all.jsonl").read_bytes()[:2000])
    child.stdin.flush()
    sleep(0.6)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate()
    assert (child.returncode, said) == (130, b"\n")
    assert rows(target) == before


def test_a_terminal_gets_a_bar_for_what_takes_longer_than_a_second_and_a_pipe_none(shell: Shell, origin: Place) -> None:
    shell.run("export", "--all", "all.jsonl")
    found = (shell.folder / "all.jsonl").read_bytes().splitlines(keepends=True)
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [COMMAND, "import", "-", "--db", "sqlite:///new.db"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=shell.folder,
        env={**shell._environment(), "TERM": "xterm-256color"},
    )
    os.close(theirs)
    assert child.stdin is not None
    for line in found[:-1]:
        child.stdin.write(line)
        child.stdin.flush()
        sleep(0.2)
    out, _ = child.communicate(found[-1])
    shown = read_all(ours)
    assert (child.returncode, out) == (0, b""), shown
    assert "importing" in shown
    assert "bot: revision 4, with 4 of its history, imported into" in shown
    quick = shell.run("import", "all.jsonl", "--db", "sqlite:///quick.db")
    assert "importing" not in quick.stderr


def read_all(terminal: int) -> str:
    seen = b""
    try:
        while piece := os.read(terminal, 65536):
            seen += piece
    except OSError:  # how Linux says that nobody holds the other end any more
        pass
    os.close(terminal)
    return seen.decode()
