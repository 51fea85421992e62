"""What can be said of an incident beside its words, and what happens to incidents that return, merge or should not have been."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from incidents import (
    availability,
    breaking_glass,
    corrections,
    deadlines,
    documents,
    drafts,
    linking,
    notes,
    promises,
    record,
    signing,
    timeline,
    times,
)
from incidents.drafts import TimelineError
from incidents.languages import by_language, in_all
from incidents.models import (
    AfterSignature,
    AuditEvent,
    Component,
    Correction,
    Incident,
    IncidentUpdate,
    MissedPromise,
    Notice,
    RecordEntry,
    Redress,
)
from incidents.signing import SigningRefused
from incidents.verification import verify
from statuspage import page, page_planned, publishing, text_packs
from statuspage.publishing import Blocked
from tests.factories import NOON, ComponentFactory, UserFactory
from tests.incidents import plans, test_announcements
from tests.incidents.helpers import all_notices

pytestmark = pytest.mark.django_db


def at(minute: float) -> Any:
    return NOON + timedelta(minutes=minute)


@pytest.fixture
def notices() -> dict[str, Notice]:
    return all_notices()


@pytest.fixture
def component(notices: dict[str, Notice]) -> Component:
    return ComponentFactory(code="paybill")


@pytest.fixture
def say(component: Component, notices: dict[str, Notice]) -> Callable[..., IncidentUpdate]:
    def publish(code: str, minute: float, about: Component | None = None) -> IncidentUpdate:
        return publishing.publish_notice(component=about or component, notice=notices[code], actor=UserFactory(), now=at(minute))

    return publish


@pytest.fixture
def incident(say: Callable[..., IncidentUpdate]) -> Incident:
    """Public and open since noon."""
    return say("down", 0).incident


@pytest.fixture
def resolved(incident: Incident, say: Callable[..., IncidentUpdate]) -> Incident:
    say("watching", 30)
    say("resolved", 60)
    return Incident.objects.get(pk=incident.pk)


def write(incident: Incident, component: Component, minute: Any = 5, **more: Any) -> IncidentUpdate:
    """A person's own words, signed by another."""
    draft = drafts.add_update(
        incident=incident,
        status=more.pop("status", "identified"),
        body={"en": "A cable was cut.", "sw": "Waya umekatika."},
        affected={component: more.pop("state", "partial_outage")},
        next_update_by=at(minute + 30),
        author=UserFactory(),
        now=at(minute),
        more=more,
    )
    return signing.sign(item=draft, signer=UserFactory(), now=at(minute))


def shown(incident: Incident) -> page.IncidentNow:
    return page.build_incident(incident.public_id, now=NOON).incident


# --- Beside the words --------------------------------------------------------------------------


def test_an_update_says_who_where_and_what_still_works_and_later_ones_need_not_repeat_it(
    incident: Incident, component: Component, say: Callable[..., IncidentUpdate]
) -> None:
    draft = write(
        incident,
        component,
        who_affected={"en": "People in Mombasa.", "sw": "Watu wa Mombasa."},
        still_works={"en": "Till payments.", "sw": "Malipo ya till."},
        areas=[1],
        channels=["ussd"],
        attribution="network",
        share_affected=124,
    )
    publishing.publish_update(update_id=draft.pk, actor=None, now=at(6))
    say("no-change", 20)
    beside = {item.heading["en"]: (item.text["en"], item.text["sw"]) for item in shown(incident).beside}
    assert beside == {
        "Who is affected": ("People in Mombasa.", "Watu wa Mombasa."),
        "How many payments": ("About 12 % of payments", "Takriban 12 % ya malipo"),
        "How you reach it": ("USSD", "USSD"),
        "Where": ("Counties: Mombasa", "Kaunti: Mombasa"),
        "What still works": ("Till payments.", "Malipo ya till."),
        "Where the cause lies": ("In the mobile network", "Kwenye mtandao wa simu"),
    }
    assert verify().holds


def test_what_an_update_states_is_signed_with_it(incident: Incident, component: Component) -> None:
    draft = write(incident, component, attribution="bank_or_biller")
    drafts.edit_update(update=draft, actor=UserFactory(), now=at(6), more={"attribution": "us"})
    assert [blocker.code for blocker in publishing.blockers_of(draft, now=at(6))] == ["signature_void"]


