"""Due slots that are left out are written down as skipped: back-off while down, caps of hosts."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from probes import recording, scheduling, silence, sparing
from probes.models import Probe, ProbeSchedule, Result
from probes.recording import Report
from tests.factories import ComponentFactory, ProbeFactory, ProbeScheduleFactory, VantageFactory

pytestmark = [pytest.mark.long, pytest.mark.django_db]
START = 1_800_000_000


def ticks(seconds: int, *, start: int = START, outcome: str = "down") -> Iterator[tuple[int, list[sparing.Claim]]]:
    """A dispatcher that comes each five seconds, and each run answered with `outcome`: (second, what was run)."""
    for now in range(start, start + seconds, 5):
        run, spared = sparing.choose(scheduling.claim_due(now=now), now=now)
        reports = [Report(row.probe_id, slot, 0, outcome, "", "", 500, 1000, {}, now + 0.1, 100) for row, slot in run]
        if reports:
            recording.record(vantage_name="nairobi", reports=reports, now=moment(now))
        sparing.write_down(spared, now=moment(now))
        yield now, run


def moment(now: int) -> datetime:
    return datetime.fromtimestamp(now, UTC)


def count(seconds: int, **options: Any) -> int:
    return sum(len(run) for _, run in ticks(seconds, **options))


def a_probe(**fields: Any) -> Probe:
    probe: Probe = ProbeFactory(**{"interval": 10, "spec": {"url": "https://api.bank.example/"}, **fields})
    row = scheduling.schedule(probe=probe, vantage=VantageFactory())
    row.next_slot = scheduling.next_slot_after(START - 1, row.interval, row.phase)
    row.save(update_fields=["next_slot"])
    return probe


def test_a_target_that_is_down_is_asked_less_often_and_each_slot_left_out_is_written_down() -> None:
    component = ComponentFactory()
    a_probe(component=component, interval=5, code="first")
    second = a_probe(component=component, code="second")
    count(400)
    results = Result.objects.filter(probe=second)
    assert set(results.values_list("status", flat=True)) == {"down", "skipped"}
    skipped = results.filter(status="skipped", error_class="backoff").count()
    assert 15 <= skipped <= 20
    assert results.filter(status="down").count() + skipped >= 39, "a result for every slot"


def test_a_back_off_is_not_taken_for_silence() -> None:
    probe = a_probe(interval=10)
    for now, _ in ticks(500):
        if now % 20 == 0:
            recording.sweep_silence(now=moment(now))
    row = ProbeSchedule.objects.get(probe=probe)
    assert row.confirmed == "major_outage"
    probe.component.refresh_from_db()
    assert probe.component.observed_status == "major_outage"


def test_the_first_good_answer_ends_the_back_off() -> None:
    a_probe()
    count(400)
    assert count(80, start=START + 400, outcome="ok") >= 5
    assert ProbeSchedule.objects.get().confirmed == "operational"


def test_a_probe_that_is_well_or_slow_is_asked_at_every_slot() -> None:
    a_probe()
    assert count(300, outcome="degraded") >= 29
    assert not Result.objects.filter(status="skipped").exists()


def test_a_capped_host_is_never_asked_more_often_in_any_minute_and_no_probe_starves(settings: Any) -> None:
    settings.HOST_RATES = {"api.bank.example": 10}
    probes = [a_probe(interval=20, code=f"p{number}") for number in range(8)]  # 24 a minute
    times = [now for now, run in ticks(600, outcome="ok") for _ in run]
    assert max(sum(start <= at < start + 60 for at in times) for start in times) <= 10
    assert len(times) >= 60, "what the cap allows is used"
    assert min(Result.objects.filter(probe=probe, status="ok").count() for probe in probes) >= 3
    assert Result.objects.count() >= 8 * 29, "a result for every slot"
    assert set(Result.objects.filter(status="skipped").values_list("error_class", flat=True)) == {"rate_cap"}


def test_a_capped_probe_is_not_taken_for_silent(settings: Any) -> None:
    settings.HOST_RATES = {"api.bank.example": 10}
    for number in range(8):
        a_probe(interval=20, code=f"p{number}")
    count(300, outcome="ok")
    now = moment(START + 300)
    assert not [row for row in ProbeSchedule.objects.all() if silence.is_silent(row, now)]


def test_a_cap_is_for_its_host_alone(settings: Any) -> None:
    settings.HOST_RATES = {"api.bank.example": 1}
    a_probe(code="other", spec={"url": "https://elsewhere.example/"})
    assert count(120, outcome="ok") >= 11


def test_without_a_setting_no_host_is_capped() -> None:
    for number in range(8):
        a_probe(interval=5, code=f"p{number}")
    assert count(20, outcome="ok") >= 24


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_two_dispatchers_share_one_cap(settings: Any) -> None:
    settings.HOST_RATES = {"api.bank.example": 10}
    rows = [
        ProbeScheduleFactory(
            probe__code=f"p{number}", probe__spec={"url": "https://api.bank.example/"}, interval=3600, next_slot=1000
        )
        for number in range(30)
    ]
    assert len(rows) == 30

    def dispatch(_: int) -> int:
        try:
            run, spared = sparing.choose(scheduling.claim_due(now=1000), now=1000)
            sparing.write_down(spared, now=moment(1000) + timedelta(seconds=1))
            return len(run)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=2) as pool:
        assert sum(pool.map(dispatch, range(2))) == 10
    assert Result.objects.filter(status="skipped", error_class="rate_cap").count() == 20
