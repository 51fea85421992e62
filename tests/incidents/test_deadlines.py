"""An incident's figures, deadlines and filings from its rows."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from incidents import breaches, corrections, deadlines, documents, drafts, filings, signing, times
from incidents.drafts import TimelineError
from incidents.languages import in_all
from incidents.models import AuditEvent, Component, Filing, Incident, RecordEntry, Review, ScheduledMaintenance
from incidents.words import IncidentStatus
from statuspage import checks, publishing
from tests.factories import NOON, ComponentFactory, UserFactory
from tests.incidents import plans
from tests.incidents.helpers import all_notices

pytestmark = pytest.mark.django_db


def at(**span: float) -> datetime:
    return NOON + timedelta(**span)


@pytest.fixture
def officer() -> User:
    return UserFactory()


@pytest.fixture
def incident(settings: Any, officer: User) -> Incident:
    """Major, known of and public since noon in Nairobi, over at half past one."""
    settings.PROVIDER_NAME, settings.BASE_URL = "Mfano Pesa", "https://status.mfanopesa.example"
    settings.PAGE_TIME_ZONE = "Africa/Nairobi"
    component, notices = ComponentFactory(code="paybill", name=in_all({"en": "PayBill", "sw": "PayBill"})), all_notices()
    for minute, code in ((0, "down"), (30, "watching"), (90, "resolved")):
        publishing.publish_notice(component=component, notice=notices[code], actor=officer, now=at(minutes=minute))
    return Incident.objects.get()


def states(incident: Incident, now: datetime) -> dict[str, str]:
    return {one.rule.code: str(one.state) for one in deadlines.deadlines_of(incident, now=now)}


def test_its_figures_are_computed_from_its_rows(incident: Incident, officer: User) -> None:
    earlier = NOON - timedelta(minutes=8)
    times.set_time(incident=incident, field="started_at", value=earlier, reason="Logs", actor=officer, now=at(hours=2))
    found = deadlines.figures_of(Incident.objects.get(), now=at(hours=3))
    assert found.to_detect == timedelta(minutes=8)
    assert found.to_first_word == timedelta(0)
    assert found.to_restore == timedelta(minutes=38)
    assert found.duration == timedelta(minutes=98)
    assert found.longest_silence == timedelta(minutes=60)
    assert (found.promises_made, found.promises_missed) == (2, 1)


def test_kenyas_deadlines_run_by_default(incident: Incident) -> None:
    assert states(incident, at(hours=2)) == {
        "ca-hour": "met",
        "ca-report": "running",
        "cbk-cyber": "running",
        "cbk-cyber-report": "not_started",
    }


def test_what_a_provider_is_changes_its_deadlines(incident: Incident, settings: Any) -> None:
    settings.DEADLINE_CONDITIONS = ["system_wide_important"]
    assert states(incident, at(hours=1.9))["cbk-cyber-important"] == "due"
    assert states(incident, at(hours=2.1))["cbk-cyber-important"] == "missed"


def test_an_incident_that_is_no_security_matter_has_no_cyber_deadline(incident: Incident, officer: User) -> None:
    times.set_security(incident=incident, value="no", reason="Triage", actor=officer, now=at(hours=2))
    assert "cbk-cyber" not in states(Incident.objects.get(), at(hours=2))


def test_an_open_breach_record_starts_the_72_hours_of_the_data_commissioner(incident: Incident, officer: User) -> None:
    breach = breaches.open_breach(incident=incident, reason="A file was read.", actor=officer, now=at(hours=3))
    [clock] = [one for one in deadlines.deadlines_of(incident, now=at(hours=4)) if one.rule.code == "odpc-breach"]
    assert (clock.state, clock.due_at) == ("running", at(hours=75))
    assert states(incident, at(hours=76))["odpc-breach"] == "missed"
    draft = deadlines.draft_filing(incident=incident, code="odpc-breach", now=at(hours=4))
    assert filings.SLOTS["breach_aware"]["en"] not in draft  # filled in, no gap
    breaches.close_breach(breach=breach, finding="A test account.", actor=officer, now=at(hours=5))
    assert "odpc-breach" not in states(incident, at(hours=6))


def test_people_whose_data_was_seen_are_not_told_by_what_was_said_of_the_outage(incident: Incident, officer: User) -> None:
    breaches.open_breach(incident=incident, reason="A file was read.", actor=officer, now=at(hours=3))
    assert states(incident, at(hours=4))["odpc-data-subjects"] == "due"


@pytest.mark.parametrize(("profile", "code"), [("eu-dora", "dora-initial"), ("uk", "uk-initial"), ("ghana", "ghana-users")])
def test_other_jurisdictions_are_switched_on_by_name(incident: Incident, settings: Any, profile: str, code: str) -> None:
    assert code not in states(incident, at(hours=2))
    settings.DEADLINE_PROFILES = [profile]
    assert code in states(incident, at(hours=2))


def test_subscribers_who_were_told_are_customers_who_were_told(incident: Incident, settings: Any) -> None:
    settings.DEADLINE_PROFILES = ["ghana"]
    assert states(incident, at(hours=25))["ghana-users"] == "met"


# --- Drafts ----------------------------------------------------------------------------------------


def test_a_draft_is_filled_from_the_rows_and_shows_its_gaps(incident: Incident) -> None:
    text = deadlines.draft_filing(incident=incident, code="ca-report", now=at(hours=2))
    assert "Provider: Mfano Pesa" in text
    assert f"Our reference: {incident.public_id}" in text
    assert "Services, channels and counties: PayBill;" in text
    assert "First effect on customers: 12:00 pm EAT, 24 Nov 2026" in text
    assert "Lasted: 1 h 30 min" in text
    assert f"https://status.mfanopesa.example/incidents/{incident.public_id}" in text
    assert "Cause: [to be filled in: cause]" in text


def test_a_draft_takes_cause_and_prevention_from_the_published_review(incident: Incident, officer: User) -> None:
    words = in_all({"en": "A disk was full.", "sw": "Diski ilijaa."})
    item = {"what": {"en": "A second disk", "sw": "Diski"}, "owner": {"en": "Storage", "sw": "Hifadhi"}, "by": "2026-12-31"}
    review = Review(incident=incident, cause=words, measures=words, apology=words, prevention=[item])
    draft = documents.add(document=review, author=officer, now=at(hours=2))
    signing.sign(item=draft, signer=UserFactory(), now=at(hours=2))
    publishing.publish_review(review=draft, actor=officer, now=at(hours=2))
    text = deadlines.draft_filing(incident=incident, code="ca-report", now=at(hours=3))
    assert "Cause: A disk was full." in text
    assert "Prevention, with dates and owners: A second disk (Storage, 2026-12-31)" in text


def test_a_draft_says_what_the_updates_said_last(incident: Incident, officer: User) -> None:
    draft = drafts.add_update(
        incident=incident,
        status=IncidentStatus.INVESTIGATING,
        body={"en": "It is back.", "sw": "Limerudi."},
        affected={Component.objects.get(): "partial_outage"},
        next_update_by=at(hours=4),
        author=officer,
        now=at(hours=3),
        more={"areas": [1, 47], "channels": ["ussd"], "who_affected": {"en": "Some.", "sw": "Baadhi."}, "share_affected": 124},
    )
    signing.sign(item=draft, signer=UserFactory(), now=at(hours=3))
    publishing.publish_update(update_id=draft.pk, actor=officer, now=at(hours=3))
    text = deadlines.draft_filing(incident=Incident.objects.get(), code="cbk-cyber-report", now=at(hours=3))
    assert "Channels and places: USSD; Mombasa, Nairobi" in text
    assert "Share of transactions affected: 12.4 %" in text
    assert "Customers affected: Some." in text
    both = {"en": "Many.", "sw": "Wengi."}
    corrected = corrections.draft(of=draft, words={"who_affected": both}, reason=both, author=officer, now=at(hours=3))
    signed = signing.sign(item=corrected, signer=UserFactory(), now=at(hours=3))
    publishing.publish_correction(correction=signed, actor=officer, now=at(hours=3))
    text = deadlines.draft_filing(incident=Incident.objects.get(), code="cbk-cyber-report", now=at(hours=3))
    assert "Customers affected: Many." in text


@pytest.mark.parametrize(
    ("code", "language", "words"),
    [("cbk-tea", "en", "called cbk-tea: there are ca-hour"), ("ca-report", "sw", "no draft in “sw”")],
)
def test_a_draft_that_does_not_exist_is_one_line(incident: Incident, code: str, language: str, words: str) -> None:
    with pytest.raises(TimelineError, match=words):
        deadlines.draft_filing(incident=incident, code=code, now=at(hours=2), language=language)


# --- Filed -----------------------------------------------------------------------------------------


def test_a_person_files_and_the_clock_stops_for_staff_only(incident: Incident, officer: User) -> None:
    before = RecordEntry.objects.count()
    filing = deadlines.mark_filed(
        about=incident,
        code="cbk-cyber",
        filed_at=at(hours=3),
        actor=officer,
        now=at(hours=4),
        reference="No. 7",
        text="Dear …",
    )
    assert (filing.filed_by, filing.reference) == (officer, "No. 7")
    assert states(incident, at(hours=30))["cbk-cyber"] == "met"
    assert states(incident, at(hours=30))["cbk-cyber-report"] == "due"  # counts from it
    assert AuditEvent.objects.get(act="filing.add").details["code"] == "cbk-cyber"
    assert RecordEntry.objects.count() == before


def test_a_late_filing_stays_late(incident: Incident, officer: User) -> None:
    deadlines.mark_filed(about=incident, code="cbk-cyber", filed_at=at(hours=25), actor=officer, now=at(hours=26))
    [found] = [one for one in deadlines.deadlines_of(incident, now=at(hours=26)) if one.rule.code == "cbk-cyber"]
    assert (found.state, found.late_by) == ("missed", timedelta(hours=1))


def test_a_filing_is_marked_once_and_can_be_taken_back_with_a_reason(incident: Incident, officer: User) -> None:
    filing = deadlines.mark_filed(about=incident, code="ca-report", filed_at=at(hours=3), actor=officer, now=at(hours=4))
    with pytest.raises(TimelineError, match="marked as filed already"):
        deadlines.mark_filed(about=incident, code="ca-report", filed_at=at(hours=4), actor=officer, now=at(hours=4))
    with pytest.raises(TimelineError, match="what was wrong"):
        deadlines.take_back_filing(filing=filing, reason=" ", actor=officer, now=at(hours=5))
    deadlines.take_back_filing(filing=filing, reason="Bounced", actor=officer, now=at(hours=5))
    assert states(incident, at(hours=5))["ca-report"] == "running"
    deadlines.mark_filed(about=incident, code="ca-report", filed_at=at(hours=6), actor=officer, now=at(hours=6))
    assert Filing.objects.count() == 2


@pytest.mark.parametrize(("hours", "words"), [(5, "not come yet"), (-5, "before the incident began")])
def test_nobody_files_tomorrow_or_before_it_began(incident: Incident, officer: User, hours: float, words: str) -> None:
    with pytest.raises(TimelineError, match=words):
        deadlines.mark_filed(about=incident, code="ca-report", filed_at=at(hours=hours), actor=officer, now=at(hours=4))


def test_days_off_are_the_deployments(incident: Incident, settings: Any) -> None:
    settings.HOLIDAYS = [date(2026, 12, 25)]
    assert date(2026, 12, 25) in deadlines.situation_of(incident).holidays


@pytest.mark.parametrize(
    ("name", "value", "ident", "words"),
    [
        ("DEADLINE_PROFILES", ["mars"], "statuspage.E001", "There is no profile mars"),
        ("DEADLINE_CONDITIONS", ["lucky"], "statuspage.E002", "there is no lucky"),
    ],
)
def test_an_unknown_profile_or_condition_is_an_error_at_start(
    settings: Any, name: str, value: list[str], ident: str, words: str
) -> None:
    assert checks.check_deadlines() == []
    setattr(settings, name, value)
    [found] = checks.check_deadlines()
    assert found.id == ident
    assert words in found.msg


def test_planned_work_has_its_own_clocks_and_drafts(settings: Any) -> None:
    settings.DEADLINE_PROFILES = ["pakistan", "saudi-arabia", "kenya"]
    settings.PROVIDER_NAME = "Mfano Pesa"
    planned = plans.announced(
        {ComponentFactory(code="paybill", name=in_all({"en": "PayBill"})): "partial_outage"}, start=240, end=243
    )
    ScheduledMaintenance.objects.update(created_at=at(hours=-72))  # known when it was announced
    planned.refresh_from_db()
    found = {one.rule.code: one for one in deadlines.deadlines_of_planned(planned, now=at(hours=1))}
    assert {code: str(one.state) for code, one in found.items() if code != "sbp-overrun"} == {
        "sbp-planned": "running",
        "sbp-planned-customers": "met",
        "sama-planned": "running",
    }
    assert found["sbp-planned"].due_at == at(hours=240) - timedelta(days=7)
    draft = deadlines.draft_of_planned(planned=planned, code="sbp-planned")
    assert f"Activity: {plans.NAME['en']}" in draft
    assert "Services affected: PayBill" in draft
    with pytest.raises(TimelineError, match="no draft in “lg”"):
        deadlines.draft_of_planned(planned=planned, code="sbp-planned", language="lg")
