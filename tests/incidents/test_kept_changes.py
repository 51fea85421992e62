"""Changes of status kept between two readings tell what reading all of them anew tells."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from incidents import intervals, kept_changes, record, timeline
from incidents.models import Component
from tests.factories import NOON, ComponentFactory

pytestmark = [pytest.mark.django_db, pytest.mark.database]
STATES = ("operational", "delayed", "partial_outage", "major_outage", "unknown")
START = NOON - timedelta(days=90)


@pytest.fixture
def components() -> list[Component]:
    made = [ComponentFactory() for _ in range(4)]
    Component.objects.update(created_at=START - timedelta(days=30))
    return list(Component.objects.filter(pk__in=[one.pk for one in made]))


def observe(component: Component, status: str, at: datetime) -> None:
    timeline.observe(component=Component.objects.get(pk=component.pk), status=status, since=at - timedelta(minutes=2), now=at)


def check(components: list[Component], *, start: datetime = START, end: datetime) -> None:
    anew = intervals.shown(components=components, start=start, end=end)
    assert intervals.shown(components=components, start=start, end=end, head=record.head()) == anew


@pytest.mark.parametrize("seed", range(8))
def test_kept_or_read_anew_the_page_tells_the_same(components: list[Component], seed: int) -> None:
    rng = random.Random(seed)
    at = START - timedelta(days=2)
    for _ in range(40):
        at += timedelta(hours=rng.randint(1, 90))
        if rng.random() < 0.1:
            at -= timedelta(days=rng.randint(1, 5))  # a clock that was wrong
        observe(rng.choice(components), rng.choice(STATES), at)
        if rng.random() < 0.5:
            check(components, end=at + timedelta(minutes=rng.randint(-300, 300)))
        if rng.random() < 0.1:
            check(components, start=START + timedelta(days=rng.randint(1, 3)), end=at)
    check(components, end=at)


def test_a_change_that_was_taken_back_is_forgotten(components: list[Component]) -> None:
    """A transaction that failed after the page was read in it: the record then goes on otherwise, under the same number."""
    observe(components[0], "delayed", NOON)
    check(components, end=NOON + timedelta(hours=1))
    with transaction.atomic():
        observe(components[1], "major_outage", NOON + timedelta(minutes=1))
        check(components, end=NOON + timedelta(hours=1))
        transaction.set_rollback(True)
    check(components, end=NOON + timedelta(hours=1))
    observe(components[2], "partial_outage", NOON + timedelta(minutes=1))
    check(components, end=NOON + timedelta(hours=1))


def test_what_the_record_added_is_read_and_no_more(components: list[Component], django_assert_num_queries: Any) -> None:
    for component in components:
        observe(component, "delayed", NOON)
    before = kept_changes.since(START, head=record.head())
    head = record.head()
    with django_assert_num_queries(0):
        kept_changes.since(START, head=head)
    observe(components[0], "operational", NOON + timedelta(minutes=5))
    head = record.head()
    with django_assert_num_queries(2):
        after = kept_changes.since(START, head=head)
    assert len(after[components[0].pk]) == 2
    assert after[components[1].pk] is before[components[1].pk]
