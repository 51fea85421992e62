"""The review of an incident: what it holds, when it is due, and that nothing is closed without it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from incidents import closing, deadlines, documents, drafts, figures, record, reviews, signing, times
from incidents.drafts import TimelineError
from incidents.languages import by_language, in_all
from incidents.models import AuditEvent, Component, Incident, RecordEntry, Review
from incidents.policy import Gate
from incidents.reviews import Measure, ReviewFacts
from incidents.verification import verify
from statuspage import page, publishing
from statuspage.publishing import Blocked
from tests.factories import NOON, ComponentFactory, UserFactory
from tests.incidents.helpers import all_notices

WORDS = {"en": "A disk was full.", "sw": "Diski ilijaa."}
READY = ReviewFacts(
    incident_status="resolved",
    is_public=True,
    cause_known=True,
    cause_due_at=None,
    cause=WORDS,
    measures=WORDS,
    apology=WORDS,
    now=NOON,
    prevention=[Measure(WORDS, WORDS, "2026-12-31")],
)


def codes(facts: ReviewFacts) -> list[str]:
    return [blocker.code for blocker in reviews.blockers(facts)]


def test_a_whole_review_may_go_out() -> None:
    assert codes(READY) == []


def test_a_cause_that_is_not_yet_known_needs_a_date_and_no_words() -> None:
    unknown = replace(READY, cause_known=False, cause={"en": "", "sw": ""})
    assert codes(unknown) == ["cause_date_missing"]
    assert codes(replace(unknown, cause_due_at=NOON)) == ["cause_date_past"]
    assert codes(replace(unknown, cause_due_at=NOON + timedelta(days=7))) == []


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"incident_status": "monitoring"}, "not_resolved", "incident"),
        ({"is_public": False}, "not_public", "incident"),
        ({"cause": {"en": "A disk was full.", "sw": ""}}, "language_missing", "cause.sw"),
        ({"measures": {"en": "", "sw": "x"}}, "language_missing", "measures.en"),
        ({"apology": {"en": "We are sorry for {since}.", "sw": "Samahani."}}, "slot_left", "apology.en"),
        ({"compensation": {"en": "Fees are returned.", "sw": ""}}, "language_missing", "compensation.sw"),
        ({"prevention": ()}, "prevention_missing", "prevention"),
        (
            {"prevention": [Measure(WORDS, {"en": "Storage", "sw": ""}, "2026-12-31")]},
            "language_missing",
            "prevention.1.owner.sw",
        ),
        ({"prevention": [Measure(WORDS, WORDS, "soon")]}, "prevention_date_missing", "prevention.1.by"),
    ],
)
def test_one_gap_blocks_and_names_where_to_mend_it(change: dict[str, Any], code: str, field: str) -> None:
    assert [(one.code, one.field) for one in reviews.blockers(replace(READY, **change))] == [(code, field)]


# --- Rows ------------------------------------------------------------------------------------------


def at(**span: float) -> datetime:
    return NOON + timedelta(**span)


@pytest.fixture
def resolved(db: None) -> Incident:
    """A major one, over at one o'clock."""
    component, notices = ComponentFactory(code="paybill"), all_notices()
    for minute, code in ((0, "down"), (30, "watching"), (60, "resolved")):
        publishing.publish_notice(component=component, notice=notices[code], actor=None, now=at(minutes=minute))
    return Incident.objects.get()


def written(incident: Incident, **fields: Any) -> Review:
    draft = Review(
        **{
            "incident": incident,
            "cause": in_all(WORDS),
            "measures": in_all({"en": "We moved the logs.", "sw": "Tulihamisha kumbukumbu."}),
            "apology": in_all({"en": "We are sorry.", "sw": "Samahani."}),
            "prevention": [
                {
                    "what": {"en": "A second disk", "sw": "Diski ya pili"},
                    "owner": {"en": "Storage", "sw": "Hifadhi"},
                    "by": "2026-12-31",
                }
            ],
            **fields,
        }
    )
    review = documents.add(document=draft, author=UserFactory(), now=at(hours=2))
    return signing.sign(item=review, signer=UserFactory(), now=at(hours=2))


def publish(review: Review, now: datetime) -> Review:
    return publishing.publish_review(review=review, actor=UserFactory(), now=now)


def test_a_published_review_is_an_entry_that_holds_no_text(resolved: Incident) -> None:
    publish(written(resolved), at(hours=3))
    body = json.loads(RecordEntry.objects.get(kind="review").body)
    assert body["data"]["prevention"] == ["2026-12-31"]
    assert body["data"]["incident"] == resolved.public_id
    assert {"cause.en", "prevention_what_1.sw", "prevention_owner_1.en"} <= set(body["texts"])
    assert "disk" not in RecordEntry.objects.get(kind="review").body
    assert verify().holds
    Review.objects.update(prevention=[])
    assert verify().problem == "the review it records was edited or removed"