def test_a_stated_fact_added_by_hand_is_found(incident: Incident) -> None:
    IncidentUpdate.objects.update(attribution="network")
    assert "edited" in verify().problem


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("attribution", "the_intern", "attribution: use one of us"),
        ("channels", ["pigeon"], "channels: use app"),
        ("areas", [48], "county codes from 1 to 47"),
        ("share_affected", 1001, "thousandths"),
        ("mood", "bad", "nothing called mood"),
    ],
)
def test_what_is_not_on_the_list_cannot_be_stated(
    incident: Incident, component: Component, field: str, value: object, words: str
) -> None:
    with pytest.raises(TimelineError, match=words):
        write(incident, component, **{field: value})


@pytest.mark.writes_pages
def test_an_internal_note_is_in_no_public_artefact(incident: Incident, settings: Any) -> None:
    notes.add_note(incident=incident, author=UserFactory(), text="The router in rack 7 was unplugged.", now=at(1))
    say_what = write(incident, Component.objects.get())
    publishing.publish_update(update_id=say_what.pk, actor=None, now=at(6))
    files = [path for path in settings.SNAPSHOT_DIR.rglob("*") if path.is_file() and path.suffix != ".gz"]
    assert files
    assert [path for path in files if b"rack 7" in path.read_bytes()] == []
    assert not RecordEntry.objects.filter(body__contains="rack 7").exists()


# --- Times and impact --------------------------------------------------------------------------


def test_a_corrected_start_is_public_and_proved(incident: Incident) -> None:
    earlier = NOON - timedelta(minutes=20)
    entry = times.set_time(incident=incident, field="started_at", value=earlier, reason="Logs", actor=UserFactory(), now=at(9))
    assert entry is not None
    assert shown(incident).facts.started_at == earlier
    assert verify().holds
    Incident.objects.update(started_at=NOON)
    assert "its started_at is not what its entries say" in verify().problem


def test_an_internal_time_is_in_no_entry(incident: Incident) -> None:
    before = RecordEntry.objects.count()
    times.set_time(incident=incident, field="aware_at", value=at(1), reason="Roster", actor=UserFactory(), now=at(9))
    assert RecordEntry.objects.count() == before
    assert Incident.objects.get().aware_at == at(1)


@pytest.mark.parametrize(
    ("field", "minute", "words"),
    [
        ("started_at", 10, "has not come yet"),
        ("resolved_at", 5, "the incident is open"),
        ("identified_at", -5, "between the incident's start and its end"),
        ("published_at", 1, "no time called published_at"),
        ("first_public_update_at", 10, "has not come yet"),
        ("first_public_update_at", -5, "between the incident's start and its end"),
    ],
)
def test_times_keep_their_order(incident: Incident, field: str, minute: float, words: str) -> None:
    with pytest.raises(TimelineError, match=words):
        times.set_time(incident=incident, field=field, value=at(minute), reason="x", actor=UserFactory(), now=at(9))


@pytest.mark.parametrize("field", ["identified_at", "mitigated_at"])
def test_a_time_that_words_set_is_not_set_before_them(component: Component, field: str) -> None:
    """No entry would say so, and the proof would call the row edited."""
    draft = drafts.open_draft(component=component, status="delayed", since=at(0), now=at(0), author=UserFactory())
    with pytest.raises(TimelineError, match="not public yet"):
        times.set_time(incident=draft.incident, field=field, value=at(1), reason="r", actor=UserFactory(), now=at(2))


def test_the_first_public_word_set_by_hand_stands_beside_the_recorded_one(incident: Incident, component: Component) -> None:
    update = write(incident, component, minute=12)
    publishing.publish_update(update_id=update.pk, actor=None, now=at(12))
    Incident.objects.update(started_at=at(-20))
    times.set_time(incident=incident, field="started_at", value=at(-20), reason="Logs", actor=UserFactory(), now=at(13))
    times.set_time(
        incident=incident, field="first_public_update_at", value=at(-10), reason="A post", actor=UserFactory(), now=at(14)
    )
    facts = shown(incident).facts
    assert (facts.first_word_at, facts.published_at) == (at(-10), at(0))
    figures = deadlines.figures_of(Incident.objects.get(pk=incident.pk), now=at(20))
    assert figures.impact_to_first_word == timedelta(minutes=10)
    assert figures.longest_silence == timedelta(minutes=22)
    assert verify().holds
    Incident.objects.update(first_public_update_at=None)
    assert "its first_public_update_at is not what its entries say" in verify().problem
    Incident.objects.update(first_public_update_at=at(-10))
    times.set_time(incident=incident, field="first_public_update_at", value=None, reason="No", actor=UserFactory(), now=at(15))
    assert shown(incident).facts.first_word_at == at(0)
    assert verify().holds


