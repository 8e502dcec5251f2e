"""What every store does with edits; see the package."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from stratvars.edits import Change, Edit, Fate, Resolution, Signature
from stratvars.erasing import Erasing
from stratvars.history import fold
from stratvars.outcome import Fenced, Renewed, Saved
from stratvars.revision import Claim, Holder, Reason, Renewing
from stratvars.store.base import Records, Store
from stratvars.testing.samples import TABLE, BothSides, acquired, revision_of

_CHANGE = Change({"limit": '"1.50"', "Ünï 'quoted\" 💰": "[1, 2]"}, ("old", "a b"))


def _waiting(store: Store, claim: Claim) -> tuple[Edit, ...]:
    [renewed] = store.renew([Renewing(claim, claim.revision)])
    assert isinstance(renewed, Renewed)
    return renewed.edits


class EditContract(BothSides):
    """See the module."""

    def test_an_edit_is_kept_as_it_was_asked_for_and_counted_once(self, sides: tuple[Store, Records]) -> None:
        store, records = sides
        acquired(store, "bot")
        edit = Edit(_CHANGE, 1, "kim on desk", "lower the limit")
        numbers = [store.ask(TABLE, "bot", edit) for _ in range(2)]
        assert numbers[0] == numbers[1]
        other = store.ask(TABLE, "bot", replace(edit, token="another"))  # noqa: S106  no secret
        assert other is not None
        assert numbers[0] is not None
        assert other > numbers[0]
        newest, asked = records.edits(TABLE, "bot", limit=10)
        assert asked.edit == replace(edit, number=numbers[0])
        assert (asked.fate, asked.taken_by, asked.said, asked.revision) == (Fate.OPEN, 0, "", 0)
        assert 0 <= newest.age <= asked.age < 60
        assert asked.asked_at.utcoffset() is not None
        assert [one.edit.number for one in records.edits(TABLE, "bot", limit=1)] == [other]
        assert records.edits(TABLE, "bot", limit=10, number=numbers[0])[0].edit == asked.edit
        assert records.edits(TABLE, "Bot", limit=10) == []

    def test_nobody_can_be_asked_who_never_started(self, sides: tuple[Store, Records]) -> None:
        store, records = sides
        assert store.ask(TABLE, "ghost", Edit(_CHANGE, 1, "kim")) is None
        assert records.edits(TABLE, "ghost", limit=10) == []

    def test_a_save_and_a_renewal_bring_what_waits_until_it_is_resolved(self, sides: tuple[Store, Records]) -> None:
        store, records = sides
        claim = acquired(store, "bot")
        acquired(store, "Bot")
        assert store.renew([Renewing(claim, 0)]) == [Renewed()]
        first = store.ask(TABLE, "bot", Edit(_CHANGE, 1, "kim"))
        second = store.ask(TABLE, "bot", Edit(Change(unset=("x",)), 1, "jo"))
        assert first is not None
        assert second is not None
        store.ask(TABLE, "Bot", Edit(_CHANGE, 1, "kim"))
        [renewed] = store.renew([Renewing(claim, 0)])
        assert isinstance(renewed, Renewed)
        assert [edit.number for edit in renewed.edits] == [first, second]
        assert renewed.edits[0].change == _CHANGE
        [saved] = store.save([revision_of(claim, {"x": "1"})])
        assert isinstance(saved, Saved)
        assert saved.edits == renewed.edits, "until it is resolved it comes again: the first answer may be lost"
        resolves = (Resolution(first, Fate.APPLIED), Resolution(second, Fate.REFUSED, "x is needed"))
        revision = structs.replace(revision_of(claim, {"x": "2"}, follows=1), resolves=resolves)
        for _ in range(2):
            [saved] = store.save([revision])
            assert isinstance(saved, Saved)
            assert (saved.number, saved.edits) == (2, ())
        told = {one.edit.number: one for one in records.edits(TABLE, "bot", limit=10)}
        assert (told[first].fate, told[first].revision, told[first].taken_by) == ("applied", 2, claim.epoch)
        assert (told[second].fate, told[second].revision, told[second].said) == ("refused", 2, "x is needed")

    def test_a_save_of_several_brings_each_what_is_its_own(self, sides: tuple[Store, Records]) -> None:
        store, _ = sides
        claims = [acquired(store, name) for name in "abc"]
        numbers = [store.ask(TABLE, name, Edit(_CHANGE, 1, "kim")) for name in "ac"]
        outcomes = store.save([revision_of(claim, {"x": "1"}) for claim in claims])
        brought = [[edit.number for edit in one.edits] for one in outcomes if isinstance(one, Saved)]
        assert brought == [[numbers[0]], [], [numbers[1]]]
        renewals = store.renew([Renewing(claim, 1) for claim in claims])
        assert [[e.number for e in one.edits] for one in renewals if isinstance(one, Renewed)] == brought

    def test_what_a_fenced_start_resolves_still_waits(self, sides: tuple[Store, Records]) -> None:
        store, records = sides
        old = acquired(store, "bot")
        number = store.ask(TABLE, "bot", Edit(_CHANGE, 1, "kim"))
        assert number is not None
        new = acquired(store, "bot", start_id="start-2", take_over=Holder(old.epoch, "me"))
        assert new.open_edits == 1
        late = structs.replace(revision_of(old, {"x": "1"}), resolves=(Resolution(number, Fate.APPLIED),))
        assert isinstance(store.save([late])[0], Fenced)
        assert records.edits(TABLE, "bot", limit=1)[0].fate == Fate.OPEN
        [renewed] = store.renew([Renewing(new, 0)])
        assert isinstance(renewed, Renewed)
        assert [edit.number for edit in renewed.edits] == [number]

    def test_an_edit_can_be_cancelled_until_the_start_that_runs_has_it(self, sides: tuple[Store, Records]) -> None:
        store, records = sides
        claim = acquired(store, "bot")
        early, late, never = (store.ask(TABLE, "bot", Edit(_CHANGE, 1, "kim")) for _ in range(3))
        assert early is not None
        assert late is not None
        assert never is not None
        for _ in range(2):
            store.cancel(TABLE, "bot", early)
        store.cancel(TABLE, "Bot", late)
        [renewed] = store.renew([Renewing(claim, 0)])
        assert isinstance(renewed, Renewed)
        assert [edit.number for edit in renewed.edits] == [late, never]
        store.cancel(TABLE, "bot", late)
        fates = {one.edit.number: one.fate for one in records.edits(TABLE, "bot", limit=10)}
        assert fates == {early: Fate.CANCELLED, late: Fate.OPEN, never: Fate.OPEN}
        store.save([revision_of(claim, {"x": "1"})])
        store.release(claim)
        store.cancel(TABLE, "bot", never)
        again = acquired(store, "bot", start_id="start-2")
        assert again.open_edits == 1
        [renewed] = store.renew([Renewing(again, 1)])
        assert isinstance(renewed, Renewed)
        assert [edit.number for edit in renewed.edits] == [late]

    def test_what_is_refused_beforehand_is_kept_and_given_to_nobody(self, sides: tuple[Store, Records]) -> None:
        store, records = sides
        claim = acquired(store, "bot")
        edit = Edit(Change({"": '"{"'}), 0, "another hand", token="once")  # noqa: S106  no secret
        assert store.ask(TABLE, "bot", edit, refused="it is no JSON") == store.ask(TABLE, "bot", edit, refused="again")
        [kept] = records.edits(TABLE, "bot", limit=10)
        assert (kept.fate, kept.said, kept.edit.change.texts) == ("refused", "it is no JSON", {"": '"{"'})
        assert store.renew([Renewing(claim, 0)]) == [Renewed(())]
        assert acquired(store, "bot").open_edits == 0

    def test_a_variable_is_erased_from_every_revision_and_edit(self, sides: tuple[Store, Records]) -> None:
        store, records = sides
        claim = acquired(store, "bot")
        first = revision_of(claim, {"a": "1", "key": '"secret"', "b": "[1, 2]"})
        assert store.save([first]) == [Saved(1)]
        second = structs.replace(first, number=2, follows=1, snapshot=False, changed='{"b":2}', removed='["key"]')
        assert store.save([structs.replace(second, variables='{"a":1,"b":2}')]) == [Saved(2)]
        fenced = revision_of(claim, {"key": '"secret"'}, number=9)
        store.keep_fenced(structs.replace(fenced, reason=Reason.FENCED, complete=False, held_back='{"key": "secret"}'))
        asked = Edit(Change({"key": '"secret"', "a": "2"}, ("b",)), 1, "kim", "secret is the key")
        last = store.ask(TABLE, "bot", asked, refused="secret")
        assert last is not None
        later = store.ask(TABLE, "bot", Edit(Change({"key": '"new"'}), 1, "kim"))
        step: Erasing | None = Erasing(frozenset({"key"}), (1, 100), last)
        while step is not None:
            step = store.erase(TABLE, "bot", step).after
        assert [fold(records.history(TABLE, "bot", number)).state.texts for number in (1, 2)] == [
            {"a": "1", "b": "[1, 2]"},
            {"a": "1", "b": "2"},
        ]
        [kept] = records.revisions(TABLE, "bot", limit=9, reason="fenced")
        assert (kept.number, kept.size, kept.held_back) == (9, 2, {})
        newest, oldest = records.edits(TABLE, "bot", limit=9)
        assert (newest.edit.number, newest.edit.change) == (later, Change({"key": '"new"'})), "it was asked for since"
        assert (oldest.edit.change, oldest.edit.author) == (Change({"a": "2"}, ("b",)), "kim")
        assert "secret" not in oldest.edit.note + oldest.said
        assert store.save([revision_of(claim, {"n": "5"}, follows=2)]) == [Saved(3, edits=(newest.edit,))]
        assert all("secret" not in note for note in store.scrub(TABLE))
        assert store.erase(TABLE, "nobody", Erasing(frozenset({"key"}), (1, 100), 0, since=None)).after is None

    def test_who_asked_is_found_by_the_revision_that_holds_the_edit(self, sides: tuple[Store, Records]) -> None:
        store, records = sides
        claim = acquired(store, "bot")
        first = store.ask(TABLE, "bot", Edit(_CHANGE, 1, "kim on desk", "lower the limit"))
        second = store.ask(TABLE, "bot", Edit(Change(unset=("x",)), 1, "jo"))
        store.ask(TABLE, "bot", Edit(_CHANGE, 1, "later"))
        assert first is not None
        assert second is not None
        resolves = (Resolution(first, Fate.APPLIED), Resolution(second, Fate.REFUSED, "x is needed"))
        assert isinstance(store.save([structs.replace(revision_of(claim, {"x": "1"}), resolves=resolves)])[0], Saved)
        own = Edit(Change({"x": "2"}), 1, "sam", "back to revision 1")
        signed = structs.replace(revision_of(claim, {"x": "2"}, follows=1), signed=own)
        for _ in range(2):
            [saved] = store.save([signed])
            assert isinstance(saved, Saved)
            assert [edit.author for edit in saved.edits] == ["later"], "who signs does not wait"
        assert isinstance(store.save([revision_of(claim, {"x": "3"}, follows=2)])[0], Saved)
        assert [edit.author for edit in _waiting(store, claim)] == ["later"]
        newest = records.edits(TABLE, "bot", limit=1)[0]
        assert (newest.edit.change, newest.fate, newest.revision) == (own.change, Fate.APPLIED, 2)
        found = records.signatures(TABLE, "bot", 0, 9)
        assert found == [
            Signature(1, first, "kim on desk", "lower the limit"),
            Signature(2, newest.edit.number, "sam", "back to revision 1"),
        ]
        assert records.signatures(TABLE, "bot", 2, 9) == found[1:]
        assert records.signatures(TABLE, "bot", 3, 9) == records.signatures(TABLE, "Bot", 0, 9) == []
