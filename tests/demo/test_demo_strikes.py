from __future__ import annotations

import pytest

from stratvars.demo.strikes import choose_strikes


@pytest.mark.parametrize("kills", [0, 1, 12, 3270])
def test_there_are_as_many_strikes_as_asked_for_each_before_the_last_day(kills: int) -> None:
    strikes = choose_strikes(7, kills, 3270)

    assert len(strikes) == kills
    assert all(0 <= strike.day <= strike.last_day < 3270 for strike in strikes)
    assert [strike.day for strike in strikes] == sorted(strike.day for strike in strikes)


def test_a_seed_gives_the_same_strikes_again_and_another_seed_gives_others() -> None:
    assert choose_strikes(7, 12, 3270) == choose_strikes(7, 12, 3270)
    assert choose_strikes(7, 12, 3270) != choose_strikes(8, 12, 3270)


def test_strikes_are_spread_over_all_days_and_fall_at_different_moments() -> None:
    strikes = [strike for seed in range(200) for strike in choose_strikes(seed, 12, 3270)]

    assert min(strike.day for strike in strikes) < 30
    assert max(strike.day for strike in strikes) > 3240
    assert len({strike.moment for strike in strikes}) == len(strikes)
    assert all(0 <= strike.moment < 1 for strike in strikes)


def test_every_third_strike_waits_for_an_order_but_not_past_the_next_strike() -> None:
    strikes = choose_strikes(7, 12, 3270)

    assert [strike.at_order for strike in strikes] == [False, False, True] * 4
    assert all(strike.last_day == strike.day for strike in strikes if not strike.at_order)
    assert [strike.last_day for strike in strikes[2::3]] == [strike.day for strike in strikes[3::3]] + [3269]