def test_phases_set_their_times(resolved: Incident) -> None:
    assert (resolved.mitigated_at, resolved.resolved_at) == (at(30), at(60))
    assert resolved.detected_by == "probe"
    assert verify().holds


def test_an_impact_set_by_hand_stays_until_it_is_taken_back(
    incident: Incident, component: Component, say: Callable[..., IncidentUpdate]
) -> None:
    times.set_impact(incident=incident, impact="minor", reason="Only tests.", actor=UserFactory(), now=at(1))
    say("no-change", 5)
    assert shown(incident).facts.impact == "minor"
    assert verify().holds
    times.set_impact(incident=incident, impact="", reason="No, everyone.", actor=UserFactory(), now=at(6))
    assert shown(incident).facts.impact == "major"
    assert verify().holds


def test_a_word_that_leaves_services_out_raises_no_impact(
    component: Component, say: Callable[..., IncidentUpdate], notices: dict[str, Notice]
) -> None:
    draft = drafts.open_draft(
        component=component, status="partial_outage", since=at(0), now=at(0), notice=notices["down"], author=UserFactory()
    )
    affected: dict[Component, str] = {component: "partial_outage", ComponentFactory(code="till"): "delayed"}
    draft = drafts.edit_update(update=draft, actor=UserFactory(), now=at(0), affected=affected)
    signing.sign(item=draft, signer=UserFactory(), now=at(0))
    first = publishing.publish_update(update_id=draft.pk, actor=None, now=at(1))
    assert first.incident.impact == "minor"
    say("no-change", 5)  # of the one that fails alone: the other one stays delayed
    assert shown(first.incident).facts.impact == "minor"
    assert verify().holds


def test_a_false_alarm_had_no_impact(incident: Incident, component: Component) -> None:
    draft = write(incident, component, status="false_alarm", state="operational")
    publishing.publish_update(update_id=draft.pk, actor=None, now=at(6))
    assert shown(incident).facts.impact == "none"
    assert verify().holds


# --- It comes back -----------------------------------------------------------------------------


def test_within_a_day_the_same_link_goes_on_and_must_be_watched_anew(resolved: Incident, component: Component) -> None:
    draft = write(resolved, component, minute=90, status="investigating")
    publishing.publish_update(update_id=draft.pk, actor=None, now=at(91))
    facts = shown(resolved).facts
    assert (facts.is_open, facts.reopened_at, facts.resolved_at) == (True, at(91), None)
    assert verify().holds
    again = write(Incident.objects.get(), component, minute=95, status="resolved", state="operational")
    assert "not_monitored" in [blocker.code for blocker in publishing.blockers_of(again, now=at(96))]


def test_after_a_day_a_new_incident_follows_the_old_one(resolved: Incident, component: Component) -> None:
    with pytest.raises(TimelineError, match="Open a new one"):
        write(resolved, component, minute=26 * 60)
    later = at(26 * 60)
    timeline.observe(component=component, status="partial_outage", since=later, now=later)
    draft = IncidentUpdate.objects.drafts().get()
    publishing.publish_update(update_id=draft.pk, actor=None, now=later)
    assert shown(draft.incident).facts.follows == resolved.public_id
    assert verify().holds


def test_a_closed_incident_takes_no_other_word(resolved: Incident, component: Component) -> None:
    draft = write(resolved, component, minute=70, status="monitoring", state="operational")
    assert [blocker.code for blocker in publishing.blockers_of(draft, now=at(71))] == ["incident_closed"]


# --- Linked by hand ----------------------------------------------------------------------------


def test_what_came_back_later_is_linked_by_hand_and_unlinked(
    resolved: Incident, component: Component, say: Callable[..., IncidentUpdate]
) -> None:
    month = 60 * 24 * 30
    later = say("down", month).incident
    assert later.follows is None  # by itself it is linked within a week
    linking.link(incident=later, earlier=resolved, reason="The same cable", actor=UserFactory(), now=at(month + 1))
    assert shown(later).facts.follows == resolved.public_id
    say("watching", month + 5)
    assert verify().holds
    Incident.objects.filter(pk=later.pk).update(follows=None)
    assert "its follows is not what its entries say" in verify().problem
    Incident.objects.filter(pk=later.pk).update(follows=resolved)
    linking.unlink(incident=later, reason="Another cable", actor=UserFactory(), now=at(month + 9))
    assert shown(later).facts.follows == ""
    assert verify().holds
    assert list(AuditEvent.objects.filter(target=later.public_id, act__endswith="link").values_list("act", flat=True)) == [
        "incident.unlink",
        "incident.link",
    ]


