"""The record: append-only, chained, provable, and able to forget."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import rfc8785
from django.db import connection, transaction

from incidents import record, timeline
from incidents.languages import by_language, in_all
from incidents.models import AuditEvent, Component, Incident, IncidentUpdate, RecordEntry, RecordHead, RecordText, StatusChange
from incidents.record import RecordError
from incidents.verification import verify
from statuspage import publishing
from subscribers.models import Notification
from tests.factories import NOON, ComponentFactory, NoticeFactory, UserFactory
from tests.incidents.helpers import signed_notice

pytestmark = pytest.mark.django_db


def add(text: str = "Malipo yanachelewa", **data: object) -> RecordEntry:
    with transaction.atomic():
        return record.append(kind="note", data=data, texts={"body.sw": text}, now=NOON)


@pytest.fixture
def published(snapshot_dir: object) -> IncidentUpdate:
    """A component in trouble, its first word public: one component_status entry and one incident_update entry at least."""
    component = ComponentFactory(code="stk-push")
    signed_notice()
    timeline.observe(component=component, status="partial_outage", since=NOON, now=NOON)
    draft = IncidentUpdate.objects.drafts().get()
    return publishing.publish_update(update_id=draft.pk, actor=UserFactory(), now=NOON + timedelta(minutes=1))


def test_an_entry_holds_canonical_bytes_and_no_text() -> None:
    entry = add("Malipo yanachelewa", count=3, flag=True, none=None, at=NOON, items=["a", {"b": 1}])
    body = json.loads(entry.body)
    assert rfc8785.dumps(body).decode() == entry.body
    assert "Malipo" not in entry.body
    assert body["data"] == {"count": 3, "flag": True, "none": None, "at": "2026-11-24T09:00:00.000Z", "items": ["a", {"b": 1}]}


def test_each_entry_names_the_one_before_it() -> None:
    first, second = add(), add()
    assert (first.seq, second.seq) == (1, 2)
    assert first.previous_hash == "0" * 64
    assert second.previous_hash == first.hash
    assert (record.head().seq, record.head().hash) == (2, second.hash)


@pytest.mark.django_db(transaction=True)
def test_the_record_is_written_inside_a_transaction_only() -> None:
    with pytest.raises(RecordError, match="inside a transaction"):
        record.append(kind="note", data={}, texts={}, now=NOON)


def test_a_fraction_has_no_place_in_the_record() -> None:
    with pytest.raises(RecordError, match="float"):
        add(share=0.5)


def test_a_whole_record_verifies(published: IncidentUpdate) -> None:
    found = verify()
    assert found.holds, found
    assert found.entries == record.head().seq
    assert {"component_status", "incident_update"} <= set(RecordEntry.objects.values_list("kind", flat=True))


def test_a_head_printed_earlier_stands_in_the_chain(published: IncidentUpdate) -> None:
    earlier = record.head().hash
    add()
    assert verify(expected_head=earlier).holds
    assert "no entry has the hash" in verify(expected_head="f" * 64).problem


def _edit_body(seq: int) -> None:
    entry = RecordEntry.objects.get(pk=seq)
    RecordEntry.objects.filter(pk=seq).update(body=entry.body.replace("partial_outage", "operational"))


def _edit_text(seq: int) -> None:
    RecordText.objects.filter(entry_id=seq, field="body.en").update(text="All is well.")


def _edit_update_row(seq: int) -> None:
    IncidentUpdate.objects.filter(record_seq=seq).update(body=json.dumps({"en": "All is well.", "sw": "Shwari."}))


def _edit_promise(seq: int) -> None:
    IncidentUpdate.objects.filter(record_seq=seq).update(next_update_by=NOON + timedelta(days=1))


def _edit_stated_component(seq: int) -> None:
    IncidentUpdate.objects.get(record_seq=seq).affected.update(new_status="operational")


def _edit_time(seq: int) -> None:
    RecordEntry.objects.filter(pk=seq).update(at=NOON - timedelta(hours=1))


def _remove_update(seq: int) -> None:
    update = IncidentUpdate.objects.get(record_seq=seq)
    Notification.objects.filter(update=update).delete()
    update.affected.all().delete()
    update.delete()


def _edit_incident(seq: int) -> None:
    Incident.objects.update(status="resolved")


def _mark_as_removed(seq: int) -> None:
    RecordText.objects.filter(entry_id=seq, field="body.en").update(text="", salt="", redacted_at=NOON)
    IncidentUpdate.objects.filter(record_seq=seq).update(body=in_all({"en": "All is well.", "sw": "Shwari."}))


def _empty_words(seq: int) -> None:
    update = IncidentUpdate.objects.get(record_seq=seq)
    IncidentUpdate.objects.filter(pk=update.pk).update(body=in_all({**by_language(update.body), "en": ""}))


def _empty_name(seq: int) -> None:
    IncidentUpdate.objects.get(record_seq=seq).affected.update(name=in_all({}))


def _hide_update(seq: int) -> None:
    IncidentUpdate.objects.filter(record_seq=seq).update(publication="discarded")


def _hide_incident(seq: int) -> None:
    Incident.objects.update(publication="discarded")


def _backdate_update(seq: int) -> None:
    IncidentUpdate.objects.filter(record_seq=seq).update(published_at=NOON - timedelta(hours=1))


def _edit_field(field: str, value: object) -> Callable[[int], None]:
    def edit(seq: int) -> None:
        Incident.objects.update(**{field: value})

    edit.__name__ = field
    return edit


@pytest.mark.parametrize(
    "edit",
    [
        _edit_body,
        _edit_text,
        _edit_update_row,
        _edit_promise,
        _edit_stated_component,
        _edit_time,
        _remove_update,
        _edit_incident,
        _mark_as_removed,
        _empty_words,
        _empty_name,
        _hide_update,
        _hide_incident,
        _backdate_update,
        _edit_field("impact", "none"),
        _edit_field("started_at", NOON - timedelta(hours=1)),
        _edit_field("published_at", NOON - timedelta(hours=1)),
        _edit_field("monitoring_at", NOON),
        _edit_field("resolved_at", NOON),
        _edit_field("next_update_by", NOON + timedelta(days=1)),
    ],
    ids=lambda edit: edit.__name__,
)
def test_verify_names_the_entry_whose_row_was_edited_by_hand(published: IncidentUpdate, edit: object) -> None:
    seq = published.record_seq
    add("a later entry")
    edit(seq)  # type: ignore[operator]
    assert verify().bad_seq == seq


def test_verify_names_the_entry_of_an_edited_status_change(published: IncidentUpdate) -> None:
    change = StatusChange.objects.earliest("record_seq")
    StatusChange.objects.filter(pk=change.pk).update(since=NOON - timedelta(hours=3))
    assert verify().bad_seq == change.record_seq


def test_verify_sees_a_component_whose_state_was_edited_by_hand(published: IncidentUpdate) -> None:
    Component.objects.update(status="operational")
    assert "shows operational" in verify().problem


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "delayed"}, "shows delayed, its last entry says operational"),
        ({"status_since": NOON}, "another start"),
        ({"status_source": "incident"}, "it is stated"),
    ],
)
def test_verify_sees_a_component_without_an_entry_that_was_edited_by_hand(fields: dict[str, object], words: str) -> None:
    ComponentFactory()
    assert verify().holds
    Component.objects.update(**fields)
    assert words in verify().problem


def test_verify_sees_other_words_in_place_of_a_removed_text(published: IncidentUpdate) -> None:
    seq = published.record_seq or 0
    record.redact(seq=seq, field="body.en", requested_by=UserFactory(), approved_by=UserFactory(), now=NOON)
    published.refresh_from_db()
    words = {**by_language(published.body), "en": "It was all their fault."}
    IncidentUpdate.objects.filter(pk=published.pk).update(body=in_all(words))
    assert (verify().bad_seq, verify().problem) == (seq, "the text body.en of its incident update was edited")


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_a_record_that_goes_on_while_it_is_proved_holds(published: IncidentUpdate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries are read first, the head afterwards: an entry written in between is none of this proof's."""
    real = record.head

    def head_after_another_entry() -> RecordHead:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(_add_and_close).result()
        return real()

    monkeypatch.setattr(record, "head", head_after_another_entry)
    found = verify()
    assert found.holds, found


