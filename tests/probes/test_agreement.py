"""Several vantages of a probe, several probes of a component, as films: outcomes, and what they say together."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from probes import detection
from probes.agreement import ProbeWord, Rules, Share, Sight, Verdict, component_status, judge
from probes.detection import State, Thresholds
from probes.film import MEANING

RULE = Thresholds(failure=2, window=3, success=3)
LETTER_OF = {
    "operational": "O",
    "delayed": "L",
    "degraded_performance": "D",
    "partial_outage": "P",
    "major_outage": "M",
    "": "-",
}
NAMES = ("nairobi", "mombasa", "kisumu", "kampala")


class Cinema:
    """Shows films of several vantages side by side, one round each 12 s, the vantages evenly spread within it."""

    every = 12

    def __init__(self, count: int, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.states = [State() for _ in range(count)]
        self.out: set[int] = set()
        self.unsure: set[int] = set()
        self.verdict = Verdict()
        self.round = 0
        self.history: list[Verdict] = []

    def show(self, *films: str) -> str:
        """A letter a round: what is confirmed when the round is over; lower case while somebody suspects trouble."""
        said = ""
        for outcomes in zip(*films, strict=True):
            self.round += 1
            for place, letter in enumerate(outcomes):
                self._vote(place, letter)
            said += self._letter()
        return said

    def _vote(self, place: int, letter: str) -> None:
        slot = self.round * self.every + place * self.every // len(self.states)
        if letter != ".":
            self.states[place], _ = detection.step(self.states[place], MEANING[letter], slot, RULE, every=self.every)
        self.verdict = Verdict.from_json(judge(self.verdict, self.sights(), self.rules).as_json())
        self.history.append(self.verdict)

    def sights(self) -> list[Sight]:
        return [
            Sight(NAMES[place], state.confirmed, state.since, state.film, place in self.out, place in self.unsure)
            for place, state in enumerate(self.states)
        ]

    def _letter(self) -> str:
        letter = LETTER_OF[self.verdict.confirmed]
        return letter.lower() if self.verdict.suspects else letter


def slot(round_: int, place: int = 0, count: int = 3) -> int:
    """The slot of a vantage's vote, rounds counted from 0."""
    return (round_ + 1) * Cinema.every + place * Cinema.every // count


@pytest.mark.parametrize(
    ("films", "said"),
    [
        # One vantage is a quorum of what is there.
        (["oXXXooo"], "OOMMMMO"),
        (["oXoXooo"], "OOOMMMO"),
        (["olll"], "OOLL"),
        (["oddo"], "OODD"),
        # Two of three are enough, and date it back to the first bad vote.
        (["oXXX", "oXXX", "oXXX"], "OOMM"),
        (["oXX", "oXX", "osX"], "OOM"),
        # ... but where the third has looked and seen nothing bad, only four bad votes of five: two links that blip are no outage.
        (["oXXXXX", "oXXXXX", "oooooo"], "OOooMM"),
        (["oXXXooo", "oXXXooo", "ooooooo"], "OOooooO"),
        (["oXXXXX", "oXXXXX", "oomss."], "OOooMM"),
        # One alone is suspected, however long.
        (["oXXXXXXXX", "ooooooooo", "ooooooooo"], "OOooooooo"),
        (["oXXXooo", "ooooooo", "ooooooo"], "OOoooo" + "O"),
        (["oddddd", "oooooo", "oooooo"], "OOoooo"),
        # Of two, both.
        (["oXXXX", "ooooo"], "OOooo"),
        (["oXXXX", "ooXXX"], "OOoMM"),
        # Each window for itself: single failures at all of them are not an outage.
        (["oXooo", "ooXoo", "oooXo"], "OOOOO"),
        # Different severities meet at the milder one.
        (["oXXXXX", "oddddd", "oooooo"], "OOooDD"),
        (["oXXXXX", "olllll", "oooooo"], "OOooLL"),
        # It ends when most vantages have had a row of good votes.
        (["oXXXoooo", "oXXXoooo", "oXXXoooo"], "OOMMMMOO"),
        (["oXXXoooo", "oXXXoooo", "oXXXXXXX"], "OOMMMPoo"),
        (["oXXXoooo", "oXXXXXXX", "oXXXXXXX"], "OOMMMMMM"),
        # Worse at once, milder after a row.
        (["olllXXX", "olllXXX", "olllXXX"], "OOLLLMM"),
        (["oXXXlllll", "oXXXlllll", "oXXXlllll"], "OOMMMMLLL"),
        # Outcomes without a vote change nothing and end nothing.
        (["oXXXmsms", "oXXXmsms", "oXXXmsms"], "OOMMMMMM"),
        (["omsmXmsX", "omsmXmsX", "omsmXmsX"], "OOOOOOOM"),
        (["mmm", "sss", "..."], "---"),
    ],
)
def test_the_vantages_of_a_probe_as_films(films: list[str], said: str) -> None:
    assert Cinema(len(films)).show(*films) == said