def test_no_link_without_a_reason_to_itself_or_to_what_began_later(
    resolved: Incident, say: Callable[..., IncidentUpdate]
) -> None:
    later = say("down", 60 * 24 * 30).incident
    for incident, earlier, reason, words in (
        (later, resolved, " ", "Say why"),
        (later, later, "x", "begun earlier"),
        (resolved, later, "x", "begun earlier"),
    ):
        with pytest.raises(TimelineError, match=words):
            linking.link(incident=incident, earlier=earlier, reason=reason, actor=UserFactory(), now=at(60 * 24 * 31))
    with pytest.raises(TimelineError, match="no earlier incident"):
        linking.unlink(incident=later, reason="x", actor=UserFactory(), now=at(60 * 24 * 31))


# --- Merged, withdrawn -------------------------------------------------------------------------


@pytest.fixture
def duplicate(incident: Incident, say: Callable[..., IncidentUpdate]) -> Incident:
    return say("down", 2, about=ComponentFactory(code="tills")).incident


def test_a_duplicate_goes_on_in_the_other_and_its_link_says_so(incident: Incident, duplicate: Incident) -> None:
    tills = Component.objects.get(code="tills")
    with pytest.raises(TimelineError, match="does not name tills"):
        publishing.merge_incidents(incident=duplicate, into=incident, actor=UserFactory(), now=at(3))
    both = write(incident, tills)
    publishing.publish_update(update_id=both.pk, actor=None, now=at(6))
    publishing.merge_incidents(incident=duplicate, into=incident, actor=UserFactory(), now=at(7))
    facts = shown(duplicate).facts
    assert (facts.merged_into, facts.is_open) == (incident.public_id, False)
    told = page.build_incident(incident.public_id, now=at(8)).merged
    assert [(one.facts.public_id, len(one.updates)) for one in told] == [(duplicate.public_id, 1)]
    assert [one.facts.public_id for one in page.build_now(at(8)).open_incidents] == [incident.public_id]
    assert Component.objects.get(code="tills").status == "partial_outage"
    assert verify().holds
    Incident.objects.filter(pk=duplicate.pk).update(merged_into=None)
    assert "its merged_into is not" in verify().problem


def test_a_withdrawn_incident_takes_its_states_with_it_and_needs_two(incident: Incident, component: Component) -> None:
    one, two = UserFactory(), UserFactory()
    with pytest.raises(TimelineError, match="second person"):
        publishing.withdraw_incident(incident=incident, reason="Drill", requested_by=one, approved_by=one, now=at(3))
    publishing.withdraw_incident(incident=incident, reason="Drill", requested_by=one, approved_by=two, now=at(3))
    component.refresh_from_db()
    assert component.status == "operational" or component.status_source == "stated"
    assert page.build_now(at(4)).open_incidents == ()
    assert page.build_incident(incident.public_id, now=NOON).title["en"].startswith("Withdrawn:")
    assert verify().holds


# --- Promises ----------------------------------------------------------------------------------


def test_a_missed_promise_is_recorded_once(incident: Incident) -> None:
    promised = incident.next_update_by
    assert promises.record_missed(now=at(19)) == []
    assert [missed.promised_by for missed in promises.record_missed(now=at(21))] == [promised]
    assert promises.record_missed(now=at(22)) == []
    assert MissedPromise.objects.count() == RecordEntry.objects.filter(kind="promise_missed").count() == 1
    assert shown(incident).facts.missed_promises == (promised,)


# --- Corrections, redress ----------------------------------------------------------------------


def correct(update: IncidentUpdate, sw: str = "Malipo yamechelewa.") -> Correction:
    correction = Correction(
        update=update,
        body=in_all({"en": "Payments were late.", "sw": sw}),
        reason=in_all({"en": "The time was wrong.", "sw": "Saa haikuwa sahihi."}),
    )
    draft = documents.add(document=correction, author=UserFactory(), now=at(1))
    return signing.sign(item=draft, signer=UserFactory(), now=at(1))


