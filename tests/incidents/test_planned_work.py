"""Planned work as rows: announced beforehand, by itself from start to end, and never hiding what is worse than it expects."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from incidents import (
    components,
    documents,
    drafts,
    intervals,
    planned_acts,
    planned_work,
    signing,
    statuspage_v2,
    timeline,
    uptime,
    windows,
)
from incidents.drafts import TimelineError
from incidents.languages import by_language, in_all
from incidents.models import (
    Component,
    Correction,
    Incident,
    IncidentUpdate,
    MaintenanceComponent,
    MaintenanceUpdate,
    RecordEntry,
    RecordText,
    ScheduledMaintenance,
)
from incidents.record import redact
from incidents.verification import verify
from statuspage import page_planned, publishing, reading
from statuspage.publishing import Blocked
from subscribers.models import Notification
from tests.factories import NOON, ComponentFactory, UserFactory
from tests.incidents.helpers import all_notices
from tests.incidents.plans import HOUR, NAME, announced, at, plan, publish, tick

pytestmark = [pytest.mark.django_db, pytest.mark.database]
FIXTURES = Path(__file__).parent.parent / "fixtures" / "statuspage_v2"


@pytest.fixture
def component() -> Component:
    made = ComponentFactory(code="paybill")
    Component.objects.filter(pk=made.pk).update(created_at=at(-1000))
    return Component.objects.get(pk=made.pk)


def shown(component: Component) -> tuple[str, str]:
    component.refresh_from_db()
    return component.status, component.status_source


def observe(component: Component, status: str, hours: float, *, opens: bool = True) -> None:
    timeline.observe(component=component, status=status, since=at(hours), now=at(hours), opens=opens)


def codes(update: MaintenanceUpdate, hours: float) -> list[str]:
    return [blocker.code for blocker in planned_work.blockers(update, now=at(hours))]


def words_of(planned: ScheduledMaintenance) -> list[tuple[str, str]]:
    """(phase, act) of every public word, oldest first."""
    public = planned.updates.published().order_by("record_seq")
    return list(public.values_list("status", "act"))


# --- Announcing ----------------------------------------------------------------------------------


def test_an_announcement_is_a_row_an_entry_and_a_notification_together(component: Component) -> None:
    planned = announced({component: ""})
    assert (planned.publication, planned.phase, planned.starts_at, planned.announced_at) == (
        "published", "scheduled", NOON, at(-72)
    )  # fmt: skip
    entry = RecordEntry.objects.get(kind="maintenance_update")
    assert Notification.objects.get(record_seq=entry.seq).kind == "maintenance_update"
    assert set(RecordText.objects.filter(entry=entry).values_list("field", flat=True)) == {
        "name.en", "name.sw", "body.en", "body.sw",
        f"affected.{component.public_id}.en", f"affected.{component.public_id}.sw",
    }  # fmt: skip
    assert windows.expectations(planned) == {component: "partial_outage"}
    assert shown(component) == ("operational", "stated")
    assert verify().holds


def test_it_needs_a_second_persons_signature(component: Component) -> None:
    with pytest.raises(Blocked) as refused:
        publishing.publish_maintenance(update=plan({component: ""}), actor=UserFactory(), now=at(-72))
    assert [blocker.code for blocker in refused.value.blockers] == ["signature_missing"]


def test_what_has_begun_cannot_be_announced_as_planned(component: Component) -> None:
    assert codes(plan({component: ""}), 0) == ["start_past"]
    assert codes(plan({component: ""}), -0.1) == []


def test_a_draft_that_says_too_little_is_told_what_to_mend(component: Component) -> None:
    unfit = plan({}, end=-1, body={"en": "Only English."}, recurrence="every Sunday")
    assert codes(unfit, -72) == ["end_before_start", "language_missing", "no_components", "rule_form"]
    core = ComponentFactory(code="core", internal=True)
    assert codes(plan({component: "", core: ""}), -72) == ["internal_component"]
    with pytest.raises(TimelineError, match="No window expects unknown"):
        plan({component: "unknown"})


def test_an_edit_voids_the_signature_and_makes_an_author(component: Component) -> None:
    draft = signing.sign(item=plan({component: ""}), signer=UserFactory(), now=at(-72))
    editor = UserFactory()
    for change in (
        {"expected": {component: "major_outage"}},
        {"name": {"en": "Another name", "sw": "Jina jingine"}},
        {"ends_at": at(4)},
    ):
        changed = planned_work.edit(update=draft, actor=editor, now=at(-71), **change)
        assert signing.signature_state(changed) == "void"
        draft = signing.sign(item=changed, signer=UserFactory(), now=at(-71))
    with pytest.raises(signing.SigningRefused):
        signing.sign(item=draft, signer=editor, now=at(-71))
    assert planned_work.blockers(draft, now=at(-71)) == []


def test_a_published_row_is_guarded_by_the_database_too(component: Component) -> None:
    planned = announced({component: ""})
    with pytest.raises(IntegrityError), transaction.atomic():
        ScheduledMaintenance.objects.filter(pk=planned.pk).update(starts_at=at(-80))


# --- By itself -----------------------------------------------------------------------------------


def test_left_to_itself_it_reminds_starts_and_ends_each_once(component: Component) -> None:
    planned = announced({component: ""})
    for hours in (-30, -24, -23.9, -1, -0.9, 0, 0.1):
        tick(hours)
    assert words_of(planned) == [("scheduled", ""), ("scheduled", "remind"), ("scheduled", "remind"), ("in_progress", "start")]
    assert shown(component) == ("under_maintenance", "maintenance")
    tick(3)
    tick(3.1)
    assert words_of(planned)[4:] == [("completed", "complete")]
    assert shown(component) == ("operational", "stated")
    planned.refresh_from_db()
    assert (planned.started_at, planned.finished_at) == (at(0), at(3))
    assert Notification.objects.filter(kind="maintenance_update").count() == 5
    assert not planned.updates.drafts().exists(), "what was laid ready is discarded"
    assert not Incident.objects.exists()
    assert verify().holds


def test_the_words_that_come_by_themselves_are_in_every_language_and_signed_ahead(component: Component) -> None:
    planned = announced({component: ""})
    tick(-24)
    said = planned.updates.get(act="remind")
    assert by_language(said.body) == {
        "en": "This planned work begins at 12:00 pm EAT, 24 Nov 2026, as announced.",
        "sw": "Matengenezo haya yaliyopangwa yataanza 12:00 EAT, 24 Novemba 2026, kama ilivyotangazwa.",
    }
    assert planned.plan is not None
    assert (said.signature_kind, said.signed_by_id) == ("notice", planned.plan.signed_by_id)


def test_before_its_end_words_that_it_takes_longer_are_laid_ready(component: Component) -> None:
    planned = announced({component: ""})
    tick(0)
    assert tick(2.9) == 0
    [longer] = planned.updates.drafts()
    assert (longer.act, signing.signature_state(longer), codes(longer, 2.95)) == ("draft_longer", "valid", [])
    publish(longer, 2.95)
    assert words_of(planned)[-1] == ("in_progress", "draft_longer")


def test_a_start_left_to_people_waits_for_them(component: Component) -> None:
    planned = announced({component: ""}, automatic_start=False)
    assert tick(1) == 0
    assert shown(component) == ("operational", "stated")
    early = planned_work.step(planned=planned, status="in_progress", author=UserFactory(), now=at(-1))
    assert codes(early, -1) == ["outside_window"]
    publish(early, 1)
    assert shown(component) == ("under_maintenance", "maintenance")


def test_a_whole_window_says_what_live_pages_say_of_theirs(component: Component) -> None:
    """Phases and states as in the captured payload of a finished maintenance: a reminder names no component, the start and the
    end name those that change."""
    planned = announced({component: ""}, now=-30)
    for hours in (-1, 0, 3):
        tick(hours)
    [facts] = page_planned.recent()
    owner = statuspage_v2.Page("p", "Mfano Pesa", "https://status.example", "Etc/UTC", NOON, "en")
    components = [reading.component_facts(component)]
    made = statuspage_v2.maintenance_dict(owner, facts, components, {component.public_id: "operational"})
    captured = json.loads((FIXTURES / "anthropic-scheduled-maintenances-completed.json").read_text())
    [_, whole] = captured["scheduled_maintenances"]

    def course(updates: list[dict[str, Any]]) -> list[tuple[str, list[tuple[str, str]] | None]]:
        return [
            (update["status"], sorted({(one["old_status"], one["new_status"]) for one in update["affected_components"]}))
            if update["affected_components"]
            else (update["status"], None)
            for update in updates
        ]

    assert course(made["incident_updates"]) == course(whole["incident_updates"])
    assert (made["status"], made["impact"]) == (whole["status"], whole["impact"])
    assert planned.public_id == made["id"]


def test_what_fails_of_one_window_keeps_no_other_back(component: Component, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = announced({component: ""}), announced({component: ""}, start=0.5)
    advance = planned_acts.advance

    def stumble(planned_id: int, now: Any) -> MaintenanceUpdate | None:
        if planned_id == first.pk:
            raise RuntimeError("a fault of our own")
        return advance(planned_id, now)

    monkeypatch.setattr(planned_acts, "advance", stumble)
    assert publishing.advance_maintenance(now=at(0.6)) == 1
    second.refresh_from_db()
    assert second.phase == "in_progress"


# --- By people -----------------------------------------------------------------------------------


def test_people_say_how_it_goes_in_words_signed_with_the_announcement(component: Component) -> None:
    planned = announced({component: ""})
    tick(0)
    for status, hours in (("verifying", 1), ("in_progress", 1.5), ("verifying", 2), ("completed", 2.5)):
        draft = planned_work.step(planned=planned, status=status, author=UserFactory(), now=at(hours))
        publishing.publish_maintenance(update=draft, actor=UserFactory(), now=at(hours))
        planned.refresh_from_db()
    assert [status for status, _ in words_of(planned)[2:]] == ["verifying", "in_progress", "verifying", "completed"]
    assert (planned.verifying_at, planned.finished_at) == (at(2), at(2.5))
    assert shown(component) == ("operational", "stated")
    assert verify().holds


def test_their_own_words_need_a_second_person(component: Component) -> None:
    planned = announced({component: ""})
    tick(0)
    own = planned_work.step(
        planned=planned, status="verifying", author=UserFactory(), now=at(1), body={"en": "Nearly there.", "sw": "Karibu."}
    )
    assert signing.signature_state(own) == "none"


def test_phases_that_do_not_follow_are_refused(component: Component) -> None:
    planned = announced({component: ""})
    too_soon = planned_work.step(planned=planned, status="completed", author=UserFactory(), now=at(-3))
    assert codes(too_soon, -3) == ["phase_order"]
    publish(planned_work.step(planned=planned, status="cancelled", author=UserFactory(), now=at(-2)), -2)
    assert codes(too_soon, -2) == ["maintenance_over"]
    assert tick(0) == 0
    with pytest.raises(TimelineError, match="no signed words"):
        planned_work.step(planned=planned, status="scheduled", author=UserFactory(), now=at(-2))


def test_a_new_date_is_announced_anew_and_the_old_one_stays_public(component: Component) -> None:
    other = ComponentFactory(code="till")
    planned = announced({component: ""})
    tick(-24)
    moved = planned_work.reschedule(
        planned=planned,
        body={"en": "It moves by two days.", "sw": "Imesogezwa siku mbili."},
        starts_at=at(48),
        ends_at=at(50),
        author=UserFactory(),
        now=at(-12),
        expected={other: "delayed"},
    )
    publish(moved, -12)
    tick(0)
    tick(24)
    planned.refresh_from_db()
    assert (planned.starts_at, planned.announced_at, planned.phase) == (at(48), at(-12), "scheduled")
    announcements = planned.updates.published().exclude(starts_at=None).order_by("record_seq")
    assert list(announcements.values_list("starts_at", flat=True)) == [at(0), at(48)]
    assert [act for _, act in words_of(planned)] == ["", "remind", "", "remind"]
    tick(48)
    assert (shown(component)[0], shown(other)[0]) == ("operational", "under_maintenance")
    late = planned_work.reschedule(planned=planned, body=NAME, starts_at=at(60), ends_at=at(61), author=UserFactory(), now=at(48))
    assert codes(late, 48) == ["not_scheduled"]
    assert verify().holds


# --- Precedence ----------------------------------------------------------------------------------


def test_inside_its_window_it_stands_over_what_it_expects_and_under_what_is_worse(component: Component) -> None:
    all_notices()
    observe(component, "operational", -2)
    announced({component: "partial_outage"})
    tick(0)
    observe(component, "partial_outage", 0.5, opens=False)
    assert shown(component) == ("under_maintenance", "maintenance")
    observe(component, "major_outage", 1)
    assert shown(component) == ("major_outage", "probes")
    assert IncidentUpdate.objects.drafts().filter(affected__component=component).exists()
    observe(component, "operational", 2)
    assert shown(component) == ("under_maintenance", "maintenance")
    assert verify().holds


def test_work_that_expects_nothing_shows_nothing_and_hides_nothing(component: Component) -> None:
    announced({component: "operational"})
    tick(0)
    assert shown(component) == ("operational", "stated")
    observe(component, "delayed", 1)
    assert shown(component) == ("delayed", "probes")


def test_an_incidents_word_stands_over_the_window_and_a_state_by_hand_under_it(component: Component) -> None:
    notices = all_notices()
    announced({component: "partial_outage"})
    tick(0)
    components.set_override(
        component=component, status="delayed", reason="Seen.", expires_at=at(9), actor=UserFactory(), now=at(1)
    )
    assert shown(component) == ("under_maintenance", "maintenance")
    components.set_override(
        component=component, status="major_outage", reason="Worse.", expires_at=at(9), actor=UserFactory(), now=at(1)
    )
    assert shown(component) == ("major_outage", "override")
    publishing.publish_notice(component=component, notice=notices["delayed"], actor=None, now=at(1))
    assert shown(component) == ("delayed", "incident")


def test_of_two_windows_the_one_that_expects_more_explains(component: Component) -> None:
    announced({component: "delayed"})
    announced({component: "major_outage"}, end=1)
    tick(0)
    observe(component, "major_outage", 0.5, opens=False)
    assert shown(component) == ("under_maintenance", "maintenance")
    assert {tuple(window.expects.values()) for window in windows.in_force()} == {("delayed",), ("major_outage",)}


# --- Running late --------------------------------------------------------------------------------


def test_work_that_runs_late_becomes_an_incident_and_holds_no_state_any_more(component: Component) -> None:
    all_notices()
    other = ComponentFactory(code="till")
    observe(component, "operational", -2)
    observe(other, "operational", -2)
    planned = announced({component: "", other: "major_outage"})
    tick(0)
    observe(component, "partial_outage", 1, opens=False)
    observe(other, "major_outage", 1, opens=False)
    assert not Incident.objects.exists()
    tick(3)
    planned.refresh_from_db()
    assert (planned.phase, planned.overrun_at, words_of(planned)[-1]) == ("in_progress", at(3), ("in_progress", "overrun"))
    assert (shown(component), shown(other)) == (("partial_outage", "probes"), ("major_outage", "probes"))
    [incident] = Incident.objects.all()
    assert (planned.overrun_incident, incident.started_at) == (incident, at(3))
    [draft] = incident.updates.drafts()
    assert {item.component.code: item.new_status for item in draft.affected.all()} == {
        "paybill": "partial_outage",
        "till": "major_outage",
    }
    assert signing.signature_state(draft) == "valid", "the signed notice covers what probes confirm"
    assert verify().holds
    tick(4)
    for part in (component, other):
        observe(part, "operational", 5)
    tick(5)
    planned.refresh_from_db()
    assert (planned.phase, planned.finished_at) == ("completed", at(5))
    assert not IncidentUpdate.objects.drafts().exists(), "nobody had spoken of it, and it is over"
    assert verify().holds


def test_where_no_probe_looks_it_runs_late_until_a_person_says_that_it_is_done(component: Component) -> None:
    all_notices()
    planned = announced({component: "partial_outage"}, automatic_end=False)
    tick(0)
    tick(3)
    draft = IncidentUpdate.objects.drafts().get()
    assert draft.affected.get().new_status == "partial_outage"
    planned.refresh_from_db()
    publish(planned_work.step(planned=planned, status="completed", author=UserFactory(), now=at(3.05)), 3.05)
    assert not IncidentUpdate.objects.drafts().exists()


def test_late_work_of_services_that_work_is_said_but_is_no_incident(component: Component) -> None:
    observe(component, "operational", -2)
    planned = announced({component: ""}, automatic_end=False)
    tick(0)
    tick(3)
    assert words_of(planned)[-1] == ("in_progress", "overrun")
    assert not Incident.objects.exists()
    assert shown(component) == ("operational", "probes")


def test_what_is_open_already_takes_the_late_work_in(component: Component) -> None:
    notices = all_notices()
    observe(component, "partial_outage", -1)
    publishing.publish_notice(component=component, notice=notices["down"], actor=None, now=at(-1))
    planned = announced({component: ""}, now=-2, start=0)
    tick(0)
    tick(3)
    planned.refresh_from_db()
    assert planned.overrun_incident == Incident.objects.get()
    assert verify().holds


# --- Recurrence ----------------------------------------------------------------------------------


def test_recurring_work_announces_its_next_windows_in_the_signed_words(component: Component) -> None:
    first = announced({component: "delayed"}, recurrence="FREQ=WEEKLY")
    assert tick(-71) == 0, "the next one is more than eight days away"
    tick(-24)
    [following] = first.later.all()
    assert (following.starts_at, following.ends_at) == (at(168), at(171))
    assert windows.expectations(following) == {component: "delayed"}
    assert following.plan is not None
    assert by_language(following.plan.body) == by_language(first.plan.body)  # type: ignore[union-attr]
    assert following.plan.signature_kind == "notice"
    for hours in (0, 3):
        tick(hours)
    assert first.later.count() == 1
    for hours in (168 - 24, 168, 171):
        tick(hours)
    following.refresh_from_db()
    assert (following.phase, first.later.count()) == ("completed", 2)
    assert verify().holds


def test_a_series_goes_on_past_a_window_nobody_could_announce_and_ends_when_told(component: Component) -> None:
    first = announced({component: ""}, recurrence="FREQ=WEEKLY")
    tick(24 * 30)
    assert [planned.starts_at for planned in first.later.order_by("starts_at")] == [at(24 * 35)]
    planned_work.end_series(planned=first.later.get(), actor=UserFactory(), now=at(24 * 30))
    tick(24 * 34)
    assert first.later.count() == 1


def test_words_that_were_removed_announce_no_next_window(component: Component) -> None:
    first = announced({component: ""}, recurrence="FREQ=WEEKLY")
    seq = RecordEntry.objects.get(kind="maintenance_update").seq
    redact(seq=seq, field="body.sw", requested_by=UserFactory(), approved_by=UserFactory(), now=at(-48))
    tick(-24)
    assert first.later.count() == 0


def test_a_daily_series_is_announced_for_the_week_to_come(component: Component) -> None:
    first = announced({component: ""}, recurrence="FREQ=DAILY;COUNT=4")
    tick(-1)
    assert first.later.count() == 3


# --- The word ------------------------------------------------------------------------------------

MAINTENANCE = {"en": "Payments fail during scheduled maintenance.", "sw": "Malipo hayapiti wakati wa matengenezo."}


def incident_saying_maintenance(component: Component, now: float, state: str = "partial_outage") -> list[str]:
    draft = drafts.open_draft(component=component, status=state, since=at(now), now=at(now), author=UserFactory())
    drafts.edit_update(update=draft, actor=UserFactory(), now=at(now), body=MAINTENANCE, name=NAME, next_update_by=at(now + 1))
    signing.sign(item=IncidentUpdate.objects.get(pk=draft.pk), signer=UserFactory(), now=at(now))
    return [blocker.code for blocker in publishing.blockers_of(draft, now=at(now))]


def test_an_outage_nobody_announced_may_not_be_called_maintenance(component: Component) -> None:
    announced({ComponentFactory(code="till"): ""}, start=-1)
    tick(-1)
    assert incident_saying_maintenance(component, 0) == ["maintenance_word", "maintenance_word"]


def test_work_to_come_does_not_lend_its_word_to_an_outage_before_it(component: Component) -> None:
    announced({component: ""}, start=9, end=10)
    assert incident_saying_maintenance(component, 0) == ["maintenance_word", "maintenance_word"]


def test_a_correction_or_advice_may_not_bring_the_word_in_either(component: Component) -> None:
    notices = all_notices()
    update = publishing.publish_notice(component=component, notice=notices["down"], actor=None, now=at(0))
    words = {"body": in_all(MAINTENANCE), "reason": in_all({"en": "Clearer.", "sw": "Wazi zaidi."})}
    correction = documents.add(document=Correction(update=update, **words), author=UserFactory(), now=at(1))
    with pytest.raises(Blocked, match="published beforehand"):
        publishing.publish_correction(correction=correction, actor=UserFactory(), now=at(1))
    draft = drafts.add_update(
        incident=update.incident,
        status="investigating",
        body={"en": "Please wait.", "sw": "Tafadhali subiri."},
        affected={},
        next_update_by=at(2),
        author=UserFactory(),
        now=at(1),
        more={"what_to_do": MAINTENANCE},
    )
    found = [(blocker.code, blocker.field) for blocker in publishing.blockers_of(draft, now=at(1))]
    assert ("maintenance_word", "what_to_do.en") in found


def test_trouble_of_announced_work_may_be_called_by_its_name(component: Component) -> None:
    announced({component: ""})
    tick(0)
    assert incident_saying_maintenance(component, 1) == []


def test_an_incident_may_state_planned_work_only_while_it_goes_on(component: Component) -> None:
    assert "maintenance_state" in incident_saying_maintenance(component, 0, "under_maintenance")
    with pytest.raises(TimelineError, match="No announced work"):
        components.set_override(
            component=component, status="under_maintenance", reason="So.", expires_at=at(9), actor=UserFactory(), now=at(0)
        )
    announced({component: ""}, now=0, start=1, end=2)
    tick(1)
    components.set_override(
        component=component, status="under_maintenance", reason="So.", expires_at=at(9), actor=UserFactory(), now=at(1)
    )
    draft = IncidentUpdate.objects.get()
    assert publishing.blockers_of(draft, now=at(1)) != []  # its promise has passed
    assert "maintenance_state" not in [blocker.code for blocker in publishing.blockers_of(draft, now=at(1))]


# --- Uptime and proof ----------------------------------------------------------------------------


def test_planned_and_unplanned_time_are_counted_apart(component: Component) -> None:
    observe(component, "operational", -100)
    announced({component: "partial_outage"})
    tick(0)
    observe(component, "partial_outage", 1, opens=False)
    observe(component, "major_outage", 2)
    tick(3)
    observe(component, "operational", 4)
    [pieces] = intervals.shown(components=[component], start=at(0), end=at(5)).values()
    sums = uptime.tally(pieces, start=at(0), end=at(5))
    assert (sums.planned, sums.unplanned) == (
        {"under_maintenance": 2 * HOUR},
        {"major_outage": 2 * HOUR, "operational": HOUR},
    )
    assert sums.length == 5 * HOUR


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ends_at": at(9)}, "ends_at"),
        ({"phase": "cancelled"}, "phase"),
        ({"started_at": at(1)}, "started_at"),
        ({"finished_at": at(1)}, "finished_at"),
        ({"overrun_at": at(1)}, "overrun_at"),
        ({"announced_at": at(-90)}, "announced_at"),
        ({"automatic_end": False}, "edited"),
        ({"name": in_all({"en": "Nothing", "sw": "Hakuna"})}, "name"),
        ({"publication": "draft"}, "not public itself"),
    ],
)
def test_the_proof_sees_an_edited_window(component: Component, change: dict[str, Any], words: str) -> None:
    planned = announced({component: ""})
    tick(0)
    assert verify().holds
    ScheduledMaintenance.objects.filter(pk=planned.pk).update(**change)
    assert words in verify().problem


def test_the_proof_sees_an_edited_expectation_and_an_edited_word(component: Component) -> None:
    planned = announced({component: ""})
    MaintenanceComponent.objects.update(expected="major_outage")
    assert "edited" in verify().problem
    MaintenanceComponent.objects.update(expected="partial_outage")
    assert verify().holds
    planned.updates.update(body=in_all({"en": "Nothing.", "sw": "Hakuna."}))
    assert "body" in verify().problem


@pytest.mark.parametrize(("field", "row"), [("body.en", "body"), ("name.en", "name"), ("affected.{}.en", "affected")])
def test_a_text_of_it_can_be_removed_and_the_proof_holds(component: Component, field: str, row: str) -> None:
    planned = announced({component: ""})
    seq = RecordEntry.objects.get(kind="maintenance_update").seq
    redact(
        seq=seq,
        field=field.format(component.public_id),
        requested_by=UserFactory(),
        approved_by=UserFactory(),
        now=at(1),
    )
    assert planned.plan is not None
    held = {
        "body": MaintenanceUpdate.objects.get().body,
        "name": ScheduledMaintenance.objects.get().name,
        "affected": MaintenanceComponent.objects.get().name,
    }
    assert by_language(held[row])["en"] == "[removed on 2026-11-24]"
    assert verify().holds


def test_planned_work_costs_the_publisher_three_questions_a_second_while_nothing_is_near(
    component: Component, django_assert_num_queries: Any
) -> None:
    announced({component: ""}, start=200, end=201, now=-72)
    with django_assert_num_queries(3):
        publishing.advance_maintenance(now=at(0) + timedelta(seconds=1))
