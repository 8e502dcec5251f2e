"""``stratvars run bot.py[:Class]``: which file and which class is meant, and what is said when neither is there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from commandline import Shell

from stratvars.cli.target import Target, find_target
from stratvars.errors import UsageError

BOT = """
    from stratvars import Strategy

    class {name}(Strategy):
        sleeptime = 0

        def on_trading_iteration(self):
            print(type(self).__name__, __name__, type(self).__module__)
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "text", "class_name"),
    [
        ("bot.py", "bot.py", None),
        ("bot.py", "bot.py:Bot", "Bot"),
        ("bot.py", "bot.py:no name", "no name"),
        ("bot", "bot:Bot", "Bot"),
        ("a:b.py", "a:b.py", None),
        ("a:b.py", "a:b.py:Bot", "Bot"),
        ("bot.py:Bot", "bot.py:Bot", None),
        (r"C:\bots\bot.py", r"C:\bots\bot.py", None),
        (r"C:\bots\bot.py", r"C:\bots\bot.py:Bot", "Bot"),
        ("bot v2.x.py", "bot v2.x.py:Bot", "Bot"),
    ],
)
def test_a_colon_divides_file_and_class_only_where_the_file_is(
    here: Path, file: str, text: str, class_name: str | None
) -> None:
    (here / file).touch()
    assert find_target(text) == Target(Path(file), class_name)


@pytest.mark.parametrize(
    ("text", "named"),
    [("zzz.py:Bot", "zzz.py"), (r"C:\bots\zzz.py", r"C:\bots\zzz.py"), (r"D:\zzz.py:Bot", r"D:\zzz.py")],
)
def test_a_missing_file_is_named_without_its_class(here: Path, text: str, named: str) -> None:
    with pytest.raises(UsageError, match="there is no file") as caught:
        find_target(text)
    assert f"no file {named} in the current folder, {here}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bto.py", "there is no file bto.py; did you mean bot.py?"),
        ("bot", "there is no file bot; did you mean bot.py?"),
        ("BOT.PY", "there is no file BOT.PY; did you mean bot.py?"),
        ("bots/counters.py", "there is no file bots/counters.py; did you mean bots/counter.py?"),
        ("bots", "bots is a folder; name a file in it: bots/counter.py, bots/other.py"),
        ("empty", "empty is a folder; name the file that holds the strategy"),
        ("nowhere/bot.py", "there is no file nowhere/bot.py: the folder nowhere does not exist"),
        ("zzz.py", "which holds bot.py"),
        ("empty/bot.py", "there is no file bot.py in empty, nor any other Python file"),
        ("bot.py:", "the name of a class is missing after the colon; write bot.py:MyBot, or bot.py alone"),
        ("pipe", "pipe is not a regular file; name the file that holds the strategy"),
        ("x" * 300, "there is no file xxx"),
        ("x" * 300 + ".py:Bot", "there is no file xxx"),
        ("x" * 300 + "/bot.py", "does not exist"),
        ("b\0t.py", "there is no file b\0t.py; did you mean bot.py?"),
    ],
)
def test_what_is_no_file_is_answered_with_what_is_there(here: Path, text: str, said: str) -> None:
    for file in ("bot.py", "bots/counter.py", "bots/other.py", "bots/notes.txt"):
        (here / file).parent.mkdir(exist_ok=True)
        (here / file).touch()
    (here / "empty").mkdir()
    os.mkfifo(here / "pipe")
    with pytest.raises(UsageError) as caught:
        find_target(text)
    assert said in str(caught.value)


