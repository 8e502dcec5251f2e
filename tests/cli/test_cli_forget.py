"""``stratvars prune NAME --variable VARIABLE``: what it shows, asks and says, in this process and on a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from commandline import Shell
from prefork import COMMAND

from either import sql
from stratvars import Backup
from stratvars.cli import _stratvars
from stratvars.cli.errors import exit_code_of
from terminal import answered

CANARY = "sk-canary-4711"
Call = Callable[..., tuple[int, str, list[str]]]
WRONG = [
    (["--variable", "api_key", "--yes"], "name one strategy to erase from: stratvars prune btc-live"),
    (["btc-live", "bot", "--variable", "api_key", "--yes"], "name one strategy to erase from"),
    (["--all", "--variable", "api_key", "--yes"], "name one strategy to erase from"),
    (["btc-live", "--variable", "api_key", "--keep", "30d"], "run one after the other"),
    (["btc-live", "--variable", "api_key"], "add --yes to prune, or --dry-run"),
    (["btc-live", "--variable", "apikey", "--yes"], "no variable apikey; did you mean api_key? It has: cash, api_key"),
    (["btc-live", "--variable", "", "--yes"], "no variable"),
    (["btclive", "--variable", "api_key", "--yes"], "btc-live"),
]


@pytest.fixture
def call(any_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run the command here: its exit code, its stdout and the lines of its stderr."""
    with Backup("btc-live", any_url) as backup:
        backup.vars.update(cash=1, api_key=CANARY, config={"key": CANARY})
        backup.save()
        backup.vars.cash = 2
    monkeypatch.setenv("DB_CONNECTION_STR", any_url)
    capsys.readouterr()

    def run(*arguments: str) -> tuple[int, str, list[str]]:
        words = ["prune", *arguments]
        code = exit_code_of(lambda: _stratvars.main(words, prog_name="stratvars", standalone_mode=False))
        said = capsys.readouterr()
        assert CANARY not in said.out + said.err
        return code, said.out, said.err.splitlines()

    return run


def test_it_shows_where_the_variable_stands_erases_it_and_says_what_is_out_of_its_reach(
    call: Call, any_url: str
) -> None:
    code, shown, said = call("btc-live", "--variable", "api_key", "--dry-run")
    assert code == 0
    assert shown == "variable\trevisions\tedits\tcurrent\napi_key\t2\t0\tyes\n"
    assert said[1:] == [
        "the same text also stands, or stood, in config: to erase that too, add --variable config",
        "nothing is erased",
    ]
    wanted = ("btc-live", "--variable", "api_key", "--variable", "config", "--yes")
    code, shown, said = call(*wanted, "--json")
    assert code == 0
    assert [json.loads(line) for line in shown.splitlines()] == [
        {"strategy": "btc-live", "variable": name, "revisions": 2, "edits": 0, "now": True}
        for name in ("api_key", "config")
    ]
    assert said[1] == "btc-live: api_key and config are erased; revision 3 says who did it"
    if any_url.startswith("sqlite"):
        assert said[2:] == ["exports, copies and backups of the file still have what they had"]
    else:
        assert [line for line in said if "VACUUM FULL" in line and "so to be sure, run" in line] == said[2:3]
        assert "standbys, backups and exports still have" in said[3]
    assert sql(any_url, "SELECT variables FROM vars_backup") == [('{"cash":2}',)]
    code, shown, said = call(*wanted)
    assert (code, shown.splitlines()[1:]) == (0, ["api_key\t0\t0\tno", "config\t0\t0\tno"])
    assert "revision 3 says" in said[1], "a second time nothing is added"


def test_wrong_input_is_answered_with_2_and_a_remedy(call: Call, any_url: str) -> None:
    for arguments, told in WRONG:
        code, shown, said = call(*arguments)
        assert (code, shown, len(said)) == (2, "", 1), said
        assert told in said[0]
    [(text,)] = sql(any_url, "SELECT variables FROM vars_backup")
    assert CANARY in text


def test_a_strategy_that_runs_is_refused_with_4_and_can_be_looked_at(call: Call, any_url: str) -> None:
    with Backup("btc-live", any_url):
        code, shown, said = call("btc-live", "--variable", "api_key", "--yes")
        assert (code, "is running" in said[-1], "Stop it first" in said[-1]) == (4, True, True)
        code, shown, said = call("btc-live", "--variable", "api_key", "--dry-run")
        assert (code, "api_key\t2" in shown, "is running" in said[-2]) == (0, True, True)


def test_on_a_terminal_it_asks_and_no_means_no_and_yes_is_yes_where_nobody_reads(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    with Backup("bot", f"sqlite:///{tmp_path}/stratvars.db") as backup:
        backup.vars.api_key = CANARY
    code, shown = answered([COMMAND, "prune", "bot", "--variable", "api_key"], "n\n", tmp_path, shell._environment())
    assert code == 1
    assert "Erase api_key from bot and 1 of its revisions for ever? [y/N]: " in shown
    assert shown.endswith("bot: nothing was erased\n")
    assert CANARY in (tmp_path / "stratvars.db").read_text("latin-1")
    child = shell.start("prune", "bot", "--variable", "api_key", "--yes")
    assert child.stdout is not None
    child.stdout.close()
    said = child.communicate()[1]
    assert (child.returncode, "bot: api_key is erased" in said) == (0, True), "also where nobody reads what was found"
    assert CANARY not in (tmp_path / "stratvars.db").read_text("latin-1")
