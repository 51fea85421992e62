"""Detection as films: outcomes on the left, what is confirmed after each on the right."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from probes.detection import State, Thresholds, Transition, forget, step, well_again

RULE = Thresholds(failure=2, window=3, success=3)
OUTCOMES = {"o": "ok", "l": "delayed", "d": "degraded", "X": "down", "m": "misconfigured", "s": "skipped"}
STATUSES = {"O": "operational", "L": "delayed", "D": "degraded_performance", "M": "major_outage", "-": ""}


def play(film: str, rule: Thresholds = RULE, state: State | None = None) -> tuple[str, list[Transition], State]:
    """Show a film, one outcome each 10 s from second 10 on: what is confirmed after each, the transitions, the last state."""
    names = {status: letter for letter, status in STATUSES.items()}
    state = state or State()
    begin = 10 if state.last_slot is None else state.last_slot + 10
    confirmed, transitions = "", []
    for number, letter in enumerate(film):
        state, transition = step(state, OUTCOMES[letter], begin + 10 * number, rule)
        state = State.from_json(state.as_json())  # as it is kept between two outcomes
        confirmed += names[state.confirmed]
        transitions += [transition] if transition else []
    return confirmed, transitions, state


@pytest.mark.parametrize(
    ("film", "confirmed"),
    [
        ("o", "O"),  # nobody is green without an outcome, and one is enough where nothing bad was seen
        ("X", "-"),
        ("Xo", "--"),
        ("XoX", "--M"),
        ("Xooo", "---O"),
        ("oX", "OO"),
        ("oXoooX", "OOOOOO"),  # single failures far apart
        ("oXX", "OOM"),
        ("oXoX", "OOOM"),  # 2 of 3, not 2 in a row
        ("oXooX", "OOOOO"),
        ("oXXo", "OOMM"),
        ("oXXoo", "OOMMM"),
        ("oXXooo", "OOMMMO"),
        ("oXXooXooo", "OOMMMMMMO"),  # the row of good ones begins anew
        ("oXXoooX", "OOMMMOO"),  # what was spent does not confirm again
        ("oXXoooXX", "OOMMMOOM"),
        ("odd", "OOD"),
        ("oll", "OOL"),
        ("odX", "OOD"),  # two say degraded or worse, one says down
        ("odXX", "OODM"),
        ("olXd", "OOLD"),
        ("oXXd", "OOMM"),
        ("oXXdd", "OOMMD"),  # milder by the same rule
        ("oXXddooo", "OOMMDDDO"),
        ("oXXll", "OOMML"),
        ("ddddXX", "-DDDDM"),
        ("oXoXoXooo", "OOOMMMMMO"),
    ],
)
def test_the_rule_of_two_in_three_as_films(film: str, confirmed: str) -> None:
    assert play(film)[0] == confirmed


@pytest.mark.parametrize(
    ("rule", "film", "confirmed"),
    [
        (Thresholds(1, 1, 1), "oXoX", "OMOM"),
        (Thresholds(3, 5, 2), "oXXoXoo", "OOOOMMO"),
        (Thresholds(3, 3, 1), "oXXoXXXo", "OOOOOOMO"),
        (Thresholds(2, 3, 1), "oXXoXoXX", "OOMOOOMM"),  # after a recovery the window is new
        (Thresholds(2, 3, 5), "oXXoooooo", "OOMMMMMOO"),  # more good ones asked for than the window holds
    ],
)
def test_other_thresholds_as_films(rule: Thresholds, film: str, confirmed: str) -> None:
    assert play(film, rule)[0] == confirmed


def test_an_outage_is_dated_back_to_its_first_bad_outcome() -> None:
    _, transitions, state = play("ooXX")
    assert transitions == [Transition("", "operational", 10), Transition("operational", "major_outage", 30)]
    assert (state.confirmed, state.since) == ("major_outage", 30)


def test_good_outcomes_between_do_not_hide_the_first_bad_one() -> None:
    assert play("oXoX")[1][-1] == Transition("operational", "major_outage", 20)


def test_a_recovery_is_dated_back_to_its_first_good_outcome() -> None:
    assert play("oXXooo")[1][-1] == Transition("major_outage", "operational", 40)


def test_turning_worse_is_dated_back_to_the_first_outcome_that_bad() -> None:
    assert play("oddXX")[1][-1] == Transition("degraded_performance", "major_outage", 40)


def test_turning_milder_is_dated_back_to_the_first_milder_outcome() -> None:
    assert play("oXXdd")[1][-1] == Transition("major_outage", "degraded_performance", 40)


@pytest.mark.parametrize("letter", "ms")
def test_an_outcome_without_a_vote_changes_nothing(letter: str) -> None:
    for film in ("", "o", "oX", "oXX", "oXXoo"):
        _, _, state = play(film)
        assert step(state, OUTCOMES[letter], 1000, RULE) == (state, None)


def test_outcomes_without_a_vote_do_not_break_a_row() -> None:
    assert play("oXmsX")[0] == "OOOOM"
    assert play("oXXomoso")[0][-1] == "O"


@pytest.mark.parametrize("slot", [40, 30, 10, -5])
def test_a_repeated_or_late_slot_changes_nothing(slot: int) -> None:
    _, _, state = play("oXXo")
    assert state.last_slot == 40
    for outcome in OUTCOMES.values():
        assert step(state, outcome, slot, RULE) == (state, None)


def test_doing_a_whole_batch_twice_is_doing_it_once() -> None:
    _, _, once = play("oXXoXd")
    twice = once
    for number, letter in enumerate("oXXoXd"):
        twice, transition = step(twice, OUTCOMES[letter], 10 + 10 * number, RULE)
        assert transition is None
    assert twice == once


def test_the_state_survives_its_journey_through_json() -> None:
    for film in ("", "o", "oXX", "oXXdd", "oXXoo"):
        _, _, state = play(film)
        assert State.from_json(state.as_json()) == state
    assert State.from_json({}) == State()


def test_a_smaller_window_takes_effect_with_the_next_outcome() -> None:
    _, _, state = play("ooooX", Thresholds(3, 5, 3))
    state, _ = step(state, "ok", 60, Thresholds(1, 2, 3))
    assert len(state.recent) == len(state.slots) == 2


def test_after_a_silence_old_failures_do_not_confirm_with_new_ones() -> None:
    _, _, state = play("oooX")
    state = forget(state)
    assert (state.confirmed, state.since) == ("", None)
    assert play("X", state=state)[0] == "-"


def test_after_a_silence_one_good_outcome_is_enough_where_all_was_well() -> None:
    _, _, state = play("ooo")
    assert play("o", state=forget(state))[0] == "O"


def test_after_a_silence_an_outage_must_still_earn_its_recovery() -> None:
    _, _, state = play("oXX")
    assert play("ooo", state=forget(state))[0] == "--O"


def test_a_slot_from_before_a_silence_is_still_late() -> None:
    _, _, state = play("ooo")
    assert step(forget(state), "down", 30, RULE) == (forget(state), None)


def test_transitions_join_up_and_never_run_backwards_whatever_the_film() -> None:
    chance = random.Random(7)
    for _ in range(300):
        window = chance.randint(1, 6)
        rule = Thresholds(chance.randint(1, window), window, chance.randint(1, 5))
        film = "".join(chance.choice("oooldXms") for _ in range(60))
        _, transitions, state = play(film, rule)
        said = ""
        for transition in transitions:
            assert transition.old == said != transition.new
            said = transition.new
        assert state.confirmed == said
        assert all(earlier.since_slot <= later.since_slot for earlier, later in pairwise(transitions))


def test_a_good_vote_more_of_what_is_well_is_what_a_step_makes_of_it() -> None:
    """Kept rows are stepped without being read whole, where nothing can come of it."""
    chance = random.Random(5)
    quick = 0
    for _ in range(300):
        state, slot = State(), 0
        for _ in range(chance.randrange(1, 120)):
            slot += chance.choice((10,) * 12 + (0, 7, 30))
            after, transition = step(state, chance.choice(["ok"] * 14 + [*OUTCOMES.values()]), slot, RULE, every=10)
            state = after
        slot += chance.choice((10, 10, 10, 0, 20))
        stepped, transition = step(state, "ok", slot, RULE, every=10)
        again = well_again(state.as_json(), slot, RULE, every=10)
        if again is not None:
            quick += 1
            assert (State.from_json(again), transition) == (stepped, None)
    assert quick > 50
    assert well_again({}, 10, RULE, every=10) is None