def test_when_the_review_was_first_published_is_set_by_hand(resolved: Incident) -> None:
    given: dict[str, Any] = {
        "incident": resolved,
        "field": "review_published_at",
        "reason": "A PDF",
        "actor": UserFactory(),
        "now": at(hours=4),
    }
    with pytest.raises(TimelineError, match="no review is public"):
        times.set_time(value=at(hours=2), **given)
    publish(written(resolved), at(hours=3))
    with pytest.raises(TimelineError, match="after the incident's end"):
        times.set_time(value=at(minutes=1), **given)
    times.set_time(value=at(hours=2), **given)
    assert deadlines.moments_of(Incident.objects.get(pk=resolved.pk)).review_published == at(hours=2)
    assert page.build_incident(resolved.public_id, now=at(hours=5)).reviewed.first_by_hand == at(hours=2)
    assert verify().holds


def test_a_prevention_edited_by_hand_is_found(resolved: Incident) -> None:
    review = publish(written(resolved), at(hours=3))
    item = {**review.prevention[0], "owner": {"en": "Nobody", "sw": "Hakuna"}}
    Review.objects.update(prevention=[item])
    assert verify().problem == "the text prevention_owner_1.en of its review was edited"


def test_a_review_goes_out_in_both_languages_and_signed_or_not_at_all(resolved: Incident) -> None:
    review = written(resolved)
    changed = documents.edit(document=review, actor=UserFactory(), now=at(hours=2), apology=in_all({"en": "Sorry.", "sw": ""}))
    with pytest.raises(Blocked) as refusal:
        publish(changed, at(hours=3))
    assert [blocker.code for blocker in refusal.value.blockers] == ["language_missing", "signature_void"]
    assert not RecordEntry.objects.filter(kind="review").exists()


@pytest.mark.django_db(transaction=True)
def test_one_text_of_a_review_can_be_removed_and_the_record_holds(snapshot_dir: object) -> None:
    component, notices = ComponentFactory(code="paybill"), all_notices()
    for minute, code in ((0, "down"), (30, "watching"), (60, "resolved")):
        publishing.publish_notice(component=component, notice=notices[code], actor=None, now=at(minutes=minute))
    review = publish(written(Incident.objects.get()), at(hours=3))
    assert review.record_seq is not None
    record.redact(
        seq=review.record_seq,
        field="prevention_owner_1.en",
        requested_by=UserFactory(),
        approved_by=UserFactory(),
        now=at(hours=4),
    )
    review.refresh_from_db()
    assert review.prevention[0]["owner"] == {"en": "[removed on 2026-11-24]", "sw": "Hifadhi"}
    assert verify().holds


# --- Due -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "impact", "state"),
    [(3, "", "due_by"), (3.1, "", "overdue"), (13.9, "minor", "due_by"), (14.1, "minor", "overdue")],
)
def test_a_resolved_incident_says_when_its_review_is_due_and_then_that_it_is_overdue(
    resolved: Incident, days: float, impact: str, state: str
) -> None:
    Incident.objects.update(impact=impact or "major")
    incident, now = Incident.objects.get(), at(hours=1, days=days)
    found = closing.review_state(incident, now=now)
    assert (found.state, found.due_at) == (state, at(hours=1, days=14 if impact else 3))
    assert [one.pk for one in closing.overdue_reviews(now=now)] == ([incident.pk] if state == "overdue" else [])


def turning(**hours: float) -> set[str]:
    """In the minute around this moment, after all that happened."""
    moment = at(**hours)
    return closing.reviews_turning(since=moment - timedelta(seconds=30), now=moment + timedelta(seconds=30))


@pytest.mark.parametrize(("impact", "days"), [("none", 14), ("minor", 14), ("major", 3), ("critical", 3)])
def test_the_page_turns_when_a_review_falls_due_and_at_no_other_time(resolved: Incident, impact: str, days: int) -> None:
    Incident.objects.update(impact=impact)
    found = {other: turning(hours=1, days=other) for other in (0, 3, 14)}
    assert found == {other: {resolved.public_id} if other == days else set() for other in (0, 3, 14)}


@pytest.mark.django_db
@pytest.mark.database
def test_what_was_written_down_later_owes_its_review_from_then_on() -> None:
    component = ComponentFactory()
    draft = drafts.open_backfill(
        name=in_all(WORDS),
        body=in_all(WORDS),
        affected={component: "major_outage"},
        started_at=at(days=-9),
        ended_at=at(days=-8),
        author=UserFactory(),
        now=at(hours=1),
    )
    signing.sign(item=draft, signer=UserFactory(), now=at(hours=2))
    incident = publishing.publish_update(update_id=draft.pk, actor=None, now=at(hours=3)).incident
    assert (turning(hours=3, days=3), turning(days=-5)) == ({incident.public_id}, set())


