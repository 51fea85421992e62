"""Four eyes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from incidents import drafts, notices, signing
from incidents.models import AuditEvent, IncidentUpdate
from incidents.signing import SigningRefused
from tests.factories import NOON, ComponentFactory, UserFactory
from tests.incidents.helpers import signed_notice

pytestmark = pytest.mark.django_db


@pytest.fixture
def author() -> User:
    return UserFactory()


@pytest.fixture
def draft(author: User) -> IncidentUpdate:
    update = drafts.open_draft(component=ComponentFactory(), status="delayed", since=NOON, now=NOON, author=author)
    return drafts.edit_update(
        update=update,
        actor=author,
        now=NOON,
        body={"en": "Late.", "sw": "Zinachelewa."},
        next_update_by=NOON + timedelta(hours=1),
    )


def test_a_second_person_signs(draft: IncidentUpdate) -> None:
    signer = UserFactory()
    signed = signing.sign(item=draft, signer=signer, now=NOON)
    assert signing.signature_state(signed) == "valid"
    assert signed.signed_by == signer
    assert AuditEvent.objects.filter(act="update.sign", actor=signer).exists()


def test_an_author_signs_nothing_of_their_own_superusers_included(draft: IncidentUpdate, author: User) -> None:
    author.is_superuser = True
    author.save()
    with pytest.raises(SigningRefused):
        signing.sign(item=draft, signer=author, now=NOON)


@pytest.mark.parametrize(
    "change",
    [
        {"body": {"en": "Later.", "sw": "Baadaye."}},
        {"status": "identified"},
        {"next_update_by": NOON + timedelta(hours=2)},
        {"deliver_notifications": False},
        {"name": {"en": "Other", "sw": "Jingine"}},
    ],
)
def test_any_change_voids_the_signature(draft: IncidentUpdate, author: User, change: dict[str, object]) -> None:
    signed = signing.sign(item=draft, signer=UserFactory(), now=NOON)
    changed = drafts.edit_update(update=signed, actor=author, now=NOON, **change)  # type: ignore[arg-type]
    assert signing.signature_state(changed) == "void"


def test_a_changed_state_voids_the_signature(draft: IncidentUpdate, author: User) -> None:
    signed = signing.sign(item=draft, signer=UserFactory(), now=NOON)
    component = signed.affected.get().component
    changed = drafts.edit_update(update=signed, actor=author, now=NOON, affected={component: "major_outage"})
    assert signing.signature_state(changed) == "void"


def test_nobody_signs_other_words_than_they_saw(draft: IncidentUpdate, author: User) -> None:
    seen = signing.content_hash(draft)
    drafts.edit_update(update=draft, actor=author, now=NOON, body={"en": "Changed.", "sw": "Imebadilika."})
    with pytest.raises(SigningRefused, match="changed after you opened it"):
        signing.sign(item=draft, signer=UserFactory(), now=NOON, seen_hash=seen)


def test_sending_back_needs_a_reason(draft: IncidentUpdate) -> None:
    with pytest.raises(SigningRefused, match="Say what to change"):
        signing.send_back(item=draft, signer=UserFactory(), reason=" ", now=NOON)


def test_a_notice_changed_after_its_signature_is_unsigned() -> None:
    notice = signed_notice()
    assert notices.is_signed(notice)
    notice.cadence_minutes += 1
    assert not notices.is_signed(notice)
