"""What happens to components and incidents."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidents import drafts, signing, timeline
from incidents.drafts import TimelineError
from incidents.languages import by_language
from incidents.models import AuditEvent, Component, Incident, IncidentUpdate, RecordEntry, StatusChange
from statuspage import publishing
from tests.factories import NOON, ComponentFactory, UserFactory
from tests.incidents.helpers import all_notices

pytestmark = pytest.mark.django_db


@pytest.fixture
def component() -> Component:
    all_notices()
    return ComponentFactory(code="stk-push")


def observe(component: Component, status: str, minute: int = 0) -> StatusChange | None:
    now = NOON + timedelta(minutes=minute)
    return timeline.observe(component=component, status=status, since=now, now=now, evidence={"probes": [{"saw": "busy"}]})


def notice_code(update: IncidentUpdate) -> str:
    return update.notice.code if update.notice else ""


def test_what_probes_confirm_is_shown_and_recorded(component: Component) -> None:
    change = observe(component, "partial_outage")
    component.refresh_from_db()
    assert (component.status, component.status_source) == ("partial_outage", "probes")
    assert change is not None
    assert RecordEntry.objects.get(seq=change.record_seq).kind == "component_status"


def test_observing_the_same_twice_changes_nothing(component: Component) -> None:
    observe(component, "partial_outage")
    assert observe(component, "partial_outage", minute=1) is None
    assert StatusChange.objects.count() == 1
    assert Incident.objects.count() == 1


def test_trouble_opens_one_draft_with_evidence_in_the_words_of_the_signed_notice(component: Component) -> None:
    observe(component, "major_outage")
    draft = IncidentUpdate.objects.get()
    assert draft.publication == "draft"
    assert notice_code(draft) == "down"
    assert by_language(draft.body)["en"] == (
        "Service stk-push: down since 12:00 pm EAT. Do not pay again. Next update by 12:20 pm EAT."
    )
    assert by_language(draft.body)["sw"].endswith("Taarifa ijayo kufikia 12:20 EAT.")
    assert [item.new_status for item in draft.affected.all()] == ["major_outage"]
    assert draft.incident.evidence["stk-push"]["probes"] == [{"saw": "busy"}]
    assert drafts.is_untouched(draft)


@pytest.mark.parametrize("status", ["unknown", "operational"])
def test_silence_and_health_open_no_draft(component: Component, status: str) -> None:
    observe(component, status)
    assert not Incident.objects.exists()


def test_an_untouched_draft_follows_the_evidence(component: Component) -> None:
    observe(component, "delayed")
    observe(component, "major_outage", minute=1)
    draft = IncidentUpdate.objects.get()
    assert notice_code(draft) == "down"
    assert draft.affected.get().new_status == "major_outage"


def test_words_of_a_person_are_left_alone_when_the_evidence_changes(component: Component) -> None:
    observe(component, "delayed")
    draft = IncidentUpdate.objects.get()
    drafts.edit_update(update=draft, actor=UserFactory(), now=NOON, body={"en": "Mine.", "sw": "Yangu."})
    observe(component, "major_outage", minute=1)
    draft.refresh_from_db()
    assert by_language(draft.body)["en"] == "Mine."


def test_a_draft_nobody_touched_is_dropped_when_the_trouble_ends(component: Component) -> None:
    observe(component, "major_outage")
    observe(component, "operational", minute=1)
    assert IncidentUpdate.objects.get().publication == "discarded"
    assert Incident.objects.get().publication == "discarded"
    assert AuditEvent.objects.filter(act="update.discard").exists()


def test_a_draft_a_person_worked_on_outlives_the_trouble(component: Component) -> None:
    observe(component, "major_outage")
    drafts.edit_update(update=IncidentUpdate.objects.get(), actor=UserFactory(), now=NOON, body={"en": "Mine.", "sw": "Yangu."})
    observe(component, "operational", minute=1)
    assert IncidentUpdate.objects.get().publication == "draft"


def test_an_incident_holds_its_component_until_a_person_says_otherwise(component: Component) -> None:
    observe(component, "major_outage")
    publishing.publish_update(update_id=IncidentUpdate.objects.get().pk, actor=UserFactory(), now=NOON)
    observe(component, "operational", minute=5)
    component.refresh_from_db()
    assert (component.status, component.status_source) == ("major_outage", "incident")


def test_a_component_nobody_watches_any_more_shows_what_was_stated(component: Component) -> None:
    observe(component, "unknown")
    timeline.stop_observing(component=component, now=NOON)
    component.refresh_from_db()
    assert (component.status, component.status_source, component.is_watched) == ("operational", "stated", False)


def test_an_edit_makes_the_editor_an_author_and_voids_the_notices_signature(component: Component) -> None:
    observe(component, "major_outage")
    editor = UserFactory()
    draft = drafts.edit_update(update=IncidentUpdate.objects.get(), actor=editor, now=NOON, body={"en": "Mine.", "sw": "Yangu."})
    assert signing.signature_state(draft) == "void"
    with pytest.raises(signing.SigningRefused, match="Another person"):
        signing.sign(item=draft, signer=editor, now=NOON)


def test_a_promise_is_kept_or_cleared_as_the_editor_says(component: Component) -> None:
    observe(component, "major_outage")
    draft = IncidentUpdate.objects.get()
    kept = drafts.edit_update(update=draft, actor=UserFactory(), now=NOON, status="identified")
    assert kept.next_update_by is not None
    cleared = drafts.edit_update(update=draft, actor=UserFactory(), now=NOON, next_update_by=None)
    assert cleared.next_update_by is None


def test_two_people_editing_one_draft_lose_nothing(component: Component) -> None:
    observe(component, "major_outage")
    draft = IncidentUpdate.objects.get()
    seen = draft.updated_at
    drafts.edit_update(update=draft, actor=UserFactory(), now=NOON, body={"en": "First.", "sw": "Kwanza."}, seen_at=seen)
    with pytest.raises(TimelineError, match="Someone else changed"):
        drafts.edit_update(update=draft, actor=UserFactory(), now=NOON, body={"en": "Second.", "sw": "Pili."}, seen_at=seen)
    draft.refresh_from_db()
    assert by_language(draft.body)["en"] == "First."


def test_a_public_update_is_never_edited(component: Component) -> None:
    observe(component, "major_outage")
    update = publishing.publish_update(update_id=IncidentUpdate.objects.get().pk, actor=None, now=NOON)
    with pytest.raises(TimelineError, match="public already"):
        drafts.edit_update(update=update, actor=UserFactory(), now=NOON, body={"en": "Other.", "sw": "Lingine."})


def test_a_closed_incident_takes_no_update(component: Component) -> None:
    incident = Incident.objects.create(name={}, started_at=NOON, status="resolved", publication="published", published_at=NOON)
    with pytest.raises(TimelineError, match="closed"):
        drafts.add_update(
            incident=incident, status="monitoring", body={}, affected={}, next_update_by=None, author=None, now=NOON
        )


# --- What was written down later stands beside ----------------------------------------------------


def a_past_one(component: Component) -> IncidentUpdate:
    return drafts.open_backfill(
        name={"en": "Payments failed", "sw": "Malipo yalikwama"},
        body={"en": "Payments failed for an hour.", "sw": "Malipo yalikwama kwa saa moja."},
        affected={component: "major_outage"},
        started_at=NOON - timedelta(days=400),
        ended_at=NOON - timedelta(days=400, hours=-1),
        author=UserFactory(),
        now=NOON,
    )


def test_a_past_incident_that_waits_to_be_signed_hides_no_trouble_of_today(component: Component) -> None:
    past = a_past_one(component)
    observe(component, "major_outage")
    today = IncidentUpdate.objects.exclude(pk=past.pk).get()
    assert (today.publication, notice_code(today)) == ("draft", "down")
    past.incident.refresh_from_db()
    assert past.incident.evidence == {}


def test_editing_a_past_incident_takes_over_no_draft_of_today(component: Component) -> None:
    past = a_past_one(component)
    observe(component, "major_outage")
    drafts.edit_update(update=past, actor=UserFactory(), now=NOON, affected={component: "partial_outage"})
    assert IncidentUpdate.objects.drafts().count() == 2


def test_trouble_of_today_is_written_of_while_past_incidents_wait(component: Component) -> None:
    a_past_one(component)
    draft = drafts.open_draft(component=component, status="partial_outage", since=NOON, now=NOON, author=UserFactory())
    drafts.edit_update(update=draft, actor=UserFactory(), now=NOON, affected={component: "major_outage"})
    assert [item.new_status for item in draft.affected.all()] == ["major_outage"]


def test_a_past_incident_has_no_other_phase_than_resolved_and_no_next_word(component: Component) -> None:
    past = a_past_one(component)
    with pytest.raises(TimelineError, match="stays “resolved”"):
        drafts.edit_update(update=past, actor=UserFactory(), now=NOON, status="investigating")
    with pytest.raises(TimelineError, match="closed"):
        drafts.add_update(
            incident=past.incident, status="investigating", body={}, affected={}, next_update_by=None, author=None, now=NOON
        )