def test_a_correction_is_shown_with_what_was_said_before(incident: Incident) -> None:
    update = incident.updates.get()
    before = by_language(update.body)
    publishing.publish_correction(correction=correct(update), actor=None, now=at(2))
    [facts] = shown(incident).facts.updates
    assert facts.body["en"] == "Payments were late."
    [earlier] = facts.earlier
    assert (earlier.body, earlier.reason["en"], earlier.corrected_at) == (before, "The time was wrong.", at(2))
    update.refresh_from_db()
    assert by_language(update.body) == before
    assert verify().holds


def test_the_name_and_what_was_said_beside_the_words_are_corrected_too(incident: Incident, component: Component) -> None:
    who = {"en": "People in Mombasa.", "sw": "Watu wa Mombasa."}
    update = publishing.publish_update(update_id=write(incident, component, who_affected=who).pk, actor=None, now=at(6))
    name = by_language(incident.name)
    words = {
        "name": {"en": "Till payments fail", "sw": "Malipo ya till hayapiti"},
        "who_affected": {"en": "Some.", "sw": "Baadhi."},
    }
    draft = corrections.draft(of=update, words=words, reason=who, author=UserFactory(), now=at(7))
    signed = signing.sign(item=draft, signer=UserFactory(), now=at(7))
    correction = publishing.publish_correction(correction=signed, actor=None, now=at(8))
    facts = shown(incident).facts
    assert (facts.name, facts.last_said("who_affected")) == (words["name"], words["who_affected"])
    assert [(one.field, one.body) for one in (*facts.earlier_names, *facts.updates[0].earlier)] == [
        ("name", name),
        ("who_affected", who),
    ]
    assert corrections.name_of(incident) == words["name"]
    assert text_packs.said_in(text_packs.Rows.of(update), "en", at(9)).headline == "Till payments fail"
    assert facts.last_change_at == at(8)
    assert verify().holds
    Correction.objects.update(beside={**words, "name": name})
    assert (verify().bad_seq, verify().problem) == (correction.record_seq, "the text name.en of its correction was edited")


def _corrected(of: Any, **words: str) -> Correction:
    both = {field: {"en": text, "sw": text} for field, text in words.items()}
    reason = {"en": "Wrong.", "sw": "Si sahihi."}
    draft = corrections.draft(of=of, words=both, reason=reason, author=UserFactory(), now=at(7))
    signed = signing.sign(item=draft, signer=UserFactory(), now=at(7))
    return publishing.publish_correction(correction=signed, actor=None, now=at(8))


@pytest.mark.django_db(transaction=True)
def test_a_corrected_name_can_be_removed_for_ever(snapshot_dir: object, incident: Incident) -> None:
    correction = _corrected(incident.updates.get(), name="Asha Otieno's till fails")
    seq, two = correction.record_seq or 0, {"requested_by": UserFactory(), "approved_by": UserFactory()}
    record.redact(seq=seq, field="name.en", now=at(9), **two)
    assert shown(incident).facts.name["en"] == "[removed on 2026-11-24]"
    assert verify().holds


def test_words_on_planned_work_are_corrected_in_place_with_the_earlier_ones_folded(component: Component) -> None:
    planned = plans.announced({component: "partial_outage"}, start=24, end=26)
    said = planned.updates.get()
    before = corrections.said(said)
    _corrected(said, name="Other work", body="Pay before noon.")
    [facts] = page_planned.recent()
    assert (facts.name["en"], facts.updates[0].body["en"]) == ("Other work", "Pay before noon.")
    assert [one.body for one in (*facts.earlier_names, *facts.updates[0].earlier)] == [before["name"], before["body"]]
    assert facts.last_change_at == at(8)
    assert verify().holds


def test_an_announcement_and_a_redress_are_corrected_too(incident: Incident) -> None:
    announcement = test_announcements.published()
    _corrected(announcement, title="Another number")
    words = in_all({"en": "Whoever paid twice.", "sw": "Aliyelipa mara mbili."})
    redress = Redress(incident=incident, who=words, how=words, complain=words, good_by=at(60 * 24 * 3).date())
    draft = documents.add(document=redress, author=UserFactory(), now=at(5))
    publishing.publish_redress(redress=signing.sign(item=draft, signer=UserFactory(), now=at(5)), actor=None, now=at(6))
    _corrected(redress, how="By Friday.")
    [told] = page_planned.announcements(at(9))
    assert (told.title["en"], [one.field for one in told.earlier]) == ("Another number", ["title"])
    [made_good] = shown(incident).facts.redress
    assert (made_good.how["en"], [one.body for one in made_good.earlier]) == ("By Friday.", [by_language(words)])
    assert verify().holds


