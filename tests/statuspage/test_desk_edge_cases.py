"""Rows of the desk's edge-case table that need an incident's own acts: each test names its row."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from incidents import rollup, signing, timeline
from incidents.languages import by_language
from incidents.models import Component, Correction, Incident, IncidentUpdate, RecordEntry
from statuspage import page, publishing
from statuspage.roles import APPROVER, AUTHOR
from subscribers.models import Notification
from tests.factories import NOON, UserFactory
from tests.incidents import plans
from tests.statuspage import rows
from tests.statuspage.desk import a_draft, a_public_incident, after, page_of, sign_in, someone
from tests.statuspage.forms import posted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]


@pytest.fixture
def author() -> Client:
    return sign_in(someone(AUTHOR, "asha"))


def sign_and_publish(row: Any) -> Any:
    approver = sign_in(someone(APPROVER))
    seen = approver.get(page_of(row, "sign")).context["seen_hash"]
    return approver.post(page_of(row, "sign"), {"seen_hash": seen, "act": "publish"})


def when(key: str, moment: datetime) -> dict[str, str]:
    local = timezone.localtime(moment)
    return {f"{key}_day": f"{local:%Y-%m-%d}", f"{key}_time": f"{local:%H:%M}"}


def all_at(component: Component, status: str) -> None:
    now = timezone.now()
    timeline.observe(component=component, status=status, since=now, now=now)


def publish(update: IncidentUpdate) -> IncidentUpdate:
    signing.sign(item=update, signer=UserFactory(), now=timezone.now())
    return publishing.publish_update(update_id=update.pk, actor=None, now=timezone.now())


@pytest.mark.parametrize("tells", [True, False])
def test_wrong_text_is_live_a_correction_is_a_new_version_and_telling_a_choice_of_its_own(author: Client, tells: bool) -> None:
    said = a_public_incident().updates.published()[0]
    new = f"/admin/incidents/correction/add/?update={said.pk}"
    page = author.get(new)
    assert "deliver_notifications" not in posted(page)  # off unless chosen
    words = {"body_en": "Only till payments fail.", "reason_en": "We named the wrong service.", "reason_sw": "Huduma si hiyo."}
    author.post(new, posted(page, **words, **({"deliver_notifications": "on"} if tells else {})))
    draft = Correction.objects.get()
    assert sign_and_publish(draft).status_code == 302
    draft.refresh_from_db()
    assert draft.is_published
    assert draft.deliver_notifications is tells
    assert by_language(said.body)["en"] != "Only till payments fail."  # the old words stay
    said.refresh_from_db()
    assert by_language(said.body)["en"] != "Only till payments fail."


def test_false_alarm_says_that_it_was_checked_and_works(author: Client) -> None:
    incident = a_public_incident()
    component = Component.objects.get()
    all_at(component, "operational")
    answer = author.post(f"/admin/incidents/incident/{incident.pk}/false-alarm/")
    draft = incident.updates.drafts().get()
    assert answer["Location"].endswith(f"/incidentupdate/{draft.pk}/change/")
    assert by_language(draft.body)["en"].startswith("We checked Service stk-push. It is working.")
    assert by_language(draft.body)["sw"].startswith("Tumechunguza Huduma stk-push.")
    publish(draft)
    incident.refresh_from_db()
    component.refresh_from_db()
    assert (incident.status, incident.impact, component.status) == ("false_alarm", "none", "operational")


def test_comes_back_within_a_day_opens_the_same_link(author: Client) -> None:
    incident = a_public_incident()
    component = Component.objects.get()
    all_at(component, "operational")
    after(incident, "watching")
    incident = after(incident, "resolved")
    all_at(component, "partial_outage")
    answer = author.post(f"/admin/incidents/incident/{incident.pk}/reopen/")
    assert answer.status_code == 302
    draft = incident.updates.drafts().get()
    assert [item.new_status for item in draft.affected.all()] == ["partial_outage"]
    words = {"en": "It is failing again. Do not pay again.", "sw": "Inashindikana tena. Usilipe tena."}
    IncidentUpdate.objects.filter(pk=draft.pk).update(body=words, next_update_by=timezone.now() + timedelta(minutes=20))
    draft.refresh_from_db()
    signing.stamp(draft)
    publish(draft)
    incident.refresh_from_db()
    assert incident.is_open
    assert incident.reopened_at


def test_comes_back_later_is_a_new_incident_linked_to_the_old(author: Client) -> None:
    old = a_public_incident()
    component = Component.objects.get()
    all_at(component, "operational")
    after(old, "watching")
    after(old, "resolved")
    Incident.objects.filter(pk=old.pk).update(resolved_at=timezone.now() - timedelta(hours=30))
    author.post(f"/admin/incidents/incident/{old.pk}/reopen/")
    assert not old.updates.drafts().exists()
    now = timezone.localtime()
    report = {"component": component.pk, "status": "partial_outage", "since_day": f"{now:%Y-%m-%d}", "since_time": f"{now:%H:%M}"}
    author.post("/admin/incidents/incident/add/", report)
    assert Incident.objects.latest("id").follows == old


def test_duplicates_are_merged_the_old_link_leads_on_and_people_are_told_once(author: Client) -> None:
    part, now = rows.component(), timezone.now()
    kept = rows.publish(at=now - timedelta(hours=2), affected={part: "partial_outage"}).incident
    double = rows.publish(at=now - timedelta(hours=1), affected={part: "partial_outage"}).incident
    facts = f"/admin/incidents/incident/{double.pk}/facts/"
    assert author.post(facts, {"act": "merge", "into": double.pk}).status_code == 422
    assert author.post(facts, {"act": "merge", "into": kept.pk}).status_code == 302
    double.refresh_from_db()
    assert double.merged_into == kept
    entry = RecordEntry.objects.get(kind="incident_merged")
    assert Notification.objects.filter(record_seq=entry.seq).count() == 1
    assert author.post(facts, {"act": "merge", "into": kept.pk}).status_code == 409


def test_past_incident_asks_for_start_and_end_is_silent_and_signed(author: Client) -> None:
    component, past = rows.component(), "/admin/incidents/incident/past/"
    now = timezone.now()
    words = {
        "name_en": "Payments were late",
        "name_sw": "Malipo yalichelewa",
        "body_en": "Payments were late for 40 minutes.",
        "body_sw": "Malipo yalichelewa kwa dakika 40.",
        f"state_{component.code}": "delayed",
    }
    times = {**when("started_at", now - timedelta(days=3)), **when("ended_at", now - timedelta(days=3) + timedelta(minutes=40))}
    assert author.post(past, {**words, **when("started_at", now - timedelta(days=3))}).status_code == 422
    refused = author.post(
        past, {**words, **when("started_at", now - timedelta(days=2)), **when("ended_at", now - timedelta(days=3))}
    )
    assert b"in that order" in refused.content
    assert author.post(past, {**words, **times}).status_code == 302
    draft = IncidentUpdate.objects.drafts().get()
    assert not draft.deliver_notifications
    with pytest.raises(publishing.Blocked, match="sign"):
        publishing.publish_update(update_id=draft.pk, actor=None, now=now)
    publish(draft)
    component.refresh_from_db()
    assert draft.incident.backfilled
    assert component.status == "operational"  # nothing that is shown now


def test_planned_work_and_an_incident_together_the_worse_state_wins_and_both_are_listed() -> None:
    incident = a_public_incident("major_outage")
    component = Component.objects.get()
    now = timezone.now()
    start = (now - timedelta(minutes=30) - NOON) / timedelta(hours=1)
    plans.announced({component: "degraded_performance"}, start=start, end=start + 2, now=start - 72)
    plans.tick(start)
    shown = page.build_now(now)
    assert shown.worst == "major_outage" == rollup.worst(["major_outage", "degraded_performance"])
    assert [one.facts.public_id for one in shown.open_incidents] == [incident.public_id]
    assert len(shown.planned) == 1


def test_an_approver_wants_other_words_and_sends_a_correction_back(author: Client) -> None:
    said = a_public_incident().updates.published()[0]
    new = f"/admin/incidents/correction/add/?update={said.pk}"
    author.post(new, posted(author.get(new), reason_en="Wrong.", reason_sw="Si sahihi.", act="ask"))
    draft, approver = Correction.objects.get(), sign_in(someone(APPROVER))
    approver.post(page_of(draft, "send-back"), {"reason": "Say “till payments”."})
    assert "Say “till payments”." in author.get(page_of(draft)).content.decode()
    draft.refresh_from_db()
    assert draft.signature_requested_at is None


def test_lost_network_a_form_that_is_posted_twice_makes_no_second_statement_of_it(author: Client) -> None:
    """A draft that waits already is what a second press leads to: publishing it happens once."""
    draft = a_draft()
    for _ in range(2):
        publishing.publish_update(update_id=draft.pk, actor=None, now=timezone.now())
    assert RecordEntry.objects.filter(kind="incident_update").count() == 1
