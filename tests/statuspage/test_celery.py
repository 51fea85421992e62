"""What Celery's workers do around each task."""

from __future__ import annotations

import pytest
from celery.signals import task_postrun, task_prerun

from statuspage import celery as our
from statuspage.tasks import canary
from statuspage.worker import queues_of


@pytest.mark.parametrize(("is_eager", "looked"), [(False, 2), (True, 0)])
def test_around_each_task_a_broken_connection_to_the_database_is_let_go_of(
    is_eager: bool, looked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is run in place has its caller's connection, perhaps in the middle of a transaction."""
    seen: list[int] = []
    monkeypatch.setattr("django.db.close_old_connections", lambda: seen.append(1))
    canary.push_request(is_eager=is_eager)  # type: ignore[call-arg]  # it takes whatever a request has
    for moment in (task_prerun, task_postrun):
        moment.send(sender=canary, task_id="1", task=canary, args=(), kwargs={})
    canary.pop_request()
    assert len(seen) == looked


def test_a_worker_keeps_its_connection_to_the_database_from_task_to_task() -> None:
    assert our.app.conf.get("CELERY_DB_REUSE_MAX") > 1


@pytest.mark.parametrize(
    ("named", "taken"),
    [("core,notify", ["core", "notify", "dispatch"]), ("notify", ["notify"]), ("probes.nairobi", ["probes.nairobi"])],
)
def test_whoever_takes_outcomes_in_also_takes_the_ticks_from_their_own_queue(named: str, taken: list[str]) -> None:
    assert queues_of(named) == taken
    assert our.app.conf.beat_schedule["dispatch due probes"]["options"]["queue"] == "dispatch"
