"""What a start loads. Seconds depend on the machine; the names of modules do not."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOW = {
    *("asyncio", "click", "concurrent.futures", "dotenv", "importlib.metadata", "inspect", "logging", "msgspec"),
    *("numpy", "pandas", "psycopg", "pytz", "rich", "sqlite3", "subprocess", "zoneinfo"),
}

HEAVY = {"asyncio", "numpy", "pandas", "psycopg", "pytz", "rich", "sqlite3"}


def slow_modules(program: str) -> set[str]:
    """Run a program in a fresh process, and return which of the slow modules it has loaded then."""
    code = f"import sys\nbefore = set(sys.modules)\n{program}\nprint('loaded', *sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    loaded = done.stdout.rpartition("loaded ")[2].split()
    assert "stratvars" in loaded
    return SLOW & set(loaded)


def test_the_package_loads_none_of_them() -> None:
    assert slow_modules("import stratvars") == set()


def test_numbers_and_texts_in_vars_load_none_of_them() -> None:
    program = "from stratvars import Vars\nv = Vars({'n': 1})\nv.price = 2.5\nv.side = 'long'\nv.all(), v.get('n')"
    assert slow_modules(program) == set()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_the_help_of_the_command_loads_click_and_no_database(arguments: list[str]) -> None:
    program = (
        f"sys.argv = ['stratvars', *{arguments}]\n"
        "from stratvars.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code"
    )
    assert slow_modules(program) & (HEAVY | {"click", "msgspec"}) == {"click"}


def test_what_a_backup_stores_decides_what_is_loaded() -> None:
    program = (
        "from stratvars import Backup\n"
        "with Backup('bot', 'memory://') as backup:\n"
        "    backup.vars.update(n=1, prices=[1.5], seen={'a'})\n"
        "    backup.save()"
    )
    assert slow_modules(program) & (HEAVY | {"click"}) == set()
