"""How fast a probe burns what its target allows: short windows from raw results, long ones from rollups."""

from __future__ import annotations

import pytest

from probes import budget, rollups
from probes.models import ProbeSchedule, Result
from tests.factories import NOON, ProbeScheduleFactory
from tests.probes.results import keep, result

pytestmark = [pytest.mark.django_db, pytest.mark.database]
START = int(NOON.timestamp())
MINUTE, HOUR = 60, 3600


def burn(row: ProbeSchedule) -> tuple[str, int] | None:
    """The tier that is reached, by its name and the seconds of its long window."""
    found = budget.burn_of(row.probe, now=NOON)
    return None if found is None else (found.tier.name, found.tier.long)


def minutes(row: ProbeSchedule, hours: int, *, one_in: int) -> None:
    """A result a minute until now, of which every so many is bad; the last ten minutes are good."""
    keep(result(row, START - MINUTE * ago, "down" if ago % one_in == 10 else "ok") for ago in range(hours * 60))


def test_a_probe_that_is_well_burns_nothing() -> None:
    row = ProbeScheduleFactory()
    minutes(row, 7, one_in=10_000)
    rollups.roll(now=START)
    assert burn(row) is None


def test_an_outage_pages_before_any_hour_was_counted() -> None:
    row = ProbeScheduleFactory()
    keep(result(row, START - MINUTE * ago, "down" if ago < 10 else "ok") for ago in range(60))
    assert burn(row) == ("page", HOUR)


def test_a_slow_burn_is_told_from_counted_hours() -> None:
    row = ProbeScheduleFactory()
    minutes(row, 7, one_in=15)
    assert burn(row) is None
    rollups.roll(now=START)
    assert burn(row) == ("page", 6 * HOUR)


def test_hours_tell_it_also_when_their_raw_results_are_gone() -> None:
    row = ProbeScheduleFactory()
    minutes(row, 24, one_in=50)
    rollups.roll(now=START)
    Result.objects.filter(slot__lt=START - 2 * HOUR).delete()
    Result.objects.filter(slot__gt=START - HOUR // 2).delete()  # the shorter windows burn nothing
    assert burn(row) == ("look", 72 * HOUR)
