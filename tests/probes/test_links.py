"""Whether a vantage's own link works, from what its probes of unrelated targets see."""

from __future__ import annotations

import pytest

from probes.links import UNSURE_FOR, Link, Run, fails_alone, is_cut, is_unanswered, site_of


@pytest.mark.parametrize(
    ("spec", "site"),
    [
        ({"url": "https://api.pay.example/health"}, "pay.example"),
        ({"base_url": "https://app.pay.example:8443"}, "pay.example"),
        ({"url": "https://api.bank.co.ke/x"}, "bank.co.ke"),
        ({"url": "https://bank.co.ke/x"}, "bank.co.ke"),
        ({"url": "http://192.0.2.7:80/"}, "192.0.2.7"),
        ({"url": "http://[2001:db8::1]/"}, "2001:db8::1"),
        ({"host": "smtp.mail.example"}, "mail.example"),
        ({"host": "mail.example:25"}, "mail.example"),
        ({"server": "ns1.dns.example."}, "dns.example"),
        ({"url": "http://[broken"}, ""),
        ({"topic": "heartbeat"}, ""),
        ({"url": 5}, ""),
    ],
)  # fmt: skip
def test_targets_of_one_site_are_related(spec: dict[str, object], site: str) -> None:
    assert site_of(spec) == site


@pytest.mark.parametrize(
    ("status", "error", "unanswered"),
    [
        ("down", "refused", True),
        ("down", "dns", True),
        ("down", "deadline", True),
        ("down", "status", False),
        ("down", "assertion", False),
        ("ok", "", False),
        ("degraded", "deadline", False),
    ],
)
def test_an_error_that_came_back_is_an_answer(status: str, error: str, unanswered: bool) -> None:
    assert is_unanswered(status, error) is unanswered


def link(film: str) -> Link:
    """Words like "a+ b-": site a answered, b did not; one each second from 100 on."""
    found = Link()
    for second, word in enumerate(film.split()):
        found = found.seen(word[0], 100.0 + second, answered=word[1] == "+")
    return found


@pytest.mark.parametrize(
    ("film", "dark_since"),
    [
        ("", None),
        ("a+ b+", None),
        ("a+ b+ a-", None),  # one site may be gone
        ("a+ b+ a- a- a-", None),
        ("a+ b+ a- b-", 102),
        ("a+ b+ a- b- a-", 102),
        ("a+ a- b- c+", None),  # an answer of anything clears it
        ("a- b- a+ b-", None),
        ("a- b- a+ b- c-", 103),
    ],
)
def test_a_link_is_dark_when_nothing_comes_back_from_two_sites(film: str, dark_since: int | None) -> None:
    assert link(film).dark_since == dark_since


def test_runs_may_be_told_in_any_order() -> None:
    late = Link().seen("a", 100, answered=True).seen("a", 103, answered=False).seen("b", 102, answered=False)
    assert late.dark_since == 102
    assert late.seen("c", 101, answered=True) == late.seen("c", 101, answered=True)
    assert late.seen("c", 104, answered=True).dark_since is None


def test_a_probe_without_a_target_says_nothing_of_the_link() -> None:
    assert Link().seen("", 100, answered=False) == Link()


def test_a_link_survives_its_journey_through_json() -> None:
    assert Link.from_json(link("a+ b- c-").as_json()) == link("a+ b- c-")
    assert Link.from_json({}) == Link()


@pytest.mark.parametrize(
    ("own", "others", "cut"),
    [
        ("a+ b+ a- b-", [], True),  # alone in the world: better unknown than down
        ("a+ b+ a- b-", ["a+ b+ a+ b+"], True),
        ("a+ b+ a- b-", ["a+ b+ a- b-"], False),  # dark for all: the targets are gone
        ("a+ b+ a- b-", ["a+ b+ a- b-", "a+ b+ b+ a+"], True),
        ("a+ b+ a- b+", ["a+ b+"], False),
    ],
)
def test_a_vantage_is_cut_off_when_it_alone_is_dark(own: str, others: list[str], cut: bool) -> None:
    assert is_cut(link(own), {str(number): link(film) for number, film in enumerate(others)}) is cut


def test_a_lone_vantage_waits_a_while_for_an_unrelated_answer() -> None:
    seen = link("a+ b+ a-")  # a fails since 102, b answered at 101
    assert seen.is_unsure("a", 102, 110)
    assert not seen.is_unsure("a", 102, 102 + UNSURE_FOR), "but not for ever"
    assert not seen.seen("b", 103, answered=True).is_unsure("a", 102, 110), "the link works: it is the target"
    assert not link("a+ a-").is_unsure("a", 101, 102), "there is nothing to compare with"


@pytest.mark.parametrize(("bad", "sites", "alone"), [(0, 5, False), (1, 1, False), (2, 2, True), (2, 4, True), (2, 5, False)])
def test_a_vantage_fails_alone_when_it_sees_trouble_at_many_sites(bad: int, sites: int, alone: bool) -> None:
    assert fails_alone(bad, sites) is alone


@pytest.mark.parametrize("film", ["a+ b+ a+ c+", "a+ b- b- a-", "b- a- a+ b+", "a- b- c-", ""])
def test_a_batch_says_what_its_runs_say_one_by_one(film: str) -> None:
    before = link("a+ b- a- c-")
    runs = [Run(word[0], 200.0 + second, word[1] == "+") for second, word in enumerate(film.split())]
    one_by_one = before
    for run in runs:
        one_by_one = one_by_one.seen(run.site, run.started_at, answered=run.answered)
    assert before.seen_all(reversed(runs)) == one_by_one
