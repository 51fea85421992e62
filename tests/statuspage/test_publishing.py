"""The only way words become public."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents import drafts, record, signing, timeline
from incidents.languages import by_language, in_all
from incidents.models import AuditEvent, Component, Incident, IncidentUpdate, RecordEntry
from incidents.policy import Gate
from incidents.verification import verify
from statuspage import publishing
from statuspage.publishing import Blocked
from subscribers.models import Notification
from tests.factories import NOON, ComponentFactory, UserFactory
from tests.incidents.helpers import all_notices

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]


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
    assert verify().holds


def test_a_double_click_publishes_once(component: Component) -> None:
    observe(component, "partial_outage")
    draft = IncidentUpdate.objects.get()
    first = publishing.publish_update(update_id=draft.pk, actor=None, now=NOON)
    second = publishing.publish_update(update_id=draft.pk, actor=None, now=NOON + timedelta(seconds=1))
    assert first.record_seq == second.record_seq
    assert RecordEntry.objects.filter(kind="incident_update").count() == 1


def test_what_passes_a_switched_off_gate_says_so_in_record_and_audit(component: Component, settings: Any) -> None:
    settings.GATES_OFF = frozenset({Gate.SIGNATURE, Gate.PROMISE})
    observe(component, "partial_outage")
    words = {"en": "Late.", "sw": "Inachelewa."}
    draft = drafts.edit_update(update=IncidentUpdate.objects.get(), actor=UserFactory(), now=NOON, body=words)
    update = publishing.publish_update(update_id=draft.pk, actor=None, now=NOON)
    assert update.waived == ["signature"]  # its promise stands
    assert json.loads(RecordEntry.objects.get(kind="incident_update").body)["data"]["waived"] == ["signature"]
    assert AuditEvent.objects.get(act="update.publish").details["waived"] == ["signature"]
    assert verify().holds


def test_a_blocked_update_changes_nothing(component: Component) -> None:
    observe(component, "partial_outage")
    draft = drafts.edit_update(update=IncidentUpdate.objects.get(), actor=UserFactory(), now=NOON, body={"en": "Only English."})
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
    draft = drafts.edit_update(
        update=IncidentUpdate.objects.get(), actor=author, now=NOON, body={"en": "Please wait.", "sw": "Tafadhali subiri."}
    )
    assert [blocker.code for blocker in publishing.blockers_of(draft, now=NOON)] == ["signature_void"]
    signing.sign(item=draft, signer=signer, now=NOON)
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
    assert verify().holds


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
    with pytest.raises(drafts.TimelineError, match="Nothing is open for stk-push"):
        say(component, notices["resolved"], 0)


def test_a_notice_opens_an_incident_where_none_is_open(component: Component, notices: dict[str, Any]) -> None:
    update = say(component, notices["down"], 0)
    component.refresh_from_db()
    assert component.status == "partial_outage"
    assert update.incident.publication == "published"


def test_a_notice_leaves_a_persons_draft_as_it_is(component: Component, notices: dict[str, Any]) -> None:
    observe(component, "partial_outage")
    draft = drafts.edit_update(
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


def test_the_no_change_of_one_incident_leaves_anothers_draft_alone(component: Component, settings: Any) -> None:
    settings.UNATTENDED_MINUTES = 5
    observe(component, "partial_outage")
    first = IncidentUpdate.objects.get()
    now = first.created_at + timedelta(minutes=5)
    publishing.publish_due(now=now)
    other = Incident.objects.create(name=first.incident.name, started_at=NOON)
    mine = drafts.add_update(
        incident=other,
        status="investigating",
        body={"en": "Mine.", "sw": "Yangu."},
        affected={component: "partial_outage"},
        next_update_by=None,
        author=UserFactory(),
        now=NOON,
    )
    lapsing = (Incident.objects.get(pk=first.incident_id).next_update_by or now) - timedelta(seconds=20)
    [said] = publishing.publish_due(now=lapsing)
    assert said.incident_id == first.incident_id
    assert publishing.publish_due(now=lapsing + timedelta(seconds=1)) == []
    mine.refresh_from_db()
    assert (mine.publication, by_language(mine.body)["en"]) == ("draft", "Mine.")
    assert not other.updates.exclude(pk=mine.pk).exists()


def test_a_machines_draft_waits_once_a_person_writes_for_the_same_incident(component: Component, settings: Any) -> None:
    settings.UNATTENDED_MINUTES = 5
    observe(component, "partial_outage")
    draft = IncidentUpdate.objects.get()
    drafts.add_update(
        incident=draft.incident,
        status="investigating",
        body={"en": "Mine.", "sw": "Yangu."},
        affected={component: "partial_outage"},
        next_update_by=None,
        author=UserFactory(),
        now=NOON,
    )
    assert publishing.publish_due(now=draft.created_at + timedelta(hours=1)) == []


def test_what_cannot_go_out_by_itself_asks_for_a_person_once(component: Component, settings: Any) -> None:
    settings.UNATTENDED_MINUTES = 5
    observe(component, "partial_outage")
    now = IncidentUpdate.objects.get().created_at + timedelta(minutes=5)
    publishing.publish_due(now=now)
    Incident.objects.update(name=in_all({"en": "STK push is failing", "sw": ""}))
    lapsing = (Incident.objects.get().next_update_by or now) - timedelta(seconds=20)
    assert publishing.publish_due(now=lapsing) == []
    assert publishing.publish_due(now=lapsing + timedelta(seconds=1)) == []
    [asked] = IncidentUpdate.objects.drafts()
    assert asked.signature_requested_at == lapsing


def test_one_draft_that_fails_keeps_nothing_else_back(
    component: Component, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.UNATTENDED_MINUTES = 5
    other = ComponentFactory(code="payouts")
    observe(component, "partial_outage")
    observe(other, "partial_outage")
    broken, whole = IncidentUpdate.objects.order_by("pk")
    real = timeline.mark_published

    def fails_for_one(*, update: IncidentUpdate, **more: Any) -> RecordEntry:
        if update.pk == broken.pk:
            raise ValueError("a value nobody thought of")
        return real(update=update, **more)

    monkeypatch.setattr(timeline, "mark_published", fails_for_one)
    said = publishing.publish_due(now=whole.created_at + timedelta(minutes=5))
    assert [update.pk for update in said] == [whole.pk]


def test_asking_what_is_missing_writes_nothing(component: Component) -> None:
    observe(component, "partial_outage")
    draft = IncidentUpdate.objects.get()
    with CaptureQueriesContext(connection) as queries:
        publishing.blockers_of(draft, now=NOON + timedelta(minutes=30))
    assert {query["sql"].split()[0] for query in queries} == {"SELECT"}


def test_a_notice_is_no_signature_for_states_its_author_picked(component: Component, notices: dict[str, Any]) -> None:
    others = [ComponentFactory() for _ in range(3)]
    observe(component, "partial_outage")
    say(component, notices["down"], 1)
    author = UserFactory()
    draft = drafts.add_update(
        incident=Incident.objects.get(),
        status="investigating",
        body={},
        affected={component: "partial_outage", **dict.fromkeys(others, "major_outage")},
        next_update_by=None,
        author=author,
        now=NOON,
        notice=notices["no-change"],
    )
    assert [blocker.code for blocker in publishing.blockers_of(draft, now=NOON)] == ["signature_missing"]
    signing.sign(item=draft, signer=UserFactory(), now=NOON)
    assert publishing.blockers_of(draft, now=NOON) == []


def test_a_reason_holds_the_state_it_was_typed_for_and_no_other(component: Component, notices: dict[str, Any]) -> None:
    other = ComponentFactory(code="payouts")
    observe(component, "delayed")
    say(component, notices["delayed"], 1)
    draft = drafts.add_update(
        incident=Incident.objects.get(),
        status="monitoring",
        body={"en": "Well again.", "sw": "Nzuri tena."},
        affected={component: "operational", other: "operational"},
        next_update_by=NOON + timedelta(hours=1),
        author=UserFactory(),
        now=NOON,
    )
    signing.sign(item=draft, signer=UserFactory(), now=NOON)
    publishing.publish_update(update_id=draft.pk, actor=None, now=NOON, reason="The probe's own line is slow.")
    component.refresh_from_db()
    assert component.status == "operational"
    observe(other, "partial_outage", 5)
    other.refresh_from_db()
    assert other.status == "partial_outage"
    observe(component, "major_outage", 6)
    component.refresh_from_db()
    assert component.status == "major_outage"


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_two_publishers_say_it_once(notices: dict[str, Any], settings: Any) -> None:
    settings.UNATTENDED_MINUTES = 5
    component = ComponentFactory(code="stk-push")
    observe(component, "partial_outage")
    now = IncidentUpdate.objects.get().created_at + timedelta(minutes=5)
    assert sum(map(len, at_once(lambda: publishing.publish_due(now=now)))) == 1
    lapsing = (Incident.objects.get().next_update_by or now) - timedelta(seconds=20)
    assert sum(map(len, at_once(lambda: publishing.publish_due(now=lapsing)))) == 1


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_a_notice_published_twice_in_the_same_moment_opens_one_incident(notices: dict[str, Any]) -> None:
    component = ComponentFactory(code="stk-push")
    at_once(lambda: say(component, notices["down"], 0))
    assert Incident.objects.count() == 1


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_people_and_probes_at_work_on_one_draft_never_wait_for_each_other(notices: dict[str, Any]) -> None:
    component = ComponentFactory(code="stk-push")
    observe(component, "partial_outage")
    draft = IncidentUpdate.objects.get()
    author, signer = UserFactory(), UserFactory()
    acts: list[Callable[[int], object]] = [
        lambda turn: observe(component, ("partial_outage", "major_outage")[turn % 2], turn),
        lambda turn: drafts.edit_update(update=draft, actor=author, now=NOON, name={"en": f"N{turn}", "sw": f"J{turn}"}),
        lambda turn: signing.sign(item=draft, signer=signer, now=NOON),
        lambda turn: publishing.blockers_of(draft, now=NOON),
    ]

    def work(act: Callable[[int], object]) -> None:
        try:
            for turn in range(10):
                act(turn)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        list(pool.map(work, acts))
    assert verify().holds


def at_once(act: Callable[[], Any]) -> list[Any]:
    """The same act in four threads that start together."""
    start = threading.Barrier(4)

    def run(_: int) -> Any:
        try:
            start.wait()
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(run, range(4)))


def test_a_persons_draft_never_goes_out_by_itself(component: Component, settings: Any) -> None:
    settings.UNATTENDED_MINUTES = 5
    observe(component, "partial_outage")
    draft = IncidentUpdate.objects.get()
    drafts.edit_update(update=draft, actor=UserFactory(), now=NOON, body={"en": "Mine.", "sw": "Yangu."})
    assert publishing.publish_due(now=draft.created_at + timedelta(hours=1)) == []
