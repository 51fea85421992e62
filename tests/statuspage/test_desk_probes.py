"""A probe's acts at the desk: run now, pause until a time, end the pause."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from incidents.models import AuditEvent
from probes.models import ProbeSchedule
from statuspage.roles import AUTHOR, ENGINEER
from tests.factories import ProbeFactory, ProbeScheduleFactory
from tests.statuspage.desk import sign_in, someone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]


def at(row: ProbeSchedule, act: str) -> str:
    return f"/admin/probes/probe/{row.probe_id}/{act}/"


def text(client: Client, row: ProbeSchedule) -> str:
    return client.get(at(row, "change")).content.decode()


def pause_form(**changes: Any) -> dict[str, Any]:
    end = timezone.localtime(timezone.now() + timedelta(hours=2))
    return {"until_day": f"{end:%Y-%m-%d}", "until_time": f"{end:%H:%M}", "reason": "the bank moves house", **changes}


def test_run_now_asks_the_next_tick_and_says_where() -> None:
    row = ProbeScheduleFactory()
    client = sign_in(someone(ENGINEER, "eve"))
    assert "Run now" in text(client, row)
    answer = client.post(at(row, "run"), follow=True)
    assert "Asked for a run at nairobi" in answer.content.decode()
    row.refresh_from_db()
    assert row.asked_at is not None
    assert AuditEvent.objects.get(act="probe.run").actor_name == "eve"


def test_a_probe_that_runs_nowhere_says_so() -> None:
    probe = ProbeFactory()
    answer = sign_in(someone(ENGINEER)).post(f"/admin/probes/probe/{probe.pk}/run/", follow=True)
    assert "It runs nowhere: switch on a schedule of it" in answer.content.decode()


def test_a_pause_shows_its_end_and_reason_and_can_be_ended() -> None:
    row = ProbeScheduleFactory()
    client = sign_in(someone(ENGINEER))
    assert "Pause “" in client.get(at(row, "pause")).content.decode()
    assert client.post(at(row, "pause"), pause_form()).status_code == 302
    page = text(client, row)
    assert "Paused until" in page
    assert "the bank moves house" in page
    assert "paused until" in client.get("/admin/probes/probe/").content.decode()
    client.post(at(row, "resume"))
    assert "Paused until" not in text(client, row)
    assert AuditEvent.objects.filter(act__in=["probe.pause", "probe.resume"]).count() == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"until_day": "2020-01-01"}, "The end is not in the future: give a later time."),
        ({"until_time": "4 pm"}, "Give the time as 16:55, on 24 hours."),
        ({"reason": ""}, "This field is required."),
    ],
)
def test_a_pause_that_cannot_be_is_refused_in_words_and_loses_nothing(changes: dict[str, str], says: str) -> None:
    row = ProbeScheduleFactory()
    answer = sign_in(someone(ENGINEER)).post(at(row, "pause"), pause_form(**changes))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert says in page
    assert ("the bank moves house" in page) == ("reason" not in changes)
    row.probe.refresh_from_db()
    assert row.probe.paused_until is None


@pytest.mark.parametrize("act", ["run", "pause", "resume"])
def test_who_may_not_change_a_probe_may_not_run_or_pause_it(act: str) -> None:
    row = ProbeScheduleFactory()
    client = sign_in(someone(AUTHOR))
    assert client.post(at(row, act), pause_form()).status_code == 403
    assert "Run now" not in text(client, row)


@pytest.mark.parametrize("act", ["run", "resume"])
def test_a_link_alone_does_nothing(act: str) -> None:
    row = ProbeScheduleFactory()
    assert sign_in(someone(ENGINEER)).get(at(row, act)).status_code == 405