def test_an_outage_that_vantages_agree_on_began_with_the_first_bad_vote_of_any_of_them() -> None:
    cinema = Cinema(3)
    cinema.show("ooXX", "ooXX", "ooXX")
    assert (cinema.verdict.confirmed, cinema.verdict.since) == ("major_outage", slot(2))


def test_its_end_is_dated_back_to_the_first_good_vote_of_the_row() -> None:
    cinema = Cinema(3)
    cinema.show("oXXooo", "oXXooo", "oXXooo")
    assert (cinema.verdict.confirmed, cinema.verdict.since) == ("operational", slot(3))


def test_who_is_suspected_and_since_when_is_kept_for_staff() -> None:
    cinema = Cinema(3)
    cinema.show("oooo", "oXXX", "oooo")
    assert (cinema.verdict.confirmed, cinema.verdict.suspects) == ("operational", ("mombasa",))
    assert cinema.verdict.suspected_since == slot(1, 1)
    cinema.show("ooo", "ooo", "ooo")
    last = cinema.history[-1]
    assert not last.suspects
    assert last.suspected_since is None


# --- Shares: an outage for some, lateness --------------------------------------------------------


@pytest.mark.parametrize(
    ("films", "last"),
    [
        (["oooooXoooXoo", "ooooooXooooo", "ooooooXoooXo"], "P"),
        (["oooooXoooXoo", "ooooooXooooo", "oooooooooooX"], "P"),  # four of the last twenty-one are enough
        (["oooooXoooooo", "ooooooXooooo", "oooooooooooX"], "O"),  # three are not
        (["oooooXoXoooo", "ooooooXoXooo", "oooooooooooo"], "O"),  # nor are four that two of three have seen
        (["oooXXXXooooo", "oooooooXoooo", "oooooooooXoo"], "O"),  # a link that blips is one, and chance does the rest
        (["ooooolooolo" + "o", "oooooolooooo", "oooooolooolo"], "L"),
        (["oooooXoooloo", "ooooooXooooo", "oooooodooolo"], "L"),  # bad in different ways: the mildest is what they share
        (["ooXooXooXooXooX", "ooooooooooooooo", "ooooooooooooooo"], "O"),  # one vantage alone, spread out
    ],
)
def test_a_large_share_of_bad_votes_is_trouble_though_no_vantage_says_so_alone(films: list[str], last: str) -> None:
    assert Cinema(3).show(*films)[-1] == last


def test_a_slow_drip_is_seen_over_five_minutes() -> None:
    drip = "ooooooooo" + "oolooooo" * 8  # one in eight at each of three
    cinema = Cinema(3)
    said = cinema.show(drip, drip[3:] + "o" * 3, drip[6:] + "o" * 6)
    assert set(said) == {"O", "L"}
    assert cinema.verdict.rule == "slow"


def test_a_share_below_the_target_is_no_trouble() -> None:
    rare = ("o" * 11 + "l") * 10
    assert set(Cinema(3).show(rare, rare[4:] + "o" * 4, rare[8:] + "o" * 8)) == {"O"}


def test_trouble_that_comes_and_goes_ends_after_a_quiet_while() -> None:
    cinema = Cinema(3)
    cinema.show("oooXooXoXo", "ooXooXooXo", "ooooXoXooX")
    assert cinema.verdict.confirmed == "partial_outage"
    assert set(cinema.show("oooo", "oooo", "oooo")) == {"P"}, "three good ones in a row prove nothing here"
    assert cinema.show("ooo", "ooo", "ooo")[-1] == "O"