def test_a_missing_file_ends_the_command_with_one_sentence(shell: Shell) -> None:
    shell.write("bot.py", BOT.format(name="Bot"))
    assert shell.refused("run", "bto.py") == "there is no file bto.py; did you mean bot.py?"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "bot.py defines no strategy; write a class in it that builds on stratvars.Strategy"),
        ("", "bot.py defines no strategy; write a class in it"),
        ("x = (\n", "bot.py cannot be imported: line 1 is not Python: '(' was never closed"),
        ("if True:\nx = 1\n", "bot.py cannot be imported: line 2 is not Python: expected an indented block"),
        ("\n\nlimit = 1 / 0\n", "bot.py cannot be imported: line 3 raises ZeroDivisionError: division by zero"),
        ("raise ValueError('two\\nlines \\x1b[31m')\n", r"line 1 raises ValueError: two lines \x1b[31m"),
        ("raise KeyError\n", "bot.py cannot be imported: line 1 raises KeyError"),
        ("import helper\n", "bot.py cannot be imported: line 2 of helper.py raises NameError: name 'nothing'"),
        ("import no_such_module\n", "line 1 raises ModuleNotFoundError: No module named 'no_such_module'; install"),
        ("from . import helper\n", "bot.py cannot be imported: line 1 raises ImportError"),
        ("import json\njson.loads('{')\n", "bot.py cannot be imported: line 2 raises JSONDecodeError"),
        ("\nimport sys\nsys.exit(3)\n", "bot.py cannot be imported: line 3 ends the process; put what is not to run"),
        ("class Bot: pass\n", "bot.py defines no strategy"),
        ("x = '\0'", "bot.py cannot be imported:"),
        ("from stratvars import Strategy\n", "bot.py defines no strategy; write a class"),
        ("from base import Base\n", "bot.py defines no strategy that can run; name one that it knows: bot.py:Base"),
        ("from stratvars import Strategy\nclass Bot(Strategy): pass\n", "Bot in bot.py does nothing yet; give it"),
    ],
)
def test_a_file_that_cannot_be_run_is_answered_in_one_sentence(shell: Shell, text: str, said: str) -> None:
    shell.write("base.py", BOT.format(name="Base"))
    shell.write("helper.py", "x = 1\nnothing\n")
    shell.write("bot.py", text)
    assert said in shell.refused("run", "bot.py")


def test_a_file_that_is_not_utf_8_is_answered_in_one_sentence(shell: Shell) -> None:
    (shell.folder / "bot.py").write_bytes(b"name = '\xff\xfe'\n")
    assert "bot.py cannot be imported: " in shell.refused("run", "bot.py")


@pytest.mark.parametrize("start", ["Bot().run(1)", "trader = Trader(); trader.add_strategy(Bot()); trader.run_all()"])
def test_a_file_that_starts_its_strategy_on_import_is_refused_instead_of_run_without_the_options(
    shell: Shell, start: str
) -> None:
    shell.write("bot.py", BOT.format(name="Bot") + f"    from stratvars import Trader\n    {start}\n")
    said = shell.refused("run", "bot.py", "--name", "other")
    assert said == (
        'bot.py starts a strategy itself in line 10; put that line under `if __name__ == "__main__":`, '
        "or start it with: python bot.py"
    )
    assert not (shell.folder / "stratvars.db").exists()


TWO = """
    from base import Base
    from stratvars import Strategy

    class Common(Strategy):
        def on_trading_iteration(self):
            print(type(self).__name__)

    class First(Common):
        pass

    class Second(Common):
        pass

    Alias = First
    number = 1
"""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("two.py", "two.py holds 2 strategies; name one of them: two.py:First, two.py:Second"),
        ("two.py:Frist", "there is no strategy Frist in two.py; did you mean two.py:First?"),
        ("two.py:zzz", "there is no strategy zzz in two.py; did you mean two.py:Base, two.py:Common"),
        ("two.py:number", "number in two.py is not a strategy of its own"),
        ("two.py:Strategy", "Strategy in two.py is not a strategy of its own"),
    ],
)
def test_of_several_strategies_one_must_be_named(shell: Shell, given: str, said: str) -> None:
    shell.write("base.py", BOT.format(name="Base"))
    shell.write("two.py", TWO)
    assert said in shell.refused("run", given)


