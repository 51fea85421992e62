"""Whatever happens around planned work, in whatever order: the proof holds, and nothing worse than expected is hidden."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random

import pytest

from incidents import components, planned_work, rollup, timeline
from incidents.models import Component, IncidentUpdate, ScheduledMaintenance
from incidents.rollup import is_worse
from incidents.verification import verify
from incidents.words import ComponentStatus
from statuspage import publishing
from statuspage.publishing import Blocked
from tests.factories import ComponentFactory, UserFactory
from tests.incidents.helpers import all_notices
from tests.incidents.plans import BODY, HOUR, announced, at, publish, tick

pytestmark = pytest.mark.django_db

CONFIRMED = ("operational", "delayed", "degraded_performance", "partial_outage", "major_outage", "unknown")
EXPECTED = ("operational", "under_maintenance", "delayed", "partial_outage", "major_outage")


def observe(random: Random, parts: list[Component], hours: float) -> None:
    status, part = random.choice(CONFIRMED), random.choice(parts)
    timeline.observe(component=part, status=status, since=at(hours), now=at(hours), opens=random.random() < 0.5)


def announce(random: Random, parts: list[Component], hours: float) -> None:
    chosen = random.sample(parts, random.randint(1, len(parts)))
    start = hours + random.choice((0.5, 2, 30))
    announced(
        {part: random.choice(EXPECTED) for part in chosen},
        now=hours,
        start=start,
        end=start + random.choice((1, 3)),
        automatic_start=random.random() < 0.8,
        automatic_end=random.random() < 0.8,
        recurrence=random.choice(("", "", "FREQ=WEEKLY;COUNT=3")),
    )


def step(random: Random, parts: list[Component], hours: float) -> None:
    planned = random.choice([*ScheduledMaintenance.objects.published(), None])
    if planned is None:
        return
    status = random.choice(("in_progress", "verifying", "completed", "cancelled"))
    draft = planned_work.step(planned=planned, status=status, author=UserFactory(), now=at(hours))
    publish(draft, hours)


def move(random: Random, parts: list[Component], hours: float) -> None:
    planned = random.choice([*ScheduledMaintenance.objects.published(), None])
    if planned is None:
        return
    start = hours + random.choice((1, 5))
    publish(
        planned_work.reschedule(
            planned=planned, body=BODY, starts_at=at(start), ends_at=at(start + 2), author=UserFactory(), now=at(hours)
        ),
        hours,
    )


def set_by_hand(random: Random, parts: list[Component], hours: float) -> None:
    components.set_override(
        component=random.choice(parts),
        status=random.choice(CONFIRMED),
        reason="Seen.",
        expires_at=at(hours) + HOUR,
        actor=UserFactory(),
        now=at(hours),
    )


def speak(random: Random, parts: list[Component], hours: float) -> None:
    drafts = IncidentUpdate.objects.drafts()
    if drafts:
        publishing.publish_update(update_id=random.choice(list(drafts)).pk, actor=UserFactory(), now=at(hours))


ACTS: list[Callable[[Random, list[Component], float], None]] = [observe, observe, announce, step, move, set_by_hand, speak]


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_acts_leaves_a_record_that_holds_and_hides_nothing(seed: int) -> None:
    random = Random(seed)
    all_notices()
    parts: list[Component] = [ComponentFactory(code=f"part-{number}") for number in range(2)]
    announce(random, parts, 0)
    hours = 0.0
    for _ in range(14):
        hours += random.choice((0.1, 0.5, 1, 7))
        tick(hours)
        components.lapse_overrides(now=at(hours))
        with suppress(Blocked):  # the gates said no, and nothing was changed
            random.choice(ACTS)(random, parts, hours)
        for part in Component.objects.all():
            assert_nothing_is_hidden(part)
    named = IncidentUpdate.objects.drafts().filter(incident__publication="draft")
    counted = Counter(row.component_id for draft in named for row in draft.affected.all())
    assert set(counted.values()) <= {1}, "at most one open draft a component"
    proof = verify()
    assert proof.holds, (seed, proof.problem)


def assert_nothing_is_hidden(part: Component) -> None:
    """What shows as planned work is no worse, by probes or by hand, than the window expects."""
    if part.status_source != "maintenance":
        return
    rows = part.planned.filter(update__plan_of__phase__in=("in_progress", "verifying"), update__plan_of__overrun_at=None)
    expected = rollup.worst(rows.values_list("expected", flat=True))
    override = part.overrides.standing().first()
    beneath = override.status if override else part.observed_status or ComponentStatus.OPERATIONAL.value
    assert not is_worse(beneath, expected)
