"""An edit comes along with what the strategy sends anyway; counted by a proxy between it and the server."""

from __future__ import annotations

from collections.abc import Callable

from asking import ask, told

from postgres.proxy import Counts, Proxy
from postgres.waiting import eventually
from stratvars import Backup
from stratvars.edits import Fate
from stratvars.revision import Reason


def test_an_edit_costs_no_round_trip_but_that_of_the_revision_that_holds_it(
    pg_url: str, proxy: Proxy, record_property: Callable[[str, object], None]
) -> None:
    with Backup("bot", proxy.url(pg_url), lease=60) as backup:

        def save(number: int) -> Counts:
            before = proxy.counts
            backup.vars.n = number
            backup.keep(Reason.ITERATION, complete=True)
            return proxy.counts - before

        backup.vars.limit = 10
        plain = [save(number) for number in range(20)][-1]
        number = ask(pg_url, "bot", limit=5)
        bringing = save(20)
        before = proxy.counts
        backup.apply_edits()
        assert eventually(lambda: told(pg_url, "bot", number).fate == Fate.APPLIED)
        making = proxy.counts - before
        after = save(21)
        assert backup.vars.limit == 5
    record_property("counted", f"round trips of a save: {plain.round_trips}, bringing an edit: {bringing.round_trips}")
    assert (plain.round_trips, bringing.round_trips, after.round_trips) == (1, 1, 1)
    assert making.round_trips <= 4, "a transaction: begin, save, resolve, commit"
    assert plain.connections == bringing.connections == making.connections == 0


def test_a_heartbeat_brings_an_edit_in_its_one_round_trip(pg_url: str, proxy: Proxy) -> None:
    with Backup("bot", proxy.url(pg_url), lease=2) as backup:
        backup.vars.limit = 10
        backup.save()
        woken: list[Counts] = []
        backup.when_edited(lambda: woken.append(proxy.counts))
        before = proxy.counts
        assert eventually(lambda: proxy.counts.round_trips >= before.round_trips + 2, 5), "it renews"
        number = ask(pg_url, "bot", limit=5)
        before = proxy.counts
        assert eventually(lambda: bool(woken), 5)
        assert (woken[0] - before).round_trips <= 2, "the renewal in which it came, and at most one before it"
        backup.apply_edits()
        assert eventually(lambda: told(pg_url, "bot", number).fate == Fate.APPLIED)