def test_a_correction_of_nothing_or_of_what_was_never_said_is_refused(incident: Incident) -> None:
    update, reason = incident.updates.get(), {"en": "Wrong.", "sw": "Si sahihi."}
    for words in ({}, {"still_works": reason}):
        draft = corrections.draft(of=update, words=words, reason=reason, author=UserFactory(), now=at(7))
        signed = signing.sign(item=draft, signer=UserFactory(), now=at(7))
        with pytest.raises(Blocked) as refusal:
            publishing.publish_correction(correction=signed, actor=None, now=at(8))
        assert [blocker.code for blocker in refusal.value.blockers] == ["nothing_to_correct"]
    with pytest.raises(TimelineError, match="use body, name, what_to_do"):
        corrections.draft(of=update, words={"impact": reason}, reason=reason, author=UserFactory(), now=at(7))


def test_a_correction_needs_both_languages_and_a_second_person(incident: Incident) -> None:
    draft = correct(incident.updates.get(), sw="")
    documents.edit(document=draft, actor=UserFactory(), now=at(2), deliver_notifications=True)
    with pytest.raises(Blocked) as refusal:
        publishing.publish_correction(correction=draft, actor=None, now=at(2))
    assert [blocker.code for blocker in refusal.value.blockers] == ["language_missing", "signature_void"]


def test_a_correction_edited_by_hand_is_found(incident: Incident) -> None:
    correction = publishing.publish_correction(correction=correct(incident.updates.get()), actor=None, now=at(2))
    Correction.objects.update(body=in_all({"en": "All was well.", "sw": "Shwari."}))
    assert (verify().bad_seq, verify().problem) == (correction.record_seq, "the text body.en of its correction was edited")


def test_redress_says_who_how_by_when_and_where_to_complain(incident: Incident) -> None:
    words = in_all({"en": "Whoever paid twice.", "sw": "Aliyelipa mara mbili."})
    redress = Redress(incident=incident, who=words, how=words, complain=words, good_by=at(60 * 24 * 3).date())
    draft = signing.sign(item=documents.add(document=redress, author=UserFactory(), now=at(1)), signer=UserFactory(), now=at(1))
    publishing.publish_redress(redress=draft, actor=None, now=at(2))
    [shown_redress] = shown(incident).facts.redress
    assert shown_redress.good_by.isoformat() == "2026-11-27"
    assert verify().holds


# --- Break glass -------------------------------------------------------------------------------


@pytest.fixture
def alone() -> User:
    """On duty with nobody to sign."""
    person = UserFactory()
    person.user_permissions.add(Permission.objects.get(codename="break_glass"))
    return User.objects.get(pk=person.pk)


@pytest.fixture
def broken(incident: Incident, component: Component, alone: User) -> IncidentUpdate:
    draft = drafts.add_update(
        incident=incident,
        status="investigating",
        body={"en": "A cable was cut.", "sw": "Waya umekatika."},
        affected={component: "partial_outage"},
        next_update_by=at(40),
        author=alone,
        now=at(5),
    )
    breaking_glass.break_glass(update=draft, actor=alone, reason="Nobody answers.", now=at(5))
    return publishing.publish_update(update_id=draft.pk, actor=alone, now=at(6))


def test_who_is_alone_publishes_with_a_reason_and_owes_a_signature(broken: IncidentUpdate, alone: User) -> None:
    owed = AfterSignature.objects.get()
    assert (owed.update_id, owed.due_at, owed.reason) == (broken.pk, at(66), "Nobody answers.")
    with pytest.raises(SigningRefused, match="Another person"):
        breaking_glass.sign_after(update=broken, signer=alone, now=at(7))
    breaking_glass.sign_after(update=broken, signer=UserFactory(), now=at(7))
    assert breaking_glass.record_missing(now=at(70)) == 0
    assert RecordEntry.objects.filter(kind="after_signature").count() == 1
    assert verify().holds


