"""Uptime and supervisors' figures from the record's rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from incidents import availability
from incidents.languages import in_all
from incidents.models import AffectedComponent, Component, ComponentGroup, Filing, Incident, StatusChange
from incidents.periods import Quarter
from incidents.uptime import printed
from tests.factories import ComponentFactory, IncidentFactory, IncidentUpdateFactory, UserFactory

pytestmark = pytest.mark.django_db
NAIROBI = ZoneInfo("Africa/Nairobi")
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 3)


def eat(day: int, hour: float = 0) -> datetime:
    """A moment of November 2026 on the clock of Nairobi."""
    return (datetime(2026, 11, day, tzinfo=NAIROBI) + timedelta(hours=hour)).astimezone(UTC)


@pytest.fixture(autouse=True)
def nairobi(settings: Any) -> None:
    settings.PAGE_TIME_ZONE = "Africa/Nairobi"


def component(code: str, **fields: Any) -> Component:
    made = ComponentFactory(code=code, **fields)
    Component.objects.filter(pk=made.pk).update(created_at=eat(1))
    return Component.objects.get(pk=made.pk)


def outage(of: Component, start: datetime, end: datetime, status: str = "major_outage", source: str = "probes") -> None:
    for old, new, at in (("operational", status, start), (status, "operational", end)):
        StatusChange.objects.create(
            component=of,
            record_seq=StatusChange.objects.count() + 1,
            old_status=old,
            new_status=new,
            source=source if new != "operational" else "probes",
            at=at,
            since=at,
        )


@pytest.fixture
def paybill() -> Component:
    """Down for an hour across midnight of the 1st, and for a planned hour on the 3rd."""
    made = component("paybill")
    outage(made, eat(1, 23.5), eat(2, 0.5))
    outage(made, eat(3, 2), eat(3, 3), "under_maintenance", "maintenance")
    return made


def test_a_day_runs_from_midnight_to_midnight_where_the_page_lives(paybill: Component) -> None:
    days = availability.by_day(components=[paybill], first=FIRST, last=LAST, now=eat(9))["paybill"]
    assert [(day.day.day, day.tally.down) for day in days] == [
        (1, timedelta(minutes=30)),
        (2, timedelta(minutes=30)),
        (3, timedelta(0)),
    ]
    assert [printed(day.percent) for day in days] == ["97.91", "97.91", "100.00"]
    assert days[2].tally.planned_down == timedelta(hours=1)


def test_a_day_before_a_service_existed_has_no_data(paybill: Component) -> None:
    days = availability.last_days(components=[paybill], now=eat(3, 12), days=5)["paybill"]
    assert [day.percent is None for day in days] == [True, True, False, False, False]


def test_a_history_may_begin_on_a_stated_day(paybill: Component) -> None:
    Component.objects.update(start_date=date(2026, 11, 2))
    days = availability.by_day(components=[Component.objects.get()], first=FIRST, last=LAST, now=eat(9))["paybill"]
    assert [day.percent is None for day in days] == [True, False, False]


def test_any_period_has_one_figure(paybill: Component) -> None:
    found = availability.in_period(components=[paybill], first=FIRST, last=LAST, now=eat(9))["paybill"]
    assert printed(found.percent) == "98.61"  # an hour of 72
    assert found.tally.length == timedelta(days=3)
    assert found.with_planned == Decimal("97.222222")


def test_a_group_is_the_mean_of_its_services_with_data_also_those_of_groups_inside_it(paybill: Component) -> None:
    inner = ComponentGroup.objects.create(code="tills", name=in_all({"en": "Tills", "sw": "Till"}), parent=paybill.group)
    component("till", group=inner)
    component("core", group=inner, internal=True)
    figure = availability.of_group(group=paybill.group, first=FIRST, last=LAST, now=eat(9))
    assert printed(figure.percent) == "99.30"
    days = availability.of_group_by_day(group=paybill.group, first=FIRST, last=LAST, now=eat(9))
    assert [printed(day.percent) for day in days] == ["98.95", "98.95", "100.00"]


def test_many_services_take_as_many_queries_as_one(paybill: Component, django_assert_num_queries: Any) -> None:
    many = [paybill, *(component(f"till-{number}") for number in range(10))]
    with django_assert_num_queries(4):
        availability.by_day(components=[paybill], first=FIRST, last=LAST, now=eat(9))
    with django_assert_num_queries(4):
        availability.by_day(components=many, first=FIRST, last=LAST, now=eat(9))


def test_a_false_alarm_stays_counted_and_is_named_beside_the_figure(paybill: Component) -> None:
    incident = IncidentFactory(started_at=eat(1, 23.5))
    update = IncidentUpdateFactory(incident=incident)
    AffectedComponent.objects.create(update=update, component=paybill, new_status="major_outage")
    Incident.objects.update(publication="published", published_at=eat(2), status="false_alarm", resolved_at=eat(2, 1))
    assert availability.notes(component=paybill, first=FIRST, last=LAST) == [incident]
    assert availability.notes(component=paybill, first=LAST, last=LAST) == []
    assert availability.in_period(components=[paybill], first=FIRST, last=LAST, now=eat(9))["paybill"].tally.down


# --- Supervisors -----------------------------------------------------------------------------------


def test_european_statistics_are_daily_seconds_over_86400(paybill: Component) -> None:
    quarter = availability.eba(components=[paybill], quarter=Quarter(2026, 4), now=eat(4))["paybill"]
    by_day = {day.day: day for day in quarter.days}
    assert (by_day[FIRST].down_seconds, by_day[LAST].planned_seconds) == (1800, 3600)
    assert by_day[date(2026, 10, 31)].uptime is None
    assert quarter.days_without_data == 92 - 3


def test_singapores_budget_is_used_by_what_was_not_planned(paybill: Component) -> None:
    budget = availability.mas(components=[paybill], now=eat(9))["paybill"]
    assert (budget.used, budget.left) == (timedelta(hours=1), timedelta(hours=3))


def test_ghanas_line_is_met_missed_or_not_known(paybill: Component) -> None:
    component("till")
    found = availability.ghana(components=Component.objects.all(), first=FIRST, last=LAST, now=eat(9))
    assert found == {"paybill": False, "till": True}
    before = availability.ghana(components=[paybill], first=date(2026, 10, 1), last=date(2026, 10, 2), now=eat(9))
    assert before == {"paybill": None}


def test_australias_table_has_a_row_a_service(paybill: Component) -> None:
    till = component("till")
    outage(till, eat(2, 0), eat(2, 2))
    [row] = availability.australia(services={"Fast transfers": [paybill, till]}, quarter=Quarter(2026, 4), now=eat(4))
    assert (row.service, row.outages, row.duration) == ("Fast transfers", 1, timedelta(hours=2, minutes=30))


def test_british_incidents_are_counted_by_channel_from_what_was_filed(paybill: Component) -> None:
    Component.objects.update(channels=["app", "ussd"])
    for named in ([], ["api"]):
        incident = IncidentFactory(started_at=eat(1))
        update = IncidentUpdateFactory(
            incident=incident,
            publication="published",
            published_at=eat(1),
            display_at=eat(1),
            record_seq=len(named) + 1,
            channels=named,
        )
        AffectedComponent.objects.create(update=update, component=paybill, new_status="major_outage")
        Filing.objects.create(incident=incident, code="uk-initial", filed_at=eat(1, 4), filed_by=UserFactory())
    table = availability.uk(quarter=Quarter(2026, 4))
    assert (table.quarter.total, table.quarter.mobile, table.quarter.internet, table.quarter.telephone) == (2, 1, 1, 0)
    assert availability.uk(quarter=Quarter(2026, 3)).four_quarters.total == 0
