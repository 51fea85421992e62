"""The only way words become public."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from incidents import record, signing, timeline
from incidents.languages import by_language
from incidents.models import Component, Incident, IncidentUpdate, RecordEntry
from statuspage import publishing
from statuspage.publishing import Blocked
from subscribers.models import Notification
from tests.factories import NOON, ComponentFactory, UserFactory
from tests.incidents.helpers import all_notices

pytestmark = pytest.mark.django_db


@pytest.fixture
def notices() -> dict[str, Any]:
    return all_notices()


@pytest.fixture
def component(notices: dict[str, Any]) -> Component:
    return ComponentFactory(code="stk-push")


def observe(component: Component, status: str, minute: float = 0) -> None:
    now = NOON + timedelta(minutes=minute)
    timeline.observe(component=component, status=status, since=now, now=now)


def say(component: Component, notice: Any, minute: float, reason: str = "") -> IncidentUpdate:
    return publishing.publish_notice(
        component=component, notice=notice, actor=None, now=NOON + timedelta(minutes=minute), reason=reason
    )


def test_publishing_writes_rows_entry_and_notification_together(component: Component) -> None:
    observe(component, "partial_outage")
    actor = UserFactory()
    update = publishing.publish_update(update_id=IncidentUpdate.objects.get().pk, actor=actor, now=NOON)
    assert (update.publication, update.published_by) == ("published", actor)
    entry = RecordEntry.objects.get(kind="incident_update")
    assert update.record_seq == entry.seq
    assert entry.kind == "incident_update"
    assert Notification.objects.get(record_seq=entry.seq).update == update
    incident = Incident.objects.get()
    assert (incident.publication, incident.impact, incident.next_update_by) == ("published", "major", update.next_update_by)
    assert record.verify().holds


def test_a_double_click_publishes_once(component: Component) -> None:
    observe(component, "partial_outage")
    draft = IncidentUpdate.objects.get()
    first = publishing.publish_update(update_id=draft.pk, actor=None, now=NOON)
    second = publishing.publish_update(update_id=draft.pk, actor=None, now=NOON + timedelta(seconds=1))
    assert first.record_seq == second.record_seq
    assert RecordEntry.objects.filter(kind="incident_update").count() == 1


def test_a_blocked_update_changes_nothing(component: Component) -> None:
    observe(component, "partial_outage")
    draft = timeline.edit_update(update=IncidentUpdate.objects.get(), actor=UserFactory(), now=NOON, body={"en": "Only English."})
    before = record.head().seq
    with pytest.raises(Blocked) as refusal:
        publishing.publish_update(update_id=draft.pk, actor=None, now=NOON)
    assert {blocker.code for blocker in refusal.value.blockers} == {"language_missing", "signature_void"}
    draft.refresh_from_db()
    assert draft.publication == "draft"
    assert record.head().seq == before


def test_changed_words_go_out_with_a_second_persons_signature(component: Component) -> None:
    observe(component, "partial_outage")
    author, signer = UserFactory(), UserFactory()
    draft = timeline.edit_update(
        update=IncidentUpdate.objects.get(), actor=author, now=NOON, body={"en": "Please wait.", "sw": "Tafadhali subiri."}
    )
    assert [blocker.code for blocker in publishing.blockers_of(draft, now=NOON)] == ["signature_void"]
    signing.sign(update=draft, signer=signer, now=NOON)
    assert publishing.blockers_of(draft, now=NOON) == []
    update = publishing.publish_update(update_id=draft.pk, actor=author, now=NOON)
    assert (update.signed_by, update.signature_kind) == (signer, "person")


def test_a_notices_promise_counts_from_the_moment_it_goes_out(component: Component) -> None:
    observe(component, "partial_outage")
    update = publishing.publish_update(update_id=IncidentUpdate.objects.get().pk, actor=None, now=NOON + timedelta(minutes=30))
    assert update.next_update_by == NOON + timedelta(minutes=50)
    assert "12:50 pm EAT" in by_language(update.body)["en"]


def test_the_whole_story_is_told_by_notices(component: Component, notices: dict[str, Any]) -> None:
    observe(component, "partial_outage")
    say(component, notices["down"], 1)
    say(component, notices["no-change"], 10)
    observe(component, "operational", 12)
    watching = say(component, notices["watching"], 13)
    component.refresh_from_db()
    assert (watching.status, component.status) == ("monitoring", "operational")
    resolved = say(component, notices["resolved"], 40)
    incident = Incident.objects.get()
    assert (incident.status, incident.resolved_at) == ("resolved", NOON + timedelta(minutes=40))
    assert resolved.next_update_by is None
    assert [update.status for update in incident.updates.published()] == [
        "resolved",
        "monitoring",
        "investigating",
        "investigating",
    ]
    assert incident.impact == "major"
    assert record.verify().holds


def test_no_change_keeps_phase_and_state(component: Component, notices: dict[str, Any]) -> None:
    observe(component, "major_outage")
    say(component, notices["down"], 0)
    update = say(component, notices["no-change"], 5)
    assert update.status == "investigating"
    assert update.affected.get().new_status == "major_outage"


def test_watching_is_refused_while_probes_say_otherwise(component: Component, notices: dict[str, Any]) -> None:
    observe(component, "partial_outage")
    say(component, notices["down"], 1)
    with pytest.raises(Blocked) as refusal:
        say(component, notices["watching"], 2)
    assert [blocker.code for blocker in refusal.value.blockers] == ["probes_disagree"]
    assert not IncidentUpdate.objects.drafts().exists()
    update = say(component, notices["watching"], 3, reason="The probe's own line is cut; transactions are back to normal.")
    component.refresh_from_db()
    assert component.status == "operational"
    assert update.reason.startswith("The probe's own line")


def test_resolved_needs_a_time_of_watching(component: Component, notices: dict[str, Any]) -> None:
    observe(component, "partial_outage")
    say(component, notices["down"], 1)
    observe(component, "operational", 2)
    with pytest.raises(Blocked) as refusal:
        say(component, notices["resolved"], 3)
    assert [blocker.code for blocker in refusal.value.blockers] == ["not_monitored"]


def test_nothing_open_cannot_be_resolved(component: Component, notices: dict[str, Any]) -> None:
    with pytest.raises(timeline.TimelineError, match="Nothing is open for stk-push"):
        say(component, notices["resolved"], 0)


def test_a_notice_opens_an_incident_where_none_is_open(component: Component, notices: dict[str, Any]) -> None:
    update = say(component, notices["down"], 0)
    component.refresh_from_db()
    assert component.status == "partial_outage"
    assert update.incident.publication == "published"


def test_a_notice_leaves_a_persons_draft_as_it_is(component: Component, notices: dict[str, Any]) -> None:
    observe(component, "partial_outage")
    draft = timeline.edit_update(
        update=IncidentUpdate.objects.get(), actor=UserFactory(), now=NOON, body={"en": "Mine.", "sw": "Yangu."}
    )
    update = say(component, notices["down"], 1)
    draft.refresh_from_db()
    assert update.pk != draft.pk
    assert (draft.publication, by_language(draft.body)["en"]) == ("draft", "Mine.")


def test_an_unsigned_notice_is_refused(component: Component, notices: dict[str, Any]) -> None:
    notices["down"].cadence_minutes = 99
    with pytest.raises(Blocked, match="is not signed"):
        say(component, notices["down"], 0)


def test_the_first_notice_goes_out_by_itself_when_nobody_comes(component: Component, settings: Any) -> None:
    settings.UNATTENDED_MINUTES = 5
    observe(component, "partial_outage")
    created = IncidentUpdate.objects.get().created_at
    assert publishing.publish_due(now=created + timedelta(minutes=4)) == []
    [update] = publishing.publish_due(now=created + timedelta(minutes=5))
    assert update.automatic
    assert publishing.publish_due(now=created + timedelta(minutes=5, seconds=1)) == []


def test_no_change_is_repeated_three_times_and_no_more(component: Component, settings: Any) -> None:
    settings.UNATTENDED_MINUTES = 5
    observe(component, "partial_outage")
    now = IncidentUpdate.objects.get().created_at + timedelta(minutes=5)
    said = publishing.publish_due(now=now)
    for _ in range(5):
        now = (Incident.objects.get().next_update_by or now) - timedelta(seconds=20)
        said += publishing.publish_due(now=now)
    assert [update.notice.code for update in said if update.notice] == ["down", "no-change", "no-change", "no-change"]


def test_nothing_goes_out_by_itself_once_a_person_spoke(component: Component, settings: Any) -> None:
    settings.UNATTENDED_MINUTES = 5
    observe(component, "partial_outage")
    publishing.publish_update(update_id=IncidentUpdate.objects.get().pk, actor=UserFactory(), now=NOON)
    assert publishing.publish_due(now=NOON + timedelta(minutes=19, seconds=45)) == []


def test_a_persons_draft_never_goes_out_by_itself(component: Component, settings: Any) -> None:
    settings.UNATTENDED_MINUTES = 5
    observe(component, "partial_outage")
    draft = IncidentUpdate.objects.get()
    timeline.edit_update(update=draft, actor=UserFactory(), now=NOON, body={"en": "Mine.", "sw": "Yangu."})
    assert publishing.publish_due(now=draft.created_at + timedelta(hours=1)) == []
