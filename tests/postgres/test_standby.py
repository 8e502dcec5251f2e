from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from postgres.binaries import Binaries
from postgres.servers import ServerError
from postgres.standby import Pair, Pairs, Standby

EVERYTHING = "SELECT string_agg(word, ',' ORDER BY word) FROM kept"


def words(url: str) -> object:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        row = connection.execute(EVERYTHING.encode()).fetchone()
    return None if row is None else row[0]


def write(url: str, word: str) -> None:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [word])


def test_what_is_written_on_the_primary_can_be_read_on_the_standby(pair: Pair) -> None:
    write(pair.primary_url, "one")
    assert pair.catches_up()
    assert words(pair.standby_url) == "one"


def test_a_write_on_the_standby_is_refused_as_read_only(pair: Pair) -> None:
    write(pair.primary_url, "one")
    assert pair.catches_up()
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as refused:
        write(pair.standby_url, "two")
    assert refused.value.sqlstate == "25006"


def test_a_standby_follows_again_after_either_of_them_was_down(pair: Pair) -> None:
    write(pair.primary_url, "one")
    pair.standby.kill_hard()
    write(pair.primary_url, "two")
    pair.standby.start()
    pair.primary.kill_hard()
    pair.primary.start()
    write(pair.primary_url, "three")
    assert pair.catches_up()
    assert words(pair.standby_url) == "one,three,two"


def test_a_promoted_standby_takes_writes_and_the_next_test_gets_a_new_pair(pair: Pair) -> None:
    write(pair.primary_url, "one")
    assert pair.catches_up()
    pair.primary.kill_hard()
    pair.standby.promote()
    assert pair.standby.is_promoted
    write(pair.standby_url, "two")
    assert words(pair.standby_url) == "one,two"


def test_a_url_of_both_leads_to_whichever_of_them_is_the_primary(pair: Pair) -> None:
    def port(target: str) -> object:
        with closing(psycopg.connect(pair.url, target_session_attrs=target)) as connection:
            return connection.info.port

    assert port("any") == port("standby") == pair.standby.port
    assert port("primary") == pair.primary.port
    pair.primary.stop()
    pair.standby.promote()
    assert port("primary") == pair.standby.port


def test_a_pair_that_was_left_whole_is_lent_again_with_an_empty_database(pairs: Pairs, found: Binaries) -> None:
    with pairs.lend(found) as first:
        write(first.primary_url, "one")
    with pairs.lend(found) as second:
        assert (second.primary, second.standby) == (first.primary, first.standby)
        for url in (second.primary_url, second.standby_url):
            with pytest.raises(psycopg.errors.UndefinedTable):
                words(url)


@pytest.mark.parametrize("harm", ["primary down", "promoted"])
def test_a_pair_that_was_not_left_whole_is_not_lent_again(pairs: Pairs, found: Binaries, harm: str) -> None:
    with pairs.lend(found) as first:
        if harm == "promoted":
            first.standby.promote()
        else:
            first.primary.stop()
    assert not first.primary.is_running
    assert not first.standby.is_running
    assert not first.primary.folder.exists()
    with pairs.lend(found) as second:
        assert second.primary is not first.primary
        write(second.primary_url, "one")


def test_a_standby_that_cannot_be_copied_says_why_and_leaves_nothing(pair: Pair, found: Binaries) -> None:
    pair.primary.stop()
    with pytest.raises(ServerError, match=r"could not be copied(.|\n)*pg_basebackup"):
        Standby(pair.primary, found)
