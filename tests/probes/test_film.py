"""The last outcomes of a probe as a row of letters."""

from __future__ import annotations

import pytest

from probes.film import LENGTH, Film


def shot(*outcomes: tuple[str, int], every: int = 10) -> Film:
    film = Film()
    for outcome, slot in outcomes:
        film = film.add(outcome, slot, every)
    return film


def test_each_outcome_is_a_letter_and_a_missed_slot_is_no_data() -> None:
    film = shot(("ok", 10), ("delayed", 20), ("degraded", 30), ("down", 60), ("misconfigured", 70), ("skipped", 80))
    assert film.letters == "old..Xms"
    assert list(film.votes()) == [(10, 0), (20, 1), (30, 2), (60, 4)]
    assert list(film.votes(since=30)) == [(30, 2), (60, 4)]


def test_a_slot_that_comes_late_or_twice_changes_nothing() -> None:
    film = shot(("ok", 10), ("ok", 20))
    assert film.add("down", 20, 10) == film.add("down", 10, 10) == film


def test_another_interval_begins_a_new_film() -> None:
    assert shot(("ok", 10), ("ok", 20)).add("down", 50, 30).letters == "X"


@pytest.mark.parametrize("gap", [1, LENGTH + 50, 10_000_000])
def test_a_film_never_grows_longer_than_it_may(gap: int) -> None:
    film = shot(*(("ok", 10 * number) for number in range(200))).add("down", 10 * (199 + gap), 10)
    assert len(film.letters) == LENGTH
    assert film.letters[-1] == "X"


@pytest.mark.parametrize(("letters", "clean", "bad", "since"), [
    ("", True, 0, None),
    ("oms.", True, 0, None),
    ("ooX", False, 1, 30),
    ("oXl.mX", False, 3, 20),
    ("oXo", False, 1, None),
])  # fmt: skip
def test_what_is_bad_in_it(letters: str, clean: bool, bad: int, since: int | None) -> None:
    film = Film(letters, 10 * len(letters), 10)
    assert (film.is_clean, film.bad, film.bad_since) == (clean, bad, since)


def test_bad_votes_can_be_taken_back_from_a_slot_on() -> None:
    film = Film("oXoXoX", 60, 10)
    assert film.without_bad(30).letters == "oXosos"
    assert film.without_bad(60) == film
    assert film.without_bad(-500).letters == "osos" + "os"