def test_a_signature_that_did_not_come_is_said_in_the_record_once(broken: IncidentUpdate) -> None:
    assert breaking_glass.record_missing(now=at(66)) == 0
    assert breaking_glass.record_missing(now=at(67)) == 1
    assert breaking_glass.record_missing(now=at(68)) == 0
    assert RecordEntry.objects.latest("seq").kind == "after_signature_missed"


@pytest.mark.parametrize(
    ("allowed", "reason", "words"), [(False, "Nobody answers.", "may not publish alone"), (True, " ", "why")]
)
def test_nobody_breaks_the_glass_without_leave_and_reason(
    incident: Incident, component: Component, alone: User, allowed: bool, reason: str, words: str
) -> None:
    draft = write(incident, component)
    person = alone if allowed else UserFactory(is_superuser=False)
    with pytest.raises(SigningRefused, match=words):
        breaking_glass.break_glass(update=draft, actor=person, reason=reason, now=at(6))


# --- Written down afterwards -------------------------------------------------------------------


def written_later(component: Component, **fields: Any) -> IncidentUpdate:
    draft = drafts.open_backfill(
        **{
            "name": {"en": "PayBill failed", "sw": "PayBill ilishindikana"},
            "body": {"en": "A disk was full.", "sw": "Diski ilijaa."},
            "affected": {component: "major_outage"},
            "started_at": at(-180),
            "ended_at": at(-120),
            "author": UserFactory(),
            "now": at(0),
            **fields,
        }
    )
    return signing.sign(item=draft, signer=UserFactory(), now=at(1))


def test_a_past_incident_is_signed_silent_and_changes_nothing_that_is_shown_now(component: Component) -> None:
    update = publishing.publish_update(update_id=written_later(component).pk, actor=UserFactory(), now=at(2))
    component.refresh_from_db()
    assert (component.status, update.deliver_notifications) == ("operational", False)
    facts = shown(update.incident).facts
    assert (facts.backfilled, facts.started_at, facts.resolved_at, facts.impact) == (True, at(-180), at(-120), "critical")
    assert facts.published_at == at(2)
    assert verify().holds


def test_a_past_incident_counts_in_the_uptime_of_its_days_and_is_named_beside_it(component: Component, settings: Any) -> None:
    Component.objects.update(created_at=at(-60 * 48))
    update = publishing.publish_update(update_id=written_later(component).pk, actor=None, now=at(2))
    day = NOON.date()
    figure = availability.in_period(components=[component], first=day, last=day, now=at(60))[component.code]
    assert figure.tally.down == timedelta(hours=1)
    assert availability.notes(component=component, first=day, last=day) == [update.incident]


def test_a_past_incident_needs_a_signature_and_does_not_come_back(component: Component) -> None:
    draft = written_later(component)
    drafts.edit_update(update=draft, actor=UserFactory(), now=at(2), body={"en": "Other.", "sw": "Nyingine."})
    assert [blocker.code for blocker in publishing.blockers_of(draft, now=at(2))] == ["signature_void"]
    assert not Incident.objects.get().may_reopen(at(3))


def test_a_past_incident_edited_by_hand_is_found(component: Component) -> None:
    publishing.publish_update(update_id=written_later(component).pk, actor=None, now=at(2))
    Incident.objects.update(backfilled=False)
    assert verify().problem == "the incident update it records was edited or removed"


@pytest.mark.parametrize(("start", "end"), [(-60, 10), (-60, -60), (-60, -90)])
def test_a_past_incident_is_past_and_has_both_ends(component: Component, start: float, end: float) -> None:
    with pytest.raises(TimelineError, match="both have passed"):
        written_later(component, started_at=at(start), ended_at=at(end))


def test_the_corrected_end_of_a_past_incident_is_proved(component: Component) -> None:
    update = publishing.publish_update(update_id=written_later(component).pk, actor=None, now=at(2))
    times.set_time(incident=update.incident, field="resolved_at", value=at(-100), reason="Logs", actor=UserFactory(), now=at(3))
    assert verify().holds


def test_who_saw_it_first_is_corrected_with_a_reason(incident: Incident) -> None:
    found = times.set_detected_by(incident=incident, value="public", reason="A tweet", actor=UserFactory(), now=at(1))
    assert found.detected_by == "public"
    with pytest.raises(TimelineError, match="use one of probe"):
        times.set_detected_by(incident=incident, value="a dog", reason="It barked", actor=UserFactory(), now=at(1))
