"""The beat process and the wall's clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from celery import Celery

from statuspage import beat

TASK = "of.nobody"  # one that a task of ours has is sent by it


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sent: list[str] = []
    monkeypatch.setattr(beat.MarkingScheduler, "send_task", lambda self, name, *args, **options: sent.append(name))
    return sent


@pytest.fixture
def scheduler(sent: list[str], valkey_process: Any) -> beat.MarkingScheduler:
    app = Celery("beat", broker=valkey_process.url, set_as_current=False)
    app.conf.beat_schedule = {"at each tick": {"task": TASK, "schedule": 0.0}}
    scheduler: Any = beat.MarkingScheduler(app=app)
    for entry in scheduler.schedule.values():  # what it sent an hour from now, by a clock that was ahead
        entry.last_run_at = entry.default_now() + timedelta(hours=1)
    scheduler.tick()
    return scheduler  # type: ignore[no-any-return]


def test_what_was_sent_is_not_sent_again_before_its_time(scheduler: beat.MarkingScheduler, sent: list[str]) -> None:
    scheduler.tick()
    assert sent == []


def test_after_a_clock_was_put_back_it_sends_again_at_once(
    scheduler: beat.MarkingScheduler, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_back = beat._wall_ahead() - 3600
    monkeypatch.setattr(beat, "_wall_ahead", lambda: put_back)
    scheduler.tick()
    assert sent == [TASK]
