"""Planned work at the desk: announced ahead with a signature, moved, cancelled, completed; and what comes by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from incidents.maintenance import Phase
from incidents.models import MaintenanceUpdate, ScheduledMaintenance
from statuspage.roles import APPROVER, AUDITOR, AUTHOR
from tests.factories import ComponentFactory
from tests.statuspage.desk import page_of, sign_in, someone
from tests.statuspage.forms import posted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]
NEW = "/admin/incidents/maintenanceupdate/add/"
WORDS = {
    "name_en": "New database for airtime",
    "name_sw": "Hifadhidata mpya ya muda wa maongezi",
    "body_en": "You may not be able to buy airtime. Buy before then.",
    "body_sw": "Huenda usiweze kununua muda wa maongezi. Nunua mapema.",
    "expected_airtime": "partial_outage",
}


def when(key: str, moment: datetime) -> dict[str, str]:
    local = timezone.localtime(moment)
    return {f"{key}_day": f"{local:%Y-%m-%d}", f"{key}_time": f"{local:%H:%M}"}


def window(hours: float = 72, length: float = 2) -> dict[str, str]:
    start = timezone.now() + timedelta(hours=hours)
    return {**when("starts_at", start), **when("ends_at", start + timedelta(hours=length))}


@pytest.fixture
def author() -> Client:
    ComponentFactory(code="airtime")
    return sign_in(someone(AUTHOR, "asha"))


def drafted(author: Client, **changes: Any) -> MaintenanceUpdate:
    answer = author.post(NEW, posted(author.get(NEW), **{**WORDS, **window(), **changes}))
    assert answer.status_code == 302, answer.content.decode()
    return MaintenanceUpdate.objects.latest("id")


def announced(author: Client, **changes: Any) -> ScheduledMaintenance:
    draft, approver = drafted(author, **changes), sign_in(someone(APPROVER))
    publish(approver, draft)
    return ScheduledMaintenance.objects.latest("id")


def publish(approver: Client, draft: MaintenanceUpdate) -> None:
    seen = approver.get(page_of(draft, "sign")).context["seen_hash"]
    answer = approver.post(page_of(draft, "sign"), {"seen_hash": seen, "act": "publish"})
    assert answer.status_code == 302, answer.content.decode()


def test_work_is_announced_ahead_with_its_time_line(author: Client) -> None:
    draft = drafted(author)
    page = author.get(page_of(draft))
    said = [words for _, words, _, _ in page.context["moments"]]
    assert said[1:] == [
        "Reminder, 24 h before",
        "Reminder, 1 h before",
        "Starts",
        "“Taking longer” waits for you",
        "Ends; probes must agree, else a problem opens",
    ]
    publish(sign_in(someone(APPROVER)), draft)
    assert author.get(page_of(draft)).context["moments"][0][1] == "Announced"
    planned = ScheduledMaintenance.objects.get()
    assert planned.phase == Phase.SCHEDULED
    assert planned.announced_at
    assert b"Cancel the work" in author.get(page_of(planned)).content


def test_what_is_public_leads_to_its_page(author: Client) -> None:
    planned = announced(author)
    assert planned.plan is not None
    assert f'href="/maintenance/{planned.public_id}">On the public page' in author.get(page_of(planned.plan)).content.decode()


def test_work_that_has_begun_already_is_no_planned_work(author: Client) -> None:
    draft = drafted(author, **window(hours=-1, length=3))
    page = author.get(page_of(draft)).content.decode()
    assert "planned work is announced before it begins" in page
    assert 'href="#starts_at"' in page


def test_an_end_before_its_start_loses_nothing(author: Client) -> None:
    answer = author.post(NEW, posted(author.get(NEW), **{**WORDS, **window(length=-2)}))
    assert answer.status_code == 422
    assert b"The end lies before the start." in answer.content
    assert b"New database for airtime" in answer.content


@pytest.mark.parametrize(
    ("repeats", "begins"), [("weekly", "FREQ=WEEKLY;BYDAY="), ("last", "FREQ=MONTHLY;BYDAY=-1"), ("own", "FREQ=DAILY")]
)
def test_work_repeats_by_a_choice_or_a_rule_and_the_next_ones_are_shown(author: Client, repeats: str, begins: str) -> None:
    draft = drafted(author, repeats=repeats, recurrence="FREQ=DAILY;INTERVAL=7")
    assert draft.maintenance.recurrence.startswith(begins)
    assert len(author.get(page_of(draft)).context["coming"]) == 3


def test_a_rule_that_cannot_be_read_blocks_and_says_how_to_write_it(author: Client) -> None:
    draft = drafted(author, repeats="own", recurrence="every sunday")
    assert b"Write it like FREQ=WEEKLY;BYDAY=SU" in author.get(page_of(draft)).content


def test_a_series_is_ended(author: Client) -> None:
    planned = announced(author, repeats="weekly")
    author.post(page_of(planned, "end-series"))
    planned.refresh_from_db()
    assert planned.series_ended_at


def test_work_moves_to_another_time_with_a_signature_of_its_own(author: Client) -> None:
    planned = announced(author)
    move = f"{NEW}?moves={planned.pk}"
    author.post(move, posted(author.get(move), **window(hours=96)))
    draft = MaintenanceUpdate.objects.drafts().get()
    before = planned.starts_at
    planned.refresh_from_db()
    assert planned.starts_at == before  # until it is signed and public
    publish(sign_in(someone(APPROVER)), draft)
    planned.refresh_from_db()
    assert planned.starts_at is not None
    assert before is not None
    assert planned.starts_at > before + timedelta(hours=23)


def test_work_is_cancelled_at_once_in_words_signed_with_the_announcement(author: Client) -> None:
    planned = announced(author)
    assert author.post(page_of(planned, "step"), {"status": "cancelled"}).status_code == 302
    planned.refresh_from_db()
    assert planned.phase == Phase.CANCELLED


def test_words_of_ones_own_about_it_are_a_draft_to_sign(author: Client) -> None:
    planned = announced(author)
    step = page_of(planned, "step")
    assert author.post(step, {"status": "cancelled", "own_words": "1"}).status_code == 422
    own = {"body_en": "We do it next month.", "body_sw": "Tutafanya mwezi ujao."}
    assert author.post(step, {"status": "cancelled", "own_words": "1", **own}).status_code == 302
    draft = MaintenanceUpdate.objects.drafts().get()
    planned.refresh_from_db()
    assert planned.phase == Phase.SCHEDULED
    publish(sign_in(someone(APPROVER)), draft)
    planned.refresh_from_db()
    assert planned.phase == Phase.CANCELLED


def test_a_step_that_does_not_follow_is_refused_and_leaves_no_draft(author: Client) -> None:
    planned = announced(author)
    answer = author.post(page_of(planned, "step"), {"status": "completed"})
    assert answer.status_code == 409
    assert b"cannot become completed" in answer.content
    assert not MaintenanceUpdate.objects.drafts().exists()


def test_an_auditor_looks_and_steps_nothing(author: Client) -> None:
    planned, auditor = announced(author), sign_in(someone(AUDITOR))
    assert auditor.get(page_of(planned)).status_code == 200
    for act in ("step", "end-series"):
        assert auditor.post(page_of(planned, act), {"status": "cancelled"}).status_code == 403


def test_clocks_of_planned_work_stand_at_the_desk_with_drafts_and_what_was_handed_in(author: Client, settings: Any) -> None:
    settings.DEADLINE_PROFILES = ["pakistan"]
    planned = announced(author, **window(240))
    assert [clock.rule.code for about, clock in author.get("/admin/").context["instruments"]["clocks"] if about == planned]
    listed = f"/admin/incidents/scheduledmaintenance/{planned.pk}/deadlines/"
    assert [one.state for one, _ in author.get(listed).context["deadlines"] if one.rule.code == "sbp-planned"] == ["running"]
    assert "New database for airtime" in author.get(f"{listed}sbp-planned/").content.decode()
    handed = {**when("filed_at", timezone.now() - timedelta(minutes=1)), "reference": "No. 7", "text": "Dear"}
    assert author.post(f"{listed}sbp-planned/", handed).status_code == 302
    assert author.post(f"{listed}sbp-planned/", handed).status_code == 409
    assert [one.state for one, _ in author.get(listed).context["deadlines"] if one.rule.code == "sbp-planned"] == ["met"]
    taken = {"take_back": planned.filings.get().pk, "reason": "Wrong office."}
    assert author.post(f"{listed}sbp-planned/", taken).status_code == 302
    assert not planned.filings.filter(taken_back_at=None).exists()