def test_an_outage_of_some_that_becomes_one_of_all_turns_worse() -> None:
    cinema = Cinema(3)
    cinema.show("oooXooXoXo", "ooXooXooXo", "ooooXoXooX")
    assert cinema.show("XXXXXX", "XXXXXX", "XXXXXX")[-1] == "M"


def test_an_outage_that_vantages_agree_on_but_that_comes_and_goes_is_one_of_some() -> None:
    cinema = Cinema(1)
    assert cinema.show("oXXooXXoXoXXo")[-1] == "P"


# --- Flapping --------------------------------------------------------------------------------------

CYCLE = "XXooo"


def test_what_comes_back_a_third_time_is_held_and_called_intermittent() -> None:
    cinema = Cinema(1)
    first = cinema.show("o" + CYCLE)
    assert first[-1] == "O"
    second = cinema.show(CYCLE)
    assert second[-1] == "P", "held for a minute"
    assert cinema.show("ooo")[-1] == "O"
    cinema.show(CYCLE)
    assert cinema.verdict.is_intermittent
    assert set(cinema.show("o" * 40)) == {"P"}, "one trouble held open, not many"
    assert cinema.show("o" * 12)[-1] == "O"
    assert not cinema.verdict.is_intermittent


def test_flapping_for_an_hour_is_three_beginnings_and_no_more() -> None:
    cinema = Cinema(1)
    cinema.show("o" + CYCLE * 60)
    words = [verdict.confirmed for verdict in cinema.history]
    beginnings = sum(earlier == "operational" != later for earlier, later in pairwise(words))
    assert beginnings <= 3
    assert cinema.verdict.is_intermittent


def test_troubles_an_hour_apart_are_not_flapping() -> None:
    cinema = Cinema(1)
    for _ in range(4):
        cinema.show("o" * 170 + "XXX")
        assert cinema.show("ooo")[-1] == "O"
    assert not cinema.verdict.is_intermittent


# --- Vantages that cannot speak -------------------------------------------------------------------


def test_a_vantage_that_was_put_out_has_no_say() -> None:
    cinema = Cinema(3)
    cinema.out = {1}
    assert cinema.show("oooo", "oXXX", "oooo") == "OOOO", "not even suspected"
    assert cinema.show("XXX", "ooo", "XXX")[-1] == "M", "the two that are left agree"


def test_of_three_vantages_with_one_put_out_one_alone_is_still_only_suspected() -> None:
    cinema = Cinema(3)
    cinema.out = {2}
    assert cinema.show("oXXX", "oooo", "oooo")[-1] == "o"


def test_when_every_vantage_is_out_nothing_is_confirmed() -> None:
    cinema = Cinema(2)
    cinema.show("ooo", "ooo")
    cinema.out = {0, 1}
    assert cinema.show("XXX", "XXX") == "---"


def test_a_silent_vantage_neither_agrees_nor_disagrees() -> None:
    cinema = Cinema(3)
    cinema.show("ooo", "ooo", "ooo")
    cinema.states[1] = cinema.states[2] = State()
    assert cinema.show("XX", "..", "..")[-1] == "M", "a quorum of what is there"


def test_a_lone_vantage_unsure_of_its_own_link_only_suspects() -> None:
    cinema = Cinema(1)
    cinema.show("ooo")
    cinema.unsure = {0}
    assert cinema.show("XXXX")[-1] == "o"
    cinema.unsure = set()
    assert cinema.show("X") == "M"


def test_two_vantages_need_no_other_proof_of_their_links() -> None:
    cinema = Cinema(3)
    cinema.unsure = {0, 1, 2}
    assert cinema.show("oXX", "oXX", "oXX")[-1] == "M"


# --- What holds for every film --------------------------------------------------------------------


