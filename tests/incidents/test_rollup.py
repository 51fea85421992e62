"""What a component shows, an incident's impact, the page's indicator: tables."""

from __future__ import annotations

import pytest

from incidents.rollup import Stated, blend, impact, shown, worst

OK, DOWN, PARTIAL, LATE, SLOW, BLIND = (
    "operational",
    "major_outage",
    "partial_outage",
    "delayed",
    "degraded_performance",
    "unknown",
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
