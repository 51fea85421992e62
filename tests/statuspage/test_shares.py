"""The share of payments an incident hits: of the core's own counts where it pushes them, else of our test payments."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from incidents import timeline
from incidents.models import Incident
from probes.models import Probe, PushedCounts, Result
from statuspage import page, shares
from statuspage.admin.forms import Start, UpdateForm
from tests.factories import NOON, ComponentFactory, ProbeFactory, VantageFactory
from tests.statuspage import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def probe() -> Probe:
    return ProbeFactory(component=ComponentFactory(code="paybill"), kind="payment_flow")


@pytest.fixture
def incident(probe: Probe) -> Incident:
    timeline.observe(component=probe.component, status="partial_outage", since=NOON, now=NOON)
    return Incident.objects.get()


def runs(probe: Probe, status: str, count: int, minute: float = 1, **fields: Any) -> None:
    for _ in range(count):
        number = Result.objects.count()
        when = NOON + timedelta(minutes=minute)
        Result.objects.create(
            probe=probe,
            vantage=VantageFactory(),
            slot=number,
            status=status,
            started_at=when,
            received_at=when,
            **{"attempt": 0, **fields},
        )


def counts(core: Probe, *, minute: float = 1, late: bool = False, **numbers: int) -> None:
    when = NOON + timedelta(minutes=minute)
    given = {"attempts": 0, "success": 0, "business": 0, "technical": 0, **numbers}
    PushedCounts.objects.create(probe=core, slot=int(when.timestamp()), at=when, late=late, **given)


def test_what_failed_or_came_late_is_a_share_of_what_ran(probe: Probe, incident: Incident) -> None:
    for status, count in (("ok", 12), ("degraded", 3), ("down", 4), ("delayed", 6)):
        runs(probe, status, count)
    found = shares.measure(incident=incident, now=NOON + timedelta(minutes=5))
    assert (found.source, found.hit, found.payments, found.thousandths) == ("probes", 10, 25, 400)


def test_only_scheduled_payments_with_a_vote_while_it_lasted_count(probe: Probe, incident: Incident) -> None:
    runs(probe, "ok", 20)
    runs(probe, "down", 5, attempt=1)
    runs(probe, "skipped", 5)
    runs(probe, "down", 5, minute=-1)
    runs(probe, "down", 5, minute=9)
    runs(ProbeFactory(kind="payment_flow"), "down", 5)
    runs(ProbeFactory(component=probe.component, kind="http"), "down", 5)
    Incident.objects.update(mitigated_at=NOON + timedelta(minutes=8))
    found = shares.measure(incident=Incident.objects.get(), now=NOON + timedelta(minutes=10))
    assert (found.hit, found.payments, found.thousandths) == (0, 20, 0)


def test_few_runs_are_no_share(probe: Probe, incident: Incident) -> None:
    runs(probe, "down", 3)
    found = shares.measure(incident=incident, now=NOON + timedelta(minutes=5))
    assert (found.thousandths, found.words) == (None, "")


COUNTED = [
    # what the core pushed: (attempts, success, business, technical, late), then what was hit, of how many
    pytest.param([(1000, 880, 100, 20, False)], (20, 1000), id="a business decline is no hit, and was decided"),
    pytest.param([(1000, 850, 50, 50, False)], (50, 950), id="what is still under way is left out"),
    pytest.param([(1000, 500, 0, 0, True)], (500, 1000), id="what is under way where payments come late is hit"),
    pytest.param([(400, 0, 0, 0, True)], (400, 400), id="not one was decided"),
    pytest.param([(100, 100, 0, 0, False), (300, 200, 0, 100, False)], (100, 400), id="intervals are added up"),
]


@pytest.mark.parametrize(("pushed", "found"), COUNTED)
def test_counts_of_the_core_make_the_share_and_not_our_test_payments(
    probe: Probe, incident: Incident, pushed: list[tuple[int, int, int, int, bool]], found: tuple[int, int]
) -> None:
    runs(probe, "down", 30)
    core = ProbeFactory(component=probe.component, kind="metric")
    for minute, (attempts, success, business, technical, late) in enumerate(pushed):
        counts(core, minute=minute, attempts=attempts, success=success, business=business, technical=technical, late=late)
    counts(core, minute=-1, attempts=500, technical=500)
    counts(ProbeFactory(kind="metric"), attempts=500, technical=500)
    measured = shares.measure(incident=incident, now=NOON + timedelta(minutes=5))
    assert (measured.source, measured.hit, measured.payments) == ("counted", *found)


SAID = [
    ("counted", "About 12 % of payments, counted by our systems", "Takriban 12 % ya malipo, yaliyohesabiwa na mifumo yetu"),
    ("probes", "About 12 % of our test payments", "Takriban 12 % ya malipo yetu ya majaribio"),
    ("", "About 12 % of payments", "Takriban 12 % ya malipo"),
]


@pytest.mark.parametrize(("source", "english", "swahili"), SAID)
def test_readers_are_told_which_payments_were_counted(source: str, english: str, swahili: str) -> None:
    part = rows.component()
    first = rows.publish(affected={part: "partial_outage"}, share_affected=30, share_source="probes")
    at = NOON + timedelta(minutes=1)
    rows.publish(incident=first.incident, at=at, affected={part: "partial_outage"}, share_affected=124, share_source=source)
    shown = page.build_now(NOON + timedelta(minutes=2)).open_incidents[0]
    assert [item.text for item in shown.beside if item.field == "share"] == [{"en": english, "sw": swahili}]


def typed(incident: Incident, **given: Any) -> dict[str, Any]:
    """What the desk's form makes of it: how many thousandths, by which source."""
    form = UpdateForm({"who": "unknown", "status": "investigating", **given}, incident=incident, start=taken())  # type: ignore[arg-type]
    form.full_clean()
    more = form._more()
    return {key: more[key] for key in ("share_affected", "share_source")}


def taken() -> Start:
    return Start(more={"share_affected": 50.0, "share_source": "counted"})


def test_the_desk_names_a_source_only_for_what_was_measured(probe: Probe, incident: Incident) -> None:
    core = ProbeFactory(component=probe.component, kind="metric")
    counts(core, minute=0, attempts=1000, success=870, technical=130)
    assert typed(incident, take_share="on") == {"share_affected": 130, "share_source": "counted"}
    assert typed(incident, share_affected="50") == {"share_affected": 500, "share_source": "counted"}  # as it was taken earlier
    assert typed(incident, share_affected="51") == {"share_affected": 510, "share_source": ""}
    assert typed(incident) == {"share_affected": None, "share_source": ""}
