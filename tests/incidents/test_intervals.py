"""Intervals of shown status as the record's rows tell them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from incidents import intervals
from incidents.models import Component, StatusChange
from incidents.uptime import Interval
from tests.factories import NOON, ComponentFactory

pytestmark = [pytest.mark.django_db, pytest.mark.database]
OK, DOWN, LATE = "operational", "major_outage", "delayed"


def minutes(number: float) -> Any:
    return NOON + timedelta(minutes=number)


@pytest.fixture
def component() -> Component:
    made = ComponentFactory()
    Component.objects.filter(pk=made.pk).update(created_at=minutes(-600))
    made.refresh_from_db()
    return made


def change(component: Component, seq: int, new: str, at: float, since: float | None = None, source: str = "probes") -> None:
    last = component.status_changes.order_by("-record_seq").first()
    StatusChange.objects.create(
        component=component,
        record_seq=seq,
        old_status=last.new_status if last else OK,
        new_status=new,
        source=source,
        at=minutes(at),
        since=minutes(at if since is None else since),
    )


def shown(component: Component, start: float, end: float) -> list[Interval]:
    return intervals.shown(components=[component], start=minutes(start), end=minutes(end))[component.pk]


def test_without_a_change_it_showed_what_it_shows_since_it_exists(component: Component) -> None:
    assert shown(component, -60, 60) == [Interval(OK, minutes(-600), minutes(60))]
    assert shown(component, -900, -700) == []


def test_trouble_counts_from_when_it_began_not_from_when_it_was_confirmed(component: Component) -> None:
    change(component, 1, DOWN, at=10, since=7)
    change(component, 2, OK, at=20, since=19)
    assert shown(component, 0, 60) == [
        Interval(OK, minutes(-600), minutes(7)),
        Interval(DOWN, minutes(7), minutes(19)),
        Interval(OK, minutes(19), minutes(60)),
    ]


def test_what_was_shown_for_a_time_is_not_taken_back(component: Component) -> None:
    """An update may date a worse state to the incident's start; the milder one had been shown until then."""
    change(component, 1, LATE, at=10, since=5)
    change(component, 2, DOWN, at=30, since=5, source="incident")
    assert shown(component, 0, 60)[1:] == [Interval(LATE, minutes(5), minutes(10)), Interval(DOWN, minutes(10), minutes(60))]


def test_the_change_in_force_when_the_period_began_counts(component: Component) -> None:
    change(component, 1, DOWN, at=-500)
    change(component, 2, LATE, at=-300)
    assert shown(component, 0, 60) == [Interval(LATE, minutes(-300), minutes(60))]


def test_trouble_recorded_after_the_period_counts_where_it_began_inside(component: Component) -> None:
    change(component, 1, DOWN, at=61, since=58)
    change(component, 2, OK, at=90)
    assert shown(component, 0, 60) == [Interval(OK, minutes(-600), minutes(58)), Interval(DOWN, minutes(58), minutes(60))]


def test_a_past_period_does_not_show_todays_state(component: Component) -> None:
    change(component, 1, DOWN, at=500)
    Component.objects.filter(pk=component.pk).update(status=DOWN)
    component.refresh_from_db()
    assert [piece.status for piece in shown(component, 0, 60)] == [OK]


def test_what_a_maintenance_window_showed_is_planned(component: Component) -> None:
    change(component, 1, "partial_outage", at=10, source="maintenance")
    assert [piece.is_planned for piece in shown(component, 0, 60)] == [False, True]


def test_history_begins_on_the_day_that_is_named(component: Component) -> None:
    change(component, 1, DOWN, at=-1500, since=-1500)
    change(component, 2, OK, at=-300)
    Component.objects.filter(pk=component.pk).update(start_date=date(2026, 11, 24), showcase=True)
    component.refresh_from_db()
    midnight = minutes(-12 * 60)  # of Nairobi
    assert shown(component, -3000, 0) == [Interval(DOWN, midnight, minutes(-300)), Interval(OK, minutes(-300), minutes(0))]


def test_four_queries_whatever_the_number_of_components_and_changes(django_assert_num_queries: Any) -> None:
    components = [ComponentFactory() for _ in range(20)]
    for number, component in enumerate(components * 5):
        change(component, number + 1, [DOWN, OK][number % 2], at=number)
    with django_assert_num_queries(4):
        found = intervals.shown(components=components, start=minutes(30), end=minutes(90))
    assert set(found) == {component.pk for component in components}