def test_a_cause_that_is_owed_turns_the_page_when_it_falls_due(resolved: Incident) -> None:
    publish(written(resolved, cause_known=False, cause_due_at=at(days=7), cause=in_all({})), at(hours=3))
    assert (turning(days=7), turning(days=6)) == ({resolved.public_id}, set())


def test_when_a_review_is_due_is_a_choice_of_the_deployment(resolved: Incident, settings: Any) -> None:
    settings.REVIEW_DAYS = {**settings.REVIEW_DAYS, "major": 10}
    assert closing.review_state(resolved, now=at(days=9)).state == "due_by"


def test_a_review_without_a_cause_owes_it_by_the_named_day_and_the_next_version_gives_it(resolved: Incident) -> None:
    first = written(resolved, cause_known=False, cause_due_at=at(days=7), cause=in_all({}))
    publish(first, at(hours=3))
    assert closing.review_state(resolved, now=at(days=6)) == figures.Review(figures.ReviewState.CAUSE_DUE_BY, at(days=7))
    assert closing.review_state(resolved, now=at(days=8)).state == "cause_overdue"
    assert closing.overdue_reviews(now=at(days=8)) == [resolved]
    publish(written(resolved), at(days=8))
    assert closing.review_state(resolved, now=at(days=8)).state == "published"
    assert [by_language(one.cause)["en"] for one in Review.objects.published()] == ["A disk was full.", ""]
    assert verify().holds


def test_a_list_of_incidents_asks_for_their_reviews_once(resolved: Incident, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        closing.review_states([resolved, resolved], now=at(days=1))


# --- Closing ---------------------------------------------------------------------------------------


def test_an_open_incident_is_not_closed(resolved: Incident) -> None:
    Incident.objects.update(status="monitoring")
    with pytest.raises(closing.NotYet, match="publish “resolved” first"):
        closing.close(incident=resolved, actor=UserFactory(), now=at(hours=2))


def test_a_major_incident_is_closed_after_its_review_and_not_before(resolved: Incident) -> None:
    with pytest.raises(closing.NotYet) as refusal:
        closing.close(incident=resolved, actor=UserFactory(), now=at(hours=2))
    assert "review_missing" in [blocker.code for blocker in refusal.value.blockers]
    assert Incident.objects.get().closed_at is None
    publish(written(resolved), at(hours=3))
    assert "review_missing" not in [blocker.code for blocker in closing.closing_blockers(resolved, now=at(hours=4))]


@pytest.fixture
def reviewed(resolved: Incident, settings: Any) -> Incident:
    """Nothing is owed but the statement, which another test asks for."""
    settings.GATES_OFF = frozenset({Gate.STATEMENT})
    publish(written(resolved), at(hours=3))
    return resolved


def test_closing_is_for_staff_and_in_no_entry(reviewed: Incident) -> None:
    before, closer = record.head().seq, UserFactory()
    closed = closing.close(incident=reviewed, actor=closer, now=at(hours=4))
    assert (closed.closed_at, closed.closed_by) == (at(hours=4), closer)
    assert closing.close(incident=reviewed, actor=UserFactory(), now=at(hours=5)).closed_by == closer
    assert record.head().seq == before
    assert AuditEvent.objects.filter(act="incident.close").count() == 1
    assert verify().holds


def test_a_closed_incident_that_comes_back_is_open_again(reviewed: Incident) -> None:
    closing.close(incident=reviewed, actor=UserFactory(), now=at(hours=4))
    component = Component.objects.get()
    draft = drafts.add_update(
        incident=reviewed,
        status="investigating",
        body=WORDS,
        affected={component: "partial_outage"},
        next_update_by=at(hours=6),
        author=UserFactory(),
        now=at(hours=5),
    )
    signing.sign(item=draft, signer=UserFactory(), now=at(hours=5))
    publishing.publish_update(update_id=draft.pk, actor=None, now=at(hours=5))
    assert Incident.objects.get().closed_at is None


def test_minor_incidents_and_false_alarms_are_closed_without_a_review(resolved: Incident, settings: Any) -> None:
    for change in ({"impact": "minor"}, {"status": "false_alarm", "impact": "none"}):
        Incident.objects.update(**change)
        assert closing.closing_blockers(Incident.objects.get(), now=at(hours=2)) == []


def test_closing_past_a_switched_off_gate_says_so_in_the_audit_log(resolved: Incident, settings: Any) -> None:
    settings.GATES_OFF = frozenset({Gate.REVIEW, Gate.STATEMENT})
    closing.close(incident=resolved, actor=UserFactory(), now=at(hours=2))
    assert "review" in AuditEvent.objects.get(act="incident.close").details["waived"]


def test_being_resolved_waits_for_no_review(resolved: Incident) -> None:
    assert (resolved.status, Review.objects.count()) == ("resolved", 0)
