"""docs/endings.md, made of the table that the suite proves. ``.venv/bin/python tests/endings/page.py`` writes it."""

from __future__ import annotations

from pathlib import Path

from table import BLOCKS, ENDINGS, LOOPS, ROWS, STRATEGIES, TAKEN_OVER, Host, Row, Turns

PAGE = Path(__file__).parents[2] / "docs" / "endings.md"
BEGINNING = """\
# Every ending

How a bot can end, and what that means: which hooks are called, what is saved, and what the next start finds. Every line
is proven in real processes, on SQLite and on PostgreSQL, and this page is made from the table that these tests read
(`tests/endings/table.py`).

Each bot here runs two turns, with a change in each, and ends in the second one; those that go on end after the third. A
*turn* is a trading iteration, or the body of a loop. A block (`with Backup(…)` without `every()`) saves after a turn by
`save()`, the others by themselves.

- *called*: from the beginning of the ending on. The hooks are those of a strategy; a loop has none.
- *saved as*: the reason of each revision in the history, from the first turn on. A star: taken inside of a turn, as it
  stood, and marked as such (`complete` is false), so that `stratvars rewind --to last-iteration` can go back behind it.
- *exit code*: of `stratvars run` for a strategy, of the process for the others; or the signal that ended it.

| how it ends | hosted as | called | saved as | the next start finds | exit code |
|---|---|---|---|---|---|
"""
END = """
A `Strategy` may have `async` hooks; nothing differs. After a signal the running turn has five seconds to finish. The
last save has five seconds in all, however many strategies a process runs, and a hook that hangs or fails prevents none:
what is there is saved before the hook is called, and what it changed after it. With a `Trader` an ending of one
strategy leaves the others running, except for signals, which stop them all; the exit code is the worst one.
"""
GROUPS = {
    "a block": BLOCKS,
    "a loop": LOOPS,
    "`Strategy`": STRATEGIES,
}
SIGNALS = {-1: "SIGHUP", -2: "SIGINT", -9: "SIGKILL"}


def page() -> str:
    return BEGINNING + "".join(line(row) for row in ROWS) + END


def line(row: Row) -> str:
    cells = (
        ENDINGS[row.ending].text,
        hosts(row.hosts),
        called(row.calls),
        f"`{row.saved}`" if row.saved else "nothing",
        found(row.turns),
        SIGNALS.get(row.code, str(row.code)),
    )
    return f"| {' | '.join(cells)} |\n"


def called(calls: str) -> str:
    copy = "copy: 1 turn"
    if calls.startswith(copy):
        return f"in the child one turn; then {called(calls.replace(copy, 'turn'))}"
    shown = ["a turn" if call == "turn" else f"`{call}`" for call in calls.split() if call != "ForkedError"]
    return ", ".join(shown) or "nothing"


def hosts(hosts: tuple[Host, ...]) -> str:
    """The names of the hosts, with one for each group that is complete."""
    left, names = list(hosts), []
    for name, group in GROUPS.items():
        if all(host in left for host in group):
            names.append(name)
            left = [host for host in left if host not in group]
    return ", ".join([*names, *(host.value for host in left)])


def found(turns: Turns) -> str:
    if turns is None:
        return "what was there before"
    if turns == TAKEN_OVER:
        return "what the new owner saved"
    begun, done = turns
    if begun == 0:
        return "the state before the first turn"
    return f"turn {done}" if begun == done else f"turn {begun} as it stood"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
