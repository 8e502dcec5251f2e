"""Every command through a pipe and on a terminal, on both databases: as it is meant, and as a new user may type it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from commandline import Shell
from prefork import server

from stratvars import Backup
from stratvars.cli import _COMMANDS
from stratvars.revision import Reason


@dataclass(frozen=True)
class Use:
    """A command.

    Attributes:
        words: as it is meant; empty for what takes long, and has tests of its own.
        shown: part of what is seen then.
        wrong: as it may be typed.
        sentence: part of the answer to that.
        again: what makes it work a second time; the same words where that changes nothing.
        code: of the wrong use.
    """

    words: str
    shown: str
    wrong: str
    sentence: str
    again: str = ""
    code: int = 2


USES = {
    "run": Use("run bot.py --max-iterations 1", "n is", "run bto.py", "bto.py"),
    "list": Use("list", "btc-live", "list btc-live", "unexpected extra argument"),
    "show": Use("show btc-live", "cash", "show btc-live csh", "did you mean cash?"),
    "history": Use("history btc-live", "iteration", "history btc-live --since yesterday", "'yesterday'"),
    "diff": Use("diff btc-live 1 2", "cash", "diff btc-live 1 99", "no revision 99"),
    "set": Use("set btc-live cash=7", "cash", "set btc-live cash", "cash", again="set btc-live cash=8"),
    "unset": Use(
        "unset btc-live note", "not set", "unset btc-live csh", "did you mean cash?", again="unset btc-live more"
    ),
    "edits": Use("edits btc-live", "cash", "edits btc-live --cancel 99", "99"),
    "rewind": Use(
        "rewind btc-live --to 2 --yes",
        "cash",
        "rewind btc-live --to 99 --yes",
        "no revision 99",
        "rewind btc-live --to 1 --yes",
    ),
    "watch": Use("", "", "watch btc-lvie", "did you mean"),
    "export": Use(
        "export btc-live one.jsonl", "", "export btc-lvie one.jsonl", "did you mean", "export btc-live two.jsonl"
    ),
    "import": Use("import one.jsonl --dry-run", "", "import three.jsonl", "three.jsonl"),
    "rename": Use("rename eth eth-old", "", "rename btc-lvie btc", "did you mean", "rename eth-old eth"),
    "drop": Use("drop gone --yes", "", "drop gnoe --yes", "did you mean 'gone'?", "drop gone-too --yes"),
    "prune": Use("prune btc-live --dry-run", "btc-live", "prune btc-live --keep soon", "soon"),
    "completion": Use("completion bash", "_stratvars", "completion tcsh", "'tcsh'"),
    "doctor": Use("doctor", "ok", "doctor --role bot", "--ddl"),
    "demo": Use("", "", "demo --kills many", "many"),
}
BOT = """
    from stratvars import Strategy

    class Bot(Strategy):
        sleeptime = 0

        def on_trading_iteration(self):
            self.vars.n = self.vars.get("n", 0) + 1
            print("n is", self.vars.n)
"""


def lived(url: str) -> None:
    for name in ("btc-live", "eth", "gone", "gone-too"):
        with Backup(name, url) as backup:
            for cash in (100, 90, 80):
                backup.vars.update(cash=cash, note="é [bold]", more=[cash])
                backup.keep(Reason.ITERATION, complete=True)


def test_every_command_is_tried() -> None:
    assert USES.keys() == _COMMANDS.keys()


def test_each_does_what_it_says_through_a_pipe_and_on_a_terminal(tmp_path: Path, any_url: str) -> None:
    lived(any_url)
    shell = Shell(tmp_path, {"DB_CONNECTION_STR": any_url})
    shell.write("bot.py", BOT)
    for name, use in USES.items():
        if not use.words:
            continue
        done = shell.run(*use.words.split())
        assert (done.returncode, use.shown in done.stdout) == (0, True), (name, done)
        assert "\x1b" not in done.stdout + done.stderr, name
        shown = shell.on_terminal(*(use.again or use.words).split())
        assert use.shown in shown, (name, shown)


def test_each_answers_what_is_typed_wrong_with_one_sentence_and_the_same_code_everywhere(
    tmp_path: Path, any_url: str
) -> None:
    lived(any_url)
    shell = Shell(tmp_path, {"DB_CONNECTION_STR": any_url})
    for use in USES.values():
        done = shell.run(*use.wrong.split())
        assert (done.returncode, done.stdout) == (use.code, ""), done
        assert use.sentence in done.stderr.splitlines()[-1], done.stderr
        assert done.stderr.splitlines()[-1].startswith("stratvars: "), done.stderr
        done = server().show(use.wrong.split(), tmp_path, shell._environment(), 80)
        assert (done.returncode, done.stdout) == (use.code, ""), use.wrong
