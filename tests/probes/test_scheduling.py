"""Due slots: claimed once, never piled up, spread over the interval."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from django.db import connection

from probes import scheduling
from probes.models import ProbeSchedule
from tests.factories import ProbeFactory, ProbeScheduleFactory, VantageFactory


@pytest.mark.parametrize(
    ("now", "interval", "phase", "expected"),
    [(100, 5, 0, 105), (101, 5, 0, 105), (104, 5, 0, 105), (100, 5, 2, 102), (102, 5, 2, 107), (7, 60, 30, 30)],
)
def test_the_next_slot_is_the_first_one_after_now(now: int, interval: int, phase: int, expected: int) -> None:
    assert scheduling.next_slot_after(now, interval, phase) == expected


@pytest.mark.database
@pytest.mark.django_db
def test_a_due_schedule_is_claimed_once_and_moves_to_its_next_slot() -> None:
    row = ProbeScheduleFactory(interval=5, phase=0, next_slot=1000)
    claimed = scheduling.claim_due(now=1002)
    assert [(item.pk, slot) for item, slot in claimed] == [(row.pk, 1000)]
    assert scheduling.claim_due(now=1002) == []
    row.refresh_from_db()
    assert row.next_slot == 1005


@pytest.mark.django_db
def test_slots_missed_in_a_pause_are_dropped() -> None:
    ProbeScheduleFactory(interval=5, phase=0, next_slot=1000)
    assert [slot for _, slot in scheduling.claim_due(now=2003)] == [2000]
    assert scheduling.claim_due(now=2003) == []


@pytest.mark.django_db
@pytest.mark.parametrize("next_slot", [0, 1033])
def test_a_new_or_changed_probe_has_a_slot_of_its_own_at_once_and_then_keeps_to_its_grid(next_slot: int) -> None:
    row = ProbeScheduleFactory(interval=60, phase=0, next_slot=next_slot)
    assert [slot for _, slot in scheduling.claim_due(now=1033)] == [1033], "on the grid it would be 13 seconds late"
    row.refresh_from_db()
    assert row.next_slot == 1080


@pytest.mark.django_db
def test_a_probe_that_is_changed_in_the_second_of_its_slot_runs_in_the_next() -> None:
    row = ProbeScheduleFactory(interval=5, phase=0, next_slot=1000)
    assert len(scheduling.claim_due(now=1000)) == 1
    scheduling.reset(probe=row.probe, now=1000)
    assert [slot for _, slot in scheduling.claim_due(now=1001)] == [1001]


@pytest.mark.django_db
def test_slots_do_not_drift_however_late_the_dispatcher_comes() -> None:
    row = ProbeScheduleFactory(interval=10, phase=3, next_slot=1003)
    for late in (0, 4, 9, 2, 25, 1):
        scheduling.claim_due(now=row.next_slot + late)
        row.refresh_from_db()
        assert row.next_slot % 10 == 3


@pytest.mark.django_db
def test_what_is_switched_off_is_not_due() -> None:
    ProbeScheduleFactory(next_slot=1, enabled=False)
    ProbeScheduleFactory(next_slot=1, probe__enabled=False)
    ProbeScheduleFactory(next_slot=1, vantage__name="mombasa", vantage__enabled=False)
    assert scheduling.claim_due(now=1000) == []


@pytest.mark.django_db
def test_a_message_carries_many_probes_of_one_vantage_but_not_any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "BATCH_AT_MOST", 4)
    for number in range(6):
        ProbeScheduleFactory(probe__code=f"p{number}", next_slot=1000)
    ProbeScheduleFactory(vantage=VantageFactory(name="mombasa"), next_slot=1000)
    batches = scheduling.into_batches(scheduling.claim_due(now=1000))
    assert sorted((batch.vantage, len(batch.tasks)) for batch in batches) == [("mombasa", 1), ("nairobi", 2), ("nairobi", 4)]


@pytest.mark.django_db
def test_a_run_ends_before_the_next_one_begins() -> None:
    row = ProbeScheduleFactory(interval=5, probe__timeout=10)
    assert scheduling.task_for(row, 1000).timeout == 4.0


@pytest.mark.django_db
def test_scheduling_a_probe_twice_keeps_one_schedule() -> None:
    probe, vantage = ProbeFactory(interval=10), VantageFactory()
    scheduling.schedule(probe=probe, vantage=vantage)
    probe.interval = 20
    scheduling.schedule(probe=probe, vantage=vantage)
    assert ProbeSchedule.objects.get().interval == 20


@pytest.mark.django_db
def test_runs_of_one_second_are_spread_over_it_and_go_out_in_their_order() -> None:
    for number in range(50):
        ProbeScheduleFactory(probe__code=f"p{number}", next_slot=1000)
    tasks = [task for batch in scheduling.into_batches(scheduling.claim_due(now=1000)) for task in batch.tasks]
    offsets = [task.offset_ms for task in tasks]
    assert offsets == sorted(offsets)
    assert max(after - before for before, after in pairwise([0, *offsets, 1000])) <= 60
    assert tasks[7].due_at == 1000 + offsets[7] / 1000


@pytest.mark.django_db
def test_where_many_run_in_one_second_they_begin_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "CROWDED", 20)
    for number in range(20):
        ProbeScheduleFactory(probe__code=f"p{number}", next_slot=1000)
    [batch] = scheduling.into_batches(scheduling.claim_due(now=1000))
    offsets = [task.offset_ms for task in batch.tasks]
    assert [offset % 50 for offset in offsets] == [0] * 20
    assert max(after - before for before, after in pairwise([0, *offsets, 1000])) <= 100


def test_phases_spread_over_the_interval() -> None:
    phases = sorted(scheduling.phase_of(f"probe-{n}", "nairobi", 60) for n in range(200))
    assert max(after - before for before, after in pairwise(phases)) <= 6


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_three_dispatchers_claim_each_slot_once() -> None:
    for number in range(40):
        ProbeScheduleFactory(probe__code=f"p{number}", next_slot=1000)

    def claim(_: int) -> list[tuple[int, int]]:
        try:
            return [(row.pk, slot) for now in (1000, 1004, 1005, 1012) for row, slot in scheduling.claim_due(now=now)]
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=3) as pool:
        claims = [claim for found in pool.map(claim, range(3)) for claim in found]
    assert len(claims) == len(set(claims))
    assert {slot for _, slot in claims} >= {1010}
    assert len([slot for _, slot in claims if slot == 1010]) == 40


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_two_dispatchers_send_a_run_by_hand_once() -> None:
    for number in range(20):
        ProbeScheduleFactory(probe__code=f"p{number}", asked_at=1000)

    def claim(_: int) -> list[int]:
        try:
            return [row.pk for row, _slot in scheduling.claim_asked(now=1001)]
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=2) as pool:
        first, second = pool.map(claim, range(2))
    assert sorted(first + second) == sorted(ProbeSchedule.objects.values_list("pk", flat=True))
