"""Four eyes."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from incidents import drafts, notices, signing
from incidents.languages import in_all
from incidents.models import AuditEvent, IncidentUpdate
from incidents.signing import SigningRefused
from statuspage import publishing
from tests.factories import NOON, ComponentFactory, NoticeFactory, UserFactory
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


@pytest.mark.parametrize(
    "more",
    [
        {"what_to_do": {"en": "Wait.", "sw": "Subiri."}},
        {"who_affected": {"en": "Everyone.", "sw": "Wote."}},
        {"attribution": "network"},
        {"channels": ["ussd"]},
        {"areas": [47]},
        {"share_affected": 10},
    ],
)
def test_what_is_stated_beside_the_words_is_signed_too(draft: IncidentUpdate, author: User, more: dict[str, object]) -> None:
    signed = signing.sign(item=draft, signer=UserFactory(), now=NOON)
    changed = drafts.edit_update(update=signed, actor=author, now=NOON, more=more)
    assert signing.signature_state(changed) == "void"


def test_whoever_edited_once_is_an_author_for_ever(draft: IncidentUpdate, author: User) -> None:
    editor = UserFactory()
    drafts.edit_update(update=draft, actor=editor, now=NOON, status="identified")
    drafts.edit_update(update=draft, actor=author, now=NOON, status="investigating")
    with pytest.raises(SigningRefused, match="You wrote part"):
        signing.sign(item=draft, signer=editor, now=NOON)


def test_words_changed_past_every_act_cannot_be_signed(draft: IncidentUpdate) -> None:
    IncidentUpdate.objects.update(deliver_notifications=False)
    with pytest.raises(SigningRefused, match="changed after you opened it"):
        signing.sign(item=draft, signer=UserFactory(), now=NOON)


def test_sending_back_keeps_the_reason_and_takes_it_off_the_approvers_list(draft: IncidentUpdate, author: User) -> None:
    signing.request(item=draft, actor=author, now=NOON)
    signing.send_back(item=draft, signer=UserFactory(), reason="Say since when.", now=NOON)
    draft.refresh_from_db()
    assert (draft.signature_requested_at, draft.publication) == (None, "draft")
    assert AuditEvent.objects.get(act="update.send_back").details == {"reason": "Say since when."}


# --- Notices ---------------------------------------------------------------------------------------


def test_whoever_signed_a_notice_in_calm_time_may_publish_it() -> None:
    signer = UserFactory()
    notice = signing.sign_notice(notice=NoticeFactory(), signer=signer, now=NOON)
    update = publishing.publish_notice(component=ComponentFactory(), notice=notice, actor=signer, now=NOON)
    assert (update.signature_kind, update.signed_by, update.published_by) == ("notice", signer, signer)


def test_each_signature_of_a_notice_keeps_a_version_and_what_went_out_names_its_own() -> None:
    notice, signer = signed_notice(), UserFactory()
    first = publishing.publish_notice(component=ComponentFactory(), notice=notice, actor=signer, now=NOON)
    notice = signing.withdraw_notice(notice=notice, actor=signer, now=NOON + timedelta(hours=1))
    notice.cadence_minutes = 45
    notice.save()
    signing.sign_notice(notice=notice, signer=signer, now=NOON + timedelta(hours=2))
    assert [(one.number, one.covered["cadence_minutes"], one.withdrawn_at) for one in notice.versions.all()] == [
        (2, 45, None),
        (1, 30, NOON + timedelta(hours=1)),
    ]
    used = notices.version_used(first)
    assert used is not None
    assert (used.number, used.hash) == (1, notice.versions.get(number=1).hash)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": {"en": "{component} by {next}", "sw": "{component} {next}"}}, "title has the slot {next}"),
        ({"body": {"en": "{status} since {since}.", "sw": "Tangu {since}."}}, "body has the slot {status}"),
        ({"body": {"en": "By {next}.", "sw": "Kufikia {next}."}, "cadence_minutes": 0}, "body has the slot {next}"),
        ({"body": {"en": "By {next}.", "sw": "Karibuni."}}, "body lacks {next} in “sw”"),
        ({"body": {"en": "By {next}.", "sw": ""}}, "not written in sw yet"),
    ],
)
def test_a_notice_whose_slots_cannot_be_filled_is_not_signed(change: dict[str, Any], words: str) -> None:
    texts = {name: in_all(text) if isinstance(text, dict) else text for name, text in change.items()}
    with pytest.raises(SigningRefused, match=re.escape(words)):
        signing.sign_notice(notice=NoticeFactory(**texts), signer=UserFactory(), now=NOON)


# --- At once ---------------------------------------------------------------------------------------


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_an_edit_and_a_signature_at_once_never_leave_a_signature_on_words_its_signer_did_not_see() -> None:
    author = UserFactory()
    component = ComponentFactory()
    draft = drafts.open_draft(component=component, status="delayed", since=NOON, now=NOON, author=author)
    for turn in range(5):
        seen = signing.content_hash(IncidentUpdate.objects.get())
        body = {"en": f"Late {turn}.", "sw": f"Inachelewa {turn}."}
        edit = partial(drafts.edit_update, update=draft, actor=author, now=NOON, body=body)
        sign = partial(signing.sign, item=draft, signer=UserFactory(), now=NOON, seen_hash=seen)
        at_once(edit, sign)
        row = IncidentUpdate.objects.get()
        if signing.signature_state(row) == "valid":
            assert row.signature_hash == seen


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_who_edits_and_signs_at_once_is_an_author_or_no_signer() -> None:
    draft = drafts.open_draft(component=ComponentFactory(), status="delayed", since=NOON, now=NOON, author=UserFactory())
    for turn in range(5):
        both = UserFactory()
        edit = partial(
            drafts.edit_update, update=draft, actor=both, now=NOON, body={"en": f"Late {turn}.", "sw": f"Sasa {turn}."}
        )
        at_once(edit, partial(signing.sign, item=draft, signer=both, now=NOON))
        assert signing.signature_state(IncidentUpdate.objects.get()) != "valid"


def at_once(*acts: Callable[[], object]) -> None:
    """Several acts in threads that start together; a refusal is an answer."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> None:
        try:
            start.wait()
            with suppress(SigningRefused):
                act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        list(pool.map(run, acts))
