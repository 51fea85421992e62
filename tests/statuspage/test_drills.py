"""Rehearsals: their scripts, the people in them, and what is reported. `tests/faults/test_drill.py` plays a whole one."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from incidents import exercise
from incidents.models import Component, Incident, IncidentUpdate, ScheduledMaintenance
from incidents.words import IncidentStatus
from probes.sandbox.scenarios import SCENARIOS
from statuspage import env_file
from statuspage.drills import house, people, report
from statuspage.drills.scripts import PROBES, SCRIPTS
from statuspage.management.commands.seed_demo import GROUPS
from statuspage.roles import APPROVER, AUTHOR
from tests.factories import ComponentFactory
from tests.statuspage.desk import a_draft, a_public_incident, someone

SECOND = timedelta(seconds=1)


def test_every_scenario_has_a_script_over_services_that_are_there() -> None:
    assert list(SCRIPTS) == list(SCENARIOS)
    services = {code for _, _, _, group in GROUPS for code, _, _ in group}
    named = {code for script in SCRIPTS.values() for code in (*script.troubled, *script.untouched)}
    assert named <= services
    assert named <= {"stk-push", "payouts", *(service for service, _ in PROBES.values())}, "each is watched by a probe"


@pytest.fixture
def an_exercise(settings: Any, tmp_path: Path, mfano_pesa: None) -> None:
    settings.EXERCISE, settings.DATA_DIR = True, tmp_path


@pytest.mark.django_db
@pytest.mark.usefixtures("an_exercise", "pages_unwritten")
def test_people_speak_sign_and_end_what_is_over_and_the_report_tells_of_it() -> None:
    began = timezone.now()
    someone(AUTHOR, "writer")
    someone(APPROVER, "approver")
    draft = a_draft()
    script = SCRIPTS["jan9"]
    cast = people.People()
    for number in range(6, 100, 2):
        if number == 40:  # the probes see it well again
            Component.objects.filter(code="stk-push").update(observed_status="operational")
        cast.step(draft.created_at + number * SECOND)
    incident = Incident.objects.get()
    assert incident.status == IncidentStatus.RESOLVED
    assert cast.are_done()
    own = IncidentUpdate.objects.get(status=IncidentStatus.IDENTIFIED)
    assert own.author is not None
    assert own.signed_by is not None
    assert own.author != own.signed_by
    found = report.draw_up(scenario="jan9", script=script, speed=200, began=began, ended=began + 100 * SECOND)
    assert found.gates["signature_missing"] >= 1
    assert [wait >= people.SIGNS.total_seconds() for wait in found.signature_waits] == [True]
    assert (found.in_all_languages, found.words) == (4, 4)
    [spoken] = found.incidents
    assert (spoken.promises_kept, spoken.promises_due, spoken.is_open) == (3, 3, False)
    assert found.record_holds
    assert json.loads(report.as_json(found))["is_good"] is False, "payouts were never seen in trouble here"
    said = "\n".join(report.lines(found))
    assert "payouts: NOT SEEN" in said
    assert "4 of 4 words stand in en and sw" in said


@pytest.mark.django_db
@pytest.mark.usefixtures("an_exercise", "pages_unwritten")
def test_a_promise_that_is_not_due_when_the_rehearsal_ends_is_neither_kept_nor_missed() -> None:
    incident = Incident.objects.get(pk=a_public_incident().pk)
    due = incident.next_update_by
    assert due is not None
    told = {}
    for when, ended in (("before", due - SECOND), ("after", due + SECOND)):
        found = report.draw_up(scenario="jan9", script=SCRIPTS["jan9"], speed=1, began=incident.started_at, ended=ended)
        told[when] = next(line for line in report.lines(found) if line.startswith("Said"))
    assert "promises kept 0 of 0, still open." in told["before"]
    assert "promises kept 0 of 1, still open." in told["after"]


@pytest.mark.django_db
@pytest.mark.usefixtures("an_exercise", "pages_unwritten")
def test_people_say_so_when_what_they_called_over_comes_back() -> None:
    someone(AUTHOR, "writer")
    someone(APPROVER, "approver")
    began, cast = a_draft().created_at, people.People()
    for number, observed in ((6, "partial_outage"), (8, "operational"), (20, "operational"), (22, "partial_outage")):
        Component.objects.filter(code="stk-push").update(observed_status=observed)
        cast.step(began + number * SECOND)
    said = Incident.objects.get().updates.published().order_by("record_seq")
    assert list(said.values_list("status", flat=True)) == ["investigating", "monitoring", "investigating"]


@pytest.mark.django_db
@pytest.mark.usefixtures("an_exercise", "pages_unwritten")
def test_people_announce_the_work_that_will_overrun() -> None:
    someone(AUTHOR, "writer")
    someone(APPROVER, "approver")
    named = SCRIPTS["maintenance-overrun"].troubled
    for code in named:
        ComponentFactory(code=code)
    now = timezone.now()
    people.People().announce(components=named, starts_at=now + 3 * SECOND, ends_at=now + 57 * SECOND, now=now)
    planned = ScheduledMaintenance.objects.published().get()
    assert planned.ends_at == now + 57 * SECOND
    assert {item.component.code for item in planned.updates.get().affected.all()} == set(named)


def test_nothing_of_the_copy_it_is_started_from_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://hali:hunter2@db.example/hali")
    monkeypatch.setenv("EMAIL_URL", "smtp://mail.example:25")
    monkeypatch.setenv("SECRET_KEY", "of the real copy")
    environment = house.lay_out(tmp_path / "drill")
    written = env_file.read(tmp_path / "drill" / "env")
    assert (tmp_path / "drill" / exercise.MARKER).is_file()
    for values in (environment, written):
        assert not {"DATABASE_URL", "EMAIL_URL"} & values.keys()
        assert "of the real copy" not in values.values()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["jan9", "--speed", "0.5"], "give a number from 1 to 3600"),
        (["jan9", "--folder", "."], "is there already"),
        (["jan10"], "invalid choice"),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_line(arguments: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        call_command("drill", *arguments)


def test_a_house_is_none_of_a_real_copy() -> None:
    with pytest.raises(house.DrillFailed, match="no copy of an exercise"):
        house.House()
