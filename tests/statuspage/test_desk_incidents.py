"""Incidents at the desk: the list, one incident, reporting, the next update; and the dashboard."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from incidents import drafts, signing, timeline
from incidents.models import Component, Incident, IncidentUpdate
from probes.models import ProbeVerdict, VantageLink
from statuspage import publishing
from statuspage.admin import measures
from statuspage.roles import APPROVER, AUDITOR, AUTHOR, ENGINEER
from tests.factories import ComponentFactory, ProbeScheduleFactory
from tests.incidents.helpers import all_notices
from tests.statuspage import rows
from tests.statuspage.desk import a_draft, at, sign_in, someone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]


@pytest.fixture(autouse=True)
def _own_disk(settings: Any, tmp_path: Any) -> None:
    settings.SNAPSHOT_DIR = tmp_path / "snapshot"


def a_public_incident() -> Incident:
    draft = a_draft()
    return publishing.publish_update(update_id=draft.pk, actor=None, now=timezone.now()).incident


def new_update(incident: Incident, query: str = "") -> str:
    return f"/admin/incidents/incident/{incident.pk}/new-update/{query}"


def test_an_incident_shows_what_was_said_in_both_languages_and_its_evidence() -> None:
    incident = a_public_incident()
    page = sign_in(someone(AUDITOR)).get(f"/admin/incidents/incident/{incident.pk}/change/").content.decode()
    for text in ("Do not pay again", "Usilipe tena", "500.003.02: System is busy", incident.public_id, "command line"):
        assert text in page, text
    assert "Post update" not in page


def test_a_late_promise_is_said_in_list_page_and_dashboard() -> None:
    incident = a_public_incident()
    Incident.objects.filter(pk=incident.pk).update(next_update_by=timezone.now() - timedelta(minutes=8))
    client = sign_in(someone(AUTHOR))
    assert "late" in client.get("/admin/incidents/incident/").content.decode()
    assert "An update was promised by" in client.get(f"/admin/incidents/incident/{incident.pk}/change/").content.decode()
    assert "Promise missed" in client.get("/admin/").content.decode()


def test_a_report_makes_a_draft_in_signed_words_and_nothing_is_public() -> None:
    all_notices()
    component = ComponentFactory(code="send-money")
    local = timezone.localtime() - timedelta(minutes=3)
    posted = {
        "component": component.pk,
        "status": "delayed",
        "since_day": f"{local:%Y-%m-%d}",
        "since_time": f"{local:%H:%M}",
    }
    answer = sign_in(someone(AUTHOR, "writer")).post("/admin/incidents/incident/add/", posted)
    draft = IncidentUpdate.objects.get()
    assert answer["Location"] == at(draft)
    assert (str(draft.author), draft.notice.code if draft.notice else "") == ("writer", "delayed")
    component.refresh_from_db()
    assert component.status == "operational"


def test_a_report_about_a_service_with_an_open_incident_leads_there() -> None:
    draft = a_draft()
    local = timezone.localtime() - timedelta(minutes=1)
    posted = {
        "component": Component.objects.get().pk,
        "status": "delayed",
        "since_day": f"{local:%Y-%m-%d}",
        "since_time": f"{local:%H:%M}",
    }
    answer = sign_in(someone(AUTHOR)).post("/admin/incidents/incident/add/", posted)
    assert answer.status_code == 409
    assert f"/admin/incidents/incident/{draft.incident_id}/change/" in answer.content.decode()
    assert Incident.objects.count() == 1


def test_a_report_from_the_future_is_refused_in_words() -> None:
    component = ComponentFactory()
    posted = {"component": component.pk, "status": "delayed", "since_day": "2099-01-01", "since_time": "10:00"}
    page = sign_in(someone(AUTHOR)).post("/admin/incidents/incident/add/", posted).content.decode()
    assert "That is in the future" in page


@pytest.mark.parametrize("role", [ENGINEER, AUDITOR, APPROVER])
def test_only_authors_report_and_write(role: str) -> None:
    incident = a_public_incident()
    client = sign_in(someone(role))
    assert client.get("/admin/incidents/incident/add/").status_code == 403
    assert client.post(new_update(incident)).status_code == 403


def test_the_next_word_begins_with_the_last_states_and_its_token_makes_one_draft() -> None:
    incident = a_public_incident()
    client = sign_in(someone(AUTHOR))
    answers = [client.post(new_update(incident), {"once": "pressed twice"}) for _ in range(2)]
    draft = IncidentUpdate.objects.drafts().get()
    assert [answer["Location"] for answer in answers] == [at(draft), at(draft)]
    assert draft.affected.get().new_status == "partial_outage"
    assert 'value="partial_outage" selected' in client.get(at(draft)).content.decode()


def test_without_a_token_no_draft_is_begun() -> None:
    incident = a_public_incident()
    page = sign_in(someone(AUTHOR)).post(new_update(incident), follow=True).content.decode()
    assert "open the page again" in page
    assert not IncidentUpdate.objects.drafts().exists()


def test_a_person_goes_on_with_their_own_open_draft() -> None:
    incident = a_public_incident()
    client = sign_in(someone(AUTHOR))
    first, second = (client.post(new_update(incident), {"once": token})["Location"] for token in ("one", "two"))
    assert first == second


def test_the_next_word_in_signed_words_is_published_from_the_composer() -> None:
    incident = a_public_incident()
    timeline.observe(component=Component.objects.get(), status="operational", since=timezone.now(), now=timezone.now())
    client = sign_in(someone(AUTHOR))
    answer = client.post(new_update(incident), {"once": "token", "notice": "watching"})
    draft = IncidentUpdate.objects.drafts().get()
    assert answer["Location"] == at(draft)
    assert "watching since" in client.get(at(draft)).content.decode()
    assert client.post(at(draft), {"mode": "signed", "act": "publish"})["Location"] == at(draft, "after")
    incident.refresh_from_db()
    assert incident.status == "monitoring"


def test_a_closed_incident_takes_no_update() -> None:
    incident = a_public_incident()
    Incident.objects.filter(pk=incident.pk).update(status="resolved")
    answer = sign_in(someone(AUTHOR)).post(new_update(incident), {"once": "token"}, follow=True)
    assert "The incident is closed" in answer.content.decode()


def test_the_dashboard_leads_with_evidence_that_has_no_public_word() -> None:
    draft = a_draft()
    page = sign_in(someone(AUTHOR)).get("/admin/").content.decode()
    assert "1 problem needs a public word" in page
    assert "500.003.02: System is busy" in page
    assert at(draft) in page


def test_the_dashboard_shows_what_is_only_suspected_and_who_has_no_say() -> None:
    row = ProbeScheduleFactory(probe__code="stk-query")
    ProbeVerdict.objects.create(
        probe=row.probe, confirmed="operational", suspects="nairobi", suspected_since=timezone.now() - timedelta(minutes=3)
    )
    VantageLink.objects.create(vantage=row.vantage, out_since=timezone.now(), out_because="alone")
    page = sign_in(someone(AUTHOR)).get("/admin/").content.decode()
    assert "stk-query fails at nairobi and at no other vantage. Nothing is public." in page
    assert "Vantage out" in page


def test_the_evidence_tells_who_agrees_the_first_words_and_the_series() -> None:
    update = a_draft()
    update.incident.evidence["stk-push"] |= {
        "verdicts": [
            {"probe": "stk-query", "says": "partial_outage", "rule": "agreement", "agree": 2, "of": 3, "intermittent": True}
        ],
        "probes": [
            {
                "probe": "stk-query", "vantage": "nairobi", "says": "major_outage",
                "saw": "timeout", "first": "500.003.02", "series": "ooXX",
            },
            {"probe": "stk-oauth", "vantage": "nairobi", "says": "operational"},
            {"probe": "stk-query", "vantage": "kisumu", "says": "operational"},
        ],
    }  # fmt: skip
    update.incident.save(update_fields=["evidence"])
    page = sign_in(someone(AUTHOR)).get("/admin/").content.decode()
    assert "2 of 3 vantages agree; it comes and goes (intermittent); kisumu sees none of it" in page
    assert "First: 500.003.02" in page
    assert ">ooXX</code>" in page


def test_the_dashboard_shows_approvers_what_to_sign() -> None:
    draft = a_draft()
    author = someone(AUTHOR, "writer")
    drafts.edit_update(update=draft, actor=author, now=timezone.now(), body={"en": "Mine.", "sw": "Yangu."})
    signing.request(item=draft, actor=author, now=timezone.now())
    page = sign_in(someone(APPROVER)).get("/admin/").content.decode()
    assert "To sign" in page
    assert at(draft, "sign") in page


def test_the_dashboard_tells_how_soon_we_spoke_and_how_long_a_signature_took() -> None:
    draft, now = a_draft(), timezone.now()
    publishing.publish_update(update_id=draft.pk, actor=None, now=now)
    IncidentUpdate.objects.update(signature_requested_at=now - timedelta(minutes=4), signed_at=now, next_update_by=None)
    Incident.objects.update(detected_at=F("published_at") - timedelta(minutes=3))
    earlier = rows.publish(at=now - timedelta(days=31)).incident
    Incident.objects.filter(pk=earlier.pk).update(detected_at=now - timedelta(days=35))
    found = measures.of_late(now)
    assert (found.first_word, found.signature) == (timedelta(minutes=3), timedelta(minutes=4))
    assert "From evidence to the first word" in sign_in(someone(AUTHOR)).get("/admin/").content.decode()


def test_a_quiet_desk_says_so() -> None:
    assert "Nothing needs you" in sign_in(someone(AUTHOR)).get("/admin/").content.decode()


def test_a_person_without_a_role_sees_an_empty_dashboard() -> None:
    a_draft()
    page = sign_in(someone()).get("/admin/").content.decode()
    assert "500.003.02" not in page


def test_the_desk_speaks_on_24_hours(time_machine: Any) -> None:
    time_machine.move_to("2026-11-24T13:55:00Z", tick=False)
    page = sign_in(someone(AUTHOR)).get("/admin/").content.decode()
    assert "16:55" in page
    assert "p.m." not in page


def test_signing_in_leads_to_the_dashboard() -> None:
    user = someone(AUTHOR, "asha")
    user.set_password("a long password")
    user.save()
    answer = Client().post("/accounts/login/", {"login": "asha", "password": "a long password"})
    assert answer["Location"] == "/admin/"


def test_every_desk_page_bans_inline_script() -> None:
    policy = sign_in(someone(AUTHOR)).get("/admin/")["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval';" in policy
    assert "'unsafe-inline'" not in policy.partition("style-src")[0]
