"""Every kind of document there is: whatever field of a public one is changed by hand, the proof names its entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, models, transaction
from i18nfield.fields import I18nCharField, I18nTextField

from incidents import documents, rebutting, record, signing, stating, withdrawing
from incidents.languages import in_all
from incidents.models import Component, Correction, Incident, IncidentUpdate, Rebuttal, Redress
from incidents.models.publishable import Document
from incidents.verification import verify
from statuspage import publishing
from tests.factories import NOON, ComponentFactory, UserFactory
from tests.incidents import plans, test_announcements, test_rebutting, test_reviews
from tests.incidents.helpers import all_notices, safety_notices
from tests.incidents.test_rebuttals import WHOLE

pytestmark = pytest.mark.django_db

BOTH = {"en": "True words.", "sw": "Maneno ya kweli."}
# For staff: it stands in no entry, so no entry can prove it.
FOR_STAFF = {
    "author",
    "published_by",
    "signed_by",
    "created_at",
    "updated_at",
    "content_hash",
    "signature_requested_at",
    "signed_at",
    "claim",
    "state",
    "state_hash",
    "review_started_at",
    "due_key",
    "security",
}


@pytest.fixture
def incident() -> Incident:
    """A major one, from noon until one o'clock, with what appears by itself."""
    safety_notices()
    component, notices = ComponentFactory(code="paybill"), all_notices()
    for minute, code in ((0, "down"), (30, "watching"), (60, "resolved")):
        now = NOON + timedelta(minutes=minute)
        publishing.publish_notice(component=component, notice=notices[code], actor=None, now=now)
    return Incident.objects.get()


def correction(incident: Incident) -> Document:
    said = IncidentUpdate.objects.published().filter(incident=incident).last()
    assert said is not None
    draft = Correction(update=said, body=in_all(BOTH), beside={"name": BOTH}, reason=in_all(BOTH))
    return publishing.publish_correction(correction=_signed(draft), actor=None, now=_later())


def redress(incident: Incident) -> Document:
    draft = Redress(incident=incident, who=in_all(BOTH), how=in_all(BOTH), complain=in_all(BOTH), good_by=date(2026, 12, 1))
    return publishing.publish_redress(redress=_signed(draft), actor=None, now=_later())


def review(incident: Incident) -> Document:
    return test_reviews.publish(test_reviews.written(incident, compensation=in_all(BOTH)), _later())


def maintenance_update(incident: Incident) -> Document:
    return plans.publish(plans.plan({Component.objects.get(): "delayed"}, start=24, end=26, now=3), now=3)


def announcement(incident: Incident) -> Document:
    return test_announcements.published()


def statement(incident: Incident) -> Document:
    return stating.newest(incident)["data"]


def rebuttal(incident: Incident) -> Document:
    claim = test_rebutting.logged()
    draft = rebutting.draft(claim=claim, answer=WHOLE, author=UserFactory(), now=_later(), incident=incident)
    return test_rebutting.publish(test_rebutting.approved(draft))


def withdrawal(incident: Incident) -> Document:
    draft = withdrawing.draft(of=stating.newest(incident)["advice"], note=BOTH, author=UserFactory(), now=_later())
    signed = signing.sign(item=draft, signer=UserFactory(), now=_later())
    return publishing.publish_withdrawal(withdrawal=signed, actor=None, now=_later())


def _signed(draft: Any) -> Any:
    return signing.sign(
        item=documents.add(document=draft, author=UserFactory(), now=_later()), signer=UserFactory(), now=_later()
    )


def _later() -> datetime:
    return NOON + timedelta(hours=2)


MAKE: dict[str, Callable[[Incident], Document]] = {
    made.__name__: made
    for made in (correction, redress, review, maintenance_update, announcement, statement, rebuttal, withdrawal)
}


def test_no_kind_of_document_is_forgotten_here() -> None:
    assert set(MAKE) == set(record.document_kinds())


@pytest.mark.parametrize("kind", list(MAKE))
def test_the_proof_names_the_entry_of_a_document_whatever_field_is_changed_by_hand(kind: str, incident: Incident) -> None:
    document = MAKE[kind](incident)
    assert document.kind == kind
    assert verify().holds
    assert list(_unnoticed(document)) == []


def _unnoticed(document: Document) -> Iterator[str]:
    """Fields of the row that can be changed without the proof naming its entry."""
    for field in document._meta.concrete_fields:
        if field.primary_key or field.name in FOR_STAFF:
            continue
        with transaction.atomic():
            if _is_changed(document, field) and verify().bad_seq != document.record_seq:
                yield field.name
            transaction.set_rollback(True)


def _is_changed(document: Document, field: Any) -> bool:
    """Another value for one field, past everything of ours. False where the database itself takes no other one."""
    before = getattr(document, field.attname)
    value = _other(field, before)
    if value == before:
        return False
    rows = type(document)._default_manager.filter(pk=document.pk)
    try:
        with transaction.atomic():
            return bool(rows.update(**{field.attname: value}))
    except IntegrityError:
        return False


def _other(field: Any, value: Any) -> Any:
    if field.name == "publication":
        return "discarded"
    if field.name == "record_seq":
        return None
    if isinstance(field, I18nCharField | I18nTextField):
        return in_all({"en": "Other words.", "sw": "Maneno mengine."})
    if isinstance(field, models.ForeignKey):
        return _another(field, value)
    if isinstance(field, models.BooleanField):
        return not value
    if isinstance(field, models.DateTimeField):
        return (value or NOON) + timedelta(minutes=1)
    if isinstance(field, models.DateField):
        return (value or date(2026, 1, 1)) + timedelta(days=1)
    if isinstance(field, models.JSONField):
        return {} if value and isinstance(value, dict) else ["an item"] if not value else []
    if isinstance(field, models.IntegerField):
        return value + 1
    return "another"[: field.max_length]


def _another(field: Any, value: Any) -> Any:
    """The key of another row of what it points at: of one that is there, or a copy. None where there is none to point at."""
    model = field.remote_field.model
    other = model._default_manager.exclude(pk=value).values_list("pk", flat=True).first()
    if other is None and value is not None:
        copy = model._default_manager.get(pk=value)
        copy.pk, copy.public_id = None, "bcdfghjkmnpq"
        copy.save(force_insert=True)
        other = copy.pk
    return other


def test_a_public_answer_that_belongs_to_no_incident_is_named_when_it_is_hung_on_one(incident: Incident) -> None:
    document = test_rebutting.publish(
        test_rebutting.approved(rebutting.draft(claim=test_rebutting.logged(), answer=WHOLE, author=UserFactory(), now=_later()))
    )
    Rebuttal.objects.filter(pk=document.pk).update(incident=incident)
    assert verify().bad_seq == document.record_seq