def test_looking_again_without_news_changes_nothing_whatever_the_film() -> None:
    chance = random.Random(3)
    for _ in range(25):
        cinema = Cinema(chance.randint(1, 4))
        bad = chance.choice((0.02, 0.2, 0.6))
        for _ in range(60):
            letters = [chance.choice("lXXd") if chance.random() < bad else chance.choice("ooooms") for _ in cinema.states]
            cinema.show(*letters)
            again = judge(cinema.verdict, cinema.sights(), cinema.rules)
            assert replace(again, rule=cinema.verdict.rule) == cinema.verdict


def test_time_never_runs_backwards_and_nobody_is_fine_without_a_good_vote_whatever_the_film() -> None:
    chance = random.Random(5)
    for _ in range(25):
        cinema = Cinema(chance.randint(1, 4))
        for _ in range(80):
            cinema.show(*(chance.choice("ooooolXd") for _ in cinema.states))
        last = Verdict()
        for verdict in cinema.history:
            if verdict.confirmed != last.confirmed:
                assert (verdict.since or 0) >= (last.since or 0)
            last = verdict


def test_a_verdict_survives_its_journey_through_json() -> None:
    verdict = Verdict("partial_outage", 5, "held", ("a",), 4, 3, (1, 2), 9, True)
    assert Verdict.from_json(verdict.as_json()) == verdict
    assert Verdict.from_json({}) == Verdict()


def test_rules_are_settings_not_constants() -> None:
    sharp = replace(Rules(), quorum=1, contested=Share(2, 3))
    cinema = Cinema(3, sharp)
    assert cinema.show("oXX", "ooo", "ooo")[-1] == "M"


# --- A component from its probes ------------------------------------------------------------------


def words(letters: str, *weights: int) -> list[ProbeWord]:
    """A probe a letter; "?" is silent. Since: 100, 101, ... in reading order."""
    statuses = {letter: status for status, letter in LETTER_OF.items()} | {"?": "", "u": "unknown"}
    weights = weights or (100,) * len(letters)
    return [
        ProbeWord(statuses[letter], None if letter in "?u" else 100 + place, weight)
        for place, (letter, weight) in enumerate(zip(letters, weights, strict=True))
    ]


@pytest.mark.parametrize(
    ("probes", "status", "since"),
    [
        ("", "unknown", None),
        ("?", "unknown", None),
        ("u", "unknown", None),
        ("??", "unknown", None),
        ("O", "operational", 100),
        ("OO", "operational", 101),  # operational again since the last of them is
        ("O?", "unknown", None),  # green needs every probe's word
        ("M", "major_outage", 100),
        ("MM", "major_outage", 100),
        ("MO", "partial_outage", 100),
        ("OM", "partial_outage", 101),
        ("MD", "partial_outage", 100),
        ("P", "partial_outage", 100),
        ("M?", "major_outage", 100),  # whoever can speak says so
        ("DO", "degraded_performance", 100),
        ("LD", "degraded_performance", 101),
        ("LO?", "delayed", 100),  # a bad word counts although another is silent
        ("DDD", "degraded_performance", 100),
    ],
)
def test_a_component_is_what_its_probes_add_up_to(probes: str, status: str, since: int | None) -> None:
    assert component_status(words(probes)) == (status, since)


@pytest.mark.parametrize(
    ("probes", "weights", "status"),
    [
        ("MO", (50, 50), "operational"),  # half a voice alone is not heard
        ("MM", (50, 50), "major_outage"),
        ("MMO", (50, 50, 100), "partial_outage"),
        ("MLO", (50, 50, 100), "delayed"),  # what both agree on
        ("M", (50,), "major_outage"),  # the whole of what is there
        ("M?", (50, 50), "major_outage"),
        ("MO", (0, 100), "operational"),  # for staff only
        ("M", (0,), "unknown"),
        ("O?", (100, 0), "operational"),
        ("OM", (30, 100), "partial_outage"),
        ("MMMO", (30, 30, 30, 30), "operational"),
        ("MMMM", (30, 30, 30, 30), "major_outage"),
    ],
)
def test_a_probe_counts_by_its_weight(probes: str, weights: tuple[int, ...], status: str) -> None:
    assert component_status(words(probes, *weights))[0] == status


def test_a_since_of_zero_is_a_time_like_any_other() -> None:
    assert component_status([ProbeWord("major_outage", 0)]) == ("major_outage", 0)