def _add_and_close() -> None:
    try:
        add("another")
    finally:
        connection.close()


def test_verify_names_a_removed_entry() -> None:
    add()
    second = add()
    add()
    RecordText.objects.filter(entry=second).delete()
    second.delete()
    found = verify()
    assert (found.bad_seq, found.problem) == (3, "entry 2 is missing")


def test_verify_sees_a_cut_tail() -> None:
    add()
    last = add()
    last.texts.all().delete()
    last.delete()
    assert "the head says 2, the last entry is 1" in verify().problem


def test_verify_sees_a_word_made_public_past_the_record(published: IncidentUpdate) -> None:
    IncidentUpdate.objects.create(
        incident=published.incident,
        status="monitoring",
        publication="published",
        published_at=NOON,
        display_at=NOON,
        record_seq=99,
        body=published.body,
    )
    assert "is public without an entry" in verify().problem


def test_a_removed_text_is_gone_everywhere_and_the_record_still_holds(published: IncidentUpdate) -> None:
    asked, approved = UserFactory(), UserFactory()
    text = RecordText.objects.get(entry_id=published.record_seq, field="body.en").text
    record.redact(seq=published.record_seq or 0, field="body.en", requested_by=asked, approved_by=approved, now=NOON)
    published.refresh_from_db()
    assert published.body.data["en"] == "[removed on 2026-11-24]"
    assert published.body.data["sw"].startswith("Huduma")
    assert not RecordText.objects.filter(text=text).exists()
    assert RecordEntry.objects.latest("seq").kind == "redaction"
    assert AuditEvent.objects.filter(act="record.redact", actor=approved).exists()
    assert verify().holds


def test_nobody_removes_a_text_alone(published: IncidentUpdate) -> None:
    person = UserFactory()
    with pytest.raises(RecordError, match="second person"):
        record.redact(seq=published.record_seq or 0, field="body.en", requested_by=person, approved_by=person, now=NOON)
    assert RecordText.objects.get(entry_id=published.record_seq, field="body.en").text


def test_a_text_that_is_not_there_cannot_be_removed(published: IncidentUpdate) -> None:
    with pytest.raises(RecordError, match=r"no text body\.fr"):
        record.redact(
            seq=published.record_seq or 0, field="body.fr", requested_by=UserFactory(), approved_by=UserFactory(), now=NOON
        )


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_eight_writers_at_once_never_fork_the_record() -> None:
    def write(number: int) -> None:
        try:
            for turn in range(10):
                with transaction.atomic():
                    record.append(kind="note", data={"writer": number, "turn": turn}, texts={}, now=NOON)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(write, range(8)))
    found = verify()
    assert found.holds, found
    assert found.entries == 80
    assert RecordHead.objects.get().seq == 80


def test_an_unsigned_notice_is_no_signature() -> None:
    ComponentFactory(code="stk-push")
    NoticeFactory()
    component = Component.objects.get()
    timeline.observe(component=component, status="partial_outage", since=NOON, now=NOON)
    assert IncidentUpdate.objects.get().signature_kind == "none"
