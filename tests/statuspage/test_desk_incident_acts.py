"""An incident's own acts at the desk: facts with reasons, notes, merge, withdraw, close, what is owed to supervisors."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from incidents.models import AuditEvent, Filing, Incident, InternalNote, RecordEntry
from statuspage.roles import APPROVER, AUDITOR, AUTHOR, ENGINEER
from tests.statuspage import rows
from tests.statuspage.desk import page_of, sign_in, someone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]


@pytest.fixture
def incident() -> Incident:
    part = rows.component()
    return rows.publish(at=timezone.now() - timedelta(hours=2), affected={part: "major_outage"}).incident


@pytest.fixture
def author() -> Client:
    return sign_in(someone(AUTHOR, "asha"))


def facts(incident: Incident) -> str:
    return f"/admin/incidents/incident/{incident.pk}/facts/"


def moment(hours: float) -> dict[str, str]:
    local = timezone.localtime(timezone.now() - timedelta(hours=hours))
    return {"value_day": f"{local:%Y-%m-%d}", "value_time": f"{local:%H:%M}"}


def test_a_note_is_kept_for_staff_and_stands_in_no_entry(incident: Incident) -> None:
    before = RecordEntry.objects.count()
    engineer = sign_in(someone(ENGINEER))
    engineer.post(facts(incident), {"act": "note", "text": "Queue seven is full."})
    assert InternalNote.objects.get().text == "Queue seven is full."
    assert b"Queue seven is full." in engineer.get(facts(incident)).content
    assert RecordEntry.objects.count() == before


def test_a_time_is_set_with_a_reason_and_the_record_says_so(incident: Incident, author: Client) -> None:
    given = {"act": "time", "field": "started_at", **moment(3)}
    assert author.post(facts(incident), given).status_code == 422
    assert author.post(facts(incident), {**given, "reason": "Logs show it."}).status_code == 302
    assert RecordEntry.objects.filter(kind="incident_time").count() == 1
    assert b"Logs show it." in author.get(facts(incident)).content


def test_the_first_public_word_is_set_by_hand_and_goes_back_to_what_is_recorded(incident: Incident, author: Client) -> None:
    given = {"act": "time", "field": "first_public_update_at", "reason": "We posted before."}
    assert author.post(facts(incident), {**given, **moment(1)}).status_code == 302
    assert b"set by hand" in author.get(facts(incident)).content
    assert author.post(facts(incident), {**given, "field": "identified_at"}).status_code == 422  # no time was given
    assert author.post(facts(incident), given).status_code == 302
    assert b"set by hand" not in author.get(facts(incident)).content


def test_an_incident_is_linked_to_an_earlier_one_and_unlinked(incident: Incident, author: Client) -> None:
    earlier = rows.publish(at=timezone.now() - timedelta(days=40), status="resolved").incident
    given = {"act": "link", "reason": "The same cable."}
    assert author.post(facts(incident), {**given, "earlier": "nothing"}).status_code == 422
    address = f"http://127.0.0.1:8000/sw/incidents/{earlier.public_id}"
    assert author.post(facts(incident), {**given, "earlier": address}).status_code == 302
    assert Incident.objects.get(pk=incident.pk).follows == earlier
    for one, words in ((incident, "Came back after"), (earlier, "Came back as")):
        assert words in author.get(page_of(one)).content.decode()
    assert author.post(facts(incident), {"act": "unlink", "reason": "Another cable."}).status_code == 302
    assert Incident.objects.get(pk=incident.pk).follows is None


def test_a_time_out_of_order_is_refused_and_the_form_keeps_what_was_typed(incident: Incident, author: Client) -> None:
    answer = author.post(facts(incident), {"act": "time", "field": "resolved_at", **moment(1), "reason": "It was over."})
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "publish “resolved” first" in page
    assert "It was over." in page


def test_impact_and_who_saw_it_first_are_set_with_reasons(incident: Incident, author: Client) -> None:
    author.post(facts(incident), {"act": "impact", "impact": "critical", "reason": "All of it."})
    author.post(facts(incident), {"act": "detected", "value": "public", "reason": "They called."})
    incident.refresh_from_db()
    assert (incident.impact, incident.detected_by) == ("critical", "public")


def test_an_incident_that_should_not_have_been_is_withdrawn_by_two(incident: Incident) -> None:
    first, second = sign_in(someone(APPROVER, "brian")), sign_in(someone(APPROVER, "carol"))
    assert second.post(facts(incident), {"act": "withdraw"}).status_code == 409  # nobody asked
    first.post(facts(incident), {"act": "ask_to_withdraw", "reason": "An exercise."})
    assert first.post(facts(incident), {"act": "withdraw"}).status_code == 409
    assert b"An exercise." in second.get(facts(incident)).content
    assert second.post(facts(incident), {"act": "withdraw"}).status_code == 302
    incident.refresh_from_db()
    assert incident.withdrawn_at


def test_closing_lists_what_is_owed(incident: Incident, author: Client) -> None:
    answer = author.post(facts(incident), {"act": "close"})
    assert answer.status_code == 409
    assert b"Only a resolved incident is closed" in answer.content
    rows.publish(incident=incident, at=timezone.now(), status="resolved")
    rows.statement(incident, "0", at=timezone.now())
    rows.review(incident, at=timezone.now())
    assert author.post(facts(incident), {"act": "close"}).status_code == 302
    incident.refresh_from_db()
    assert incident.closed_at


def test_deadlines_count_and_their_drafts_are_filled_and_marked_as_handed_in(incident: Incident, author: Client) -> None:
    Incident.objects.filter(pk=incident.pk).update(aware_at=timezone.now() - timedelta(hours=1), security_related="yes")
    page = author.get(f"/admin/incidents/incident/{incident.pk}/deadlines/")
    codes = [one.rule.code for one, _ in page.context["deadlines"] if one.rule.draft]
    assert codes
    filing = f"/admin/incidents/incident/{incident.pk}/deadlines/{codes[0]}/"
    page = author.get(filing)
    assert incident.public_id in page.content.decode()
    when = {"filed_at_day": f"{timezone.localdate()}", "filed_at_time": "00:00"}
    late = timezone.localtime(timezone.now()).replace(second=0)
    when = {"filed_at_day": f"{late:%Y-%m-%d}", "filed_at_time": f"{late:%H:%M}"}
    assert author.post(filing, {**when, "reference": "No. 7", "text": "Dear"}).status_code == 302
    handed = Filing.objects.get()
    assert author.post(filing, {**when, "reference": "No. 8", "text": "Dear"}).status_code == 409
    assert author.post(filing, {"take_back": handed.pk, "reason": ""}).status_code == 409
    assert author.post(filing, {"take_back": handed.pk, "reason": "Wrong office."}).status_code == 302
    handed.refresh_from_db()
    assert handed.taken_back_at


@pytest.mark.parametrize("role", ["", AUDITOR, ENGINEER])
def test_other_roles_change_no_fact(incident: Incident, role: str) -> None:
    client = sign_in(someone(role))
    for act in ("time", "impact", "detected", "link", "unlink", "merge", "ask_to_withdraw", "withdraw", "close"):
        assert client.post(facts(incident), {"act": act, "reason": "x"}).status_code == 403, act
    assert client.post(f"/admin/incidents/incident/{incident.pk}/reopen/").status_code == 403
    assert client.post(f"/admin/incidents/incident/{incident.pk}/false-alarm/").status_code == 403
    assert client.post("/admin/incidents/incident/past/", {}).status_code == 403
    assert not AuditEvent.objects.filter(target=incident.public_id).exists()


def test_an_act_that_is_none_changes_nothing(incident: Incident, author: Client) -> None:
    assert author.post(facts(incident), {"act": "erase"}).status_code == 400
