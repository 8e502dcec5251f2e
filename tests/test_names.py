from __future__ import annotations

import pytest

from stratvars.errors import UsageError
from stratvars.names import check_strategy_name, check_table_name


@pytest.mark.parametrize("name", ["x", "btc live", "'", '"', "ключ", "%s", "x" * 1_000, "é" * 500, ";--", "a\nb"])
def test_a_strategy_may_have_any_visible_name(name: str) -> None:
    check_strategy_name(name)


@pytest.mark.parametrize("name", ["", " ", "\t\n", "a\0b", "a\ud800", "x" * 1_001, "é" * 501, None, 5])
def test_a_strategy_name_that_no_database_takes_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"the strategy's name.*(give|leave|decode|make|must be)"):
        check_strategy_name(name)


@pytest.mark.parametrize(
    "table", ["vars_backup", "Select", "a-b", '"', "100%", "a.b c", "x" * 55, "writers", "_history_"]
)
def test_a_table_may_have_any_name(table: str) -> None:
    check_table_name(table)


@pytest.mark.parametrize(
    "table", ["", "a\0", "\udc80", "x" * 56, "é" * 28, "T_writers", "t_HISTORY", "_edits", "sqlite_x", "SQLite_y", None]
)
def test_a_table_name_that_would_collide_or_be_cut_is_refused(table: str) -> None:
    with pytest.raises(UsageError, match="the table's name"):
        check_table_name(table)
    with pytest.raises(UsageError, match=r"56 bytes.*at most 55"):
        check_table_name("é" * 28)