@pytest.mark.parametrize(
    ("given", "runs"), [("Second", "Second"), ("Common", "Common"), ("Alias", "First"), ("Base", "Base")]
)
def test_a_class_that_is_named_runs_even_if_it_is_a_base_an_alias_or_imported(
    shell: Shell, given: str, runs: str
) -> None:
    shell.write("base.py", BOT.format(name="Base"))
    shell.write("two.py", TWO)
    done = shell.run("run", f"two.py:{given}", "--max-iterations", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == runs


def test_the_only_class_that_nothing_builds_on_is_chosen(shell: Shell) -> None:
    shell.write("base.py", BOT.format(name="Base"))
    shell.write("bot.py", "from base import Base\nclass Common(Base): pass\nclass Bot(Common): pass\nAlias = Bot\n")
    assert shell.run("run", "bot.py", "--max-iterations", "1").stdout.split()[0] == "Bot"


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("bots/counter.py", "counter"),
        ("my bot.py", "my bot"),
        ("bot.v2.py", "bot_v2"),
        ("bot", "bot"),
        ("__main__.py", "__main___"),
        ("queue.py", "queue_"),
        ("click.py", "click_"),
        ("numpy.py", "numpy_"),
        ("stratvars.py", "stratvars_"),
    ],
)
def test_the_module_has_the_name_of_the_file_unless_something_installed_has_it(
    shell: Shell, file: str, module: str
) -> None:
    check = "\n    if __name__ == '__main__':\n        raise SystemExit('guarded')\n"
    shell.write(file, BOT.format(name="Bot") + check)
    done = shell.run("run", file, "--max-iterations", "1")
    assert (done.returncode, done.stdout) == (0, f"Bot {module} {module}\n"), done.stderr


def test_a_bot_with_the_name_of_a_module_of_python_does_not_take_its_place(shell: Shell) -> None:
    importing = BOT.format(name="Bot") + "            import colorsys\n            print(colorsys.rgb_to_hsv)\n"
    shell.write("colorsys.py", importing)
    done = shell.run("run", "colorsys.py", "--max-iterations", "1")
    assert "<function rgb_to_hsv" in done.stdout, done.stderr


def test_the_bot_of_this_folder_is_run_not_one_of_the_same_name_in_the_current_folder(shell: Shell) -> None:
    shell.write("bot.py", "raise SystemExit('the wrong one')\n")
    shell.write("live/bot.py", "import helper\n" + BOT.format(name="Live").replace("\n    ", "\n"))
    shell.write("live/helper.py", "print('helper')\n")
    shell.write("helper.py", "raise SystemExit('the wrong one')\n")
    # `python -m` puts the current folder on the path.
    done = shell.call(sys.executable, "-m", "stratvars", "run", "live/bot.py", "--max-iterations", "1")
    assert (done.returncode, done.stdout) == (0, "helper\nLive bot bot\n"), done.stderr


def test_a_file_that_was_edited_within_a_second_is_never_run_from_a_cached_copy(shell: Shell) -> None:
    file = shell.write("bot.py", BOT.format(name="One"))
    os.utime(file, (1_700_000_000, 1_700_000_000))
    assert shell.run("run", "bot.py", "--max-iterations", "1").stdout.startswith("One")
    shell.write("bot.py", BOT.format(name="Two"))
    os.utime(file, (1_700_000_000, 1_700_000_000))
    assert shell.run("run", "bot.py", "--max-iterations", "1").stdout.startswith("Two")


def test_a_bot_sees_no_arguments_of_the_command(shell: Shell) -> None:
    shell.write("bot.py", "import sys\nprint(sys.argv)\n" + BOT.format(name="Bot").replace("\n    ", "\n"))
    assert shell.run("run", "bot.py", "--max-iterations", "1").stdout.splitlines()[0] == "['bot.py']"
