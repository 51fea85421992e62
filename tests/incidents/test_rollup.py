"""What a component shows, an incident's impact, the page's indicator: tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.rollup import IMPACT_ORDER, Stated, blend, impact, is_worse, shown, worst
from incidents.words import ComponentStatus

OK, DOWN, PARTIAL, LATE, SLOW, BLIND, WORK = (
    "operational",
    "major_outage",
    "partial_outage",
    "delayed",
    "degraded_performance",
    "unknown",
    "under_maintenance",
)


@pytest.mark.parametrize(
    ("said", "observed", "stated", "expected"),
    [
        ([], "", OK, (OK, "stated")),
        ([], "", PARTIAL, (PARTIAL, "stated")),
        ([], OK, PARTIAL, (OK, "probes")),
        ([], DOWN, OK, (DOWN, "probes")),
        ([], BLIND, OK, (BLIND, "silence")),
        ([Stated(LATE)], OK, OK, (LATE, "incident")),
        ([Stated(LATE)], DOWN, OK, (DOWN, "probes")),
        ([Stated(LATE), Stated(PARTIAL)], OK, OK, (PARTIAL, "incident")),
        ([Stated(OK)], BLIND, OK, (BLIND, "silence")),
        ([Stated(DOWN)], BLIND, OK, (DOWN, "incident")),
        ([Stated(OK, overruled=DOWN)], DOWN, OK, (OK, "incident")),
        ([Stated(OK, overruled=DOWN)], PARTIAL, OK, (OK, "incident")),
        ([Stated(OK, overruled=LATE)], DOWN, OK, (DOWN, "probes")),
    ],
)
def test_a_component_shows_the_incident_raised_to_what_probes_confirm(
    said: list[Stated], observed: str, stated: str, expected: tuple[str, str]
) -> None:
    assert shown(stated_by_incidents=said, observed=observed, stated=stated) == expected


@pytest.mark.parametrize(
    ("observed", "override", "expected", "shown_as"),
    [
        (OK, "", PARTIAL, (WORK, "maintenance")),
        ("", "", PARTIAL, (WORK, "maintenance")),
        (BLIND, "", PARTIAL, (WORK, "maintenance")),
        (PARTIAL, "", PARTIAL, (WORK, "maintenance")),
        (DOWN, "", PARTIAL, (DOWN, "probes")),
        (DOWN, "", DOWN, (WORK, "maintenance")),
        (LATE, "", WORK, (LATE, "probes")),
        (OK, "", WORK, (WORK, "maintenance")),
        (OK, "", OK, (OK, "probes")),  # work that nobody should notice
        (LATE, "", OK, (LATE, "probes")),
        (OK, LATE, PARTIAL, (WORK, "maintenance")),
        (OK, DOWN, PARTIAL, (DOWN, "override")),
    ],
)
def test_planned_work_stands_over_what_it_expects(observed: str, override: str, expected: str, shown_as: tuple[str, str]) -> None:
    assert shown(stated_by_incidents=[], observed=observed, stated=OK, override=override, expected=expected) == shown_as


statuses = st.sampled_from(ComponentStatus.values)
watched = st.sampled_from(["", *ComponentStatus.values])
words = st.lists(st.builds(Stated, statuses, overruled=watched), max_size=3)


@given(said=words, observed=watched, stated=statuses, override=watched, expected=watched)
def test_no_window_ever_hides_what_is_worse_than_it_expects(
    said: list[Stated], observed: str, stated: str, override: str, expected: str
) -> None:
    without, _ = shown(stated_by_incidents=said, observed=observed, stated=stated, override=override)
    within, source = shown(stated_by_incidents=said, observed=observed, stated=stated, override=override, expected=expected)
    if within != without:
        assert (within, source) == (WORK, "maintenance")
        assert not said
        assert not is_worse(without, expected)
    if observed and is_worse(observed, expected or OK) and not override and not said:
        assert within == observed


@given(first=st.lists(statuses, max_size=6), later=st.lists(st.lists(statuses, max_size=6), max_size=6))
def test_impact_never_falls_whatever_is_stated(first: list[str], later: list[list[str]]) -> None:
    marks = [impact(first)]
    for states in later:
        marks.append(impact(states, before=marks[-1]))
    ranks = [IMPACT_ORDER.index(mark) for mark in marks]
    assert ranks == sorted(ranks)
    assert marks[-1] == max((impact(states) for states in [first, *later]), key=IMPACT_ORDER.index)


@pytest.mark.parametrize(
    ("statuses", "indicator"),
    [
        ([], "none"),
        ([OK, OK], "none"),
        ([DOWN], "critical"),
        ([DOWN, OK], "major"),
        ([PARTIAL, PARTIAL], "major"),
        ([PARTIAL, OK], "minor"),
        ([SLOW, SLOW], "minor"),
        ([LATE, OK], "minor"),
        ([BLIND, OK], "minor"),
        (["under_maintenance", OK], "maintenance"),
    ],
)
def test_the_indicator_follows_statuspages_table(statuses: list[str], indicator: str) -> None:
    assert blend(statuses)[0] == indicator


def test_impact_does_not_fall_on_recovery() -> None:
    assert impact([DOWN]) == "critical"
    assert impact([OK], before="critical") == "critical"


def test_unknown_never_raises_impact() -> None:
    assert impact([BLIND]) == "none"


def test_the_worst_of_nothing_is_operational() -> None:
    assert worst([]) == OK
