"""Drafts at the desk: who may do what, two officers at once, signing, publishing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from incidents import drafts, signing
from incidents.languages import by_language
from incidents.models import AuditEvent, Component, IncidentUpdate, RecordEntry
from incidents.verification import verify
from statuspage import publishing
from statuspage.roles import APPROVER, AUDITOR, AUTHOR, ENGINEER
from tests.factories import UserFactory
from tests.statuspage.desk import OWN_WORDS, a_draft, at, form_of, sign_in, someone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]


@pytest.fixture(autouse=True)
def _own_disk(settings: Any, tmp_path: Any) -> None:
    settings.SNAPSHOT_DIR = tmp_path / "snapshot"


# --- Who may ---------------------------------------------------------------------------------


def test_a_stranger_is_sent_to_sign_in_and_nothing_is_published() -> None:
    draft = a_draft()
    answer = Client().post(at(draft, "publish"))
    assert answer.status_code == 302
    assert "/admin/login/" in answer["Location"]
    draft.refresh_from_db()
    assert draft.publication == "draft"


@pytest.mark.parametrize("role", ["", ENGINEER, AUDITOR])
def test_other_roles_may_not_publish_sign_or_write(role: str) -> None:
    draft = a_draft()
    client = sign_in(someone(role))
    for act in ("publish", "sign", "ask", "send-back", "discard"):
        answer = client.post(at(draft, act), {"reason": "because"})
        assert answer.status_code == 403, act
        assert b"Your role may not do this" in answer.content
    assert client.post(at(draft), form_of(draft, **OWN_WORDS)).status_code == 403
    draft.refresh_from_db()
    assert draft.publication == "draft"
    assert "Payments" not in by_language(draft.body)["en"]


def test_a_signed_in_person_who_is_not_staff_sees_nothing() -> None:
    answer = sign_in(someone(AUTHOR, is_staff=False)).get("/admin/")
    assert answer.status_code == 302


def test_an_auditor_reads_a_draft_without_a_form() -> None:
    answer = sign_in(someone(AUDITOR)).get(at(a_draft()))
    assert answer.status_code == 200
    assert b"<textarea" not in answer.content
    assert b"with no public word" in answer.content
    assert b"Publish now" not in answer.content


def test_no_update_can_be_deleted_even_by_a_superuser() -> None:
    draft = a_draft()
    answer = sign_in(someone(is_superuser=True)).post(at(draft, "delete"), {"post": "yes"})
    assert answer.status_code == 403
    assert IncidentUpdate.objects.filter(pk=draft.pk).exists()


# --- Publishing --------------------------------------------------------------------------------


def test_the_composer_shows_both_languages_services_and_evidence() -> None:
    draft = a_draft()
    page = sign_in(someone(AUTHOR)).get(at(draft, "publish"), follow=True).content.decode()
    assert "Do not pay again" in page
    assert "Usilipe tena" in page
    assert 'lang="sw"' in page
    assert "500.003.02: System is busy" in page
    assert "Not working for some" in page
    assert "Nothing blocks this" in page
    assert "You can publish alone" in page


def test_signed_words_are_published_alone_and_a_double_click_publishes_once() -> None:
    draft = a_draft()
    client = sign_in(someone(AUTHOR, "writer"))
    first, second = client.post(at(draft, "publish")), client.post(at(draft, "publish"))
    assert (first.status_code, second.status_code) == (302, 302)
    assert RecordEntry.objects.filter(kind="incident_update").count() == 1
    draft.refresh_from_db()
    assert (draft.publication, str(draft.published_by)) == ("published", "writer")
    assert verify().holds


def test_blocked_words_are_refused_by_the_server_with_the_list_and_nothing_is_lost() -> None:
    draft = a_draft()
    drafts.edit_update(update=draft, actor=UserFactory(), now=timezone.now(), body={"en": "Only English.", "sw": ""})
    client = sign_in(someone(AUTHOR))
    answer = client.post(at(draft), {"mode": "signed", "act": "publish", "reason": "We are sure."})
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "Not published." in page
    for blocker in publishing.blockers_of(draft, now=timezone.now()):
        assert blocker.message in page
    assert f"{at(draft)}?words=1#body_sw" in page
    assert "Only English." in page
    draft.refresh_from_db()
    assert draft.publication == "draft"


def test_a_missing_signature_leads_approvers_to_signing_and_authors_to_their_draft() -> None:
    author = someone(AUTHOR)
    draft = a_changed_draft(author)
    assert f'href="{at(draft, "sign")}"' not in sign_in(author).get(at(draft)).content.decode()
    asked = sign_in(someone(APPROVER)).get(at(draft, "publish"), follow=True)
    assert f'href="{at(draft, "sign")}"' in asked.content.decode()


def test_a_reason_is_asked_for_where_probes_disagree_and_kept() -> None:
    draft = a_draft("major_outage")
    component = Component.objects.get()
    now = timezone.now()
    edited = drafts.edit_update(update=draft, actor=UserFactory(), now=now, affected={component: "delayed"})
    signing.sign(item=edited, signer=UserFactory(), now=now)
    client = sign_in(someone(AUTHOR))
    assert b'id="reason" name="reason"' in client.get(at(draft)).content
    assert client.post(at(draft, "publish")).status_code == 409
    assert client.post(at(draft, "publish"), {"reason": "The probe's own line is cut."}).status_code == 302
    draft.refresh_from_db()
    assert draft.reason == "The probe's own line is cut."


def test_a_published_update_is_read_only() -> None:
    draft = a_draft()
    client = sign_in(someone(AUTHOR))
    client.post(at(draft, "publish"))
    page = client.get(at(draft)).content.decode()
    assert "Public words never change" in page
    assert "<textarea" not in page
    before = by_language(IncidentUpdate.objects.get(pk=draft.pk).body)
    assert client.post(at(draft), form_of(draft, **OWN_WORDS)).status_code == 409
    assert by_language(IncidentUpdate.objects.get(pk=draft.pk).body) == before


def test_the_words_shown_carry_the_promise_they_would_get_now(time_machine: Any) -> None:
    time_machine.move_to("2026-11-24T09:00:00Z", tick=False)
    draft = a_draft()
    client = sign_in(someone(AUTHOR))
    time_machine.shift(timedelta(minutes=30))
    page = client.get(at(draft)).content.decode()
    assert "Next update by 12:50 pm EAT" in page
    assert "Taarifa ijayo kufikia 12:50 EAT" in page


# --- Editing -----------------------------------------------------------------------------------


def test_keeping_a_draft_without_a_change_keeps_its_signature() -> None:
    draft = a_draft()
    answer = sign_in(someone(AUTHOR)).post(at(draft), form_of(draft))
    assert answer.status_code == 302
    draft.refresh_from_db()
    assert signing.signature_state(draft) == "valid"


def test_windows_line_ends_are_not_a_change() -> None:
    draft = drafts.edit_update(
        update=a_draft(), actor=UserFactory(), now=timezone.now(), body={"en": "One.\nTwo.", "sw": "Moja.\nMbili."}
    )
    signing.sign(item=draft, signer=UserFactory(), now=timezone.now())
    posted = form_of(draft, body_en="One.\r\nTwo.", body_sw="Moja.\r\nMbili.")
    sign_in(someone(AUTHOR)).post(at(draft), posted)
    draft.refresh_from_db()
    assert signing.signature_state(draft) == "valid"


def test_changed_words_are_kept_and_void_the_signature() -> None:
    draft = a_draft()
    answer = sign_in(someone(AUTHOR)).post(at(draft), form_of(draft, **OWN_WORDS, status="identified"))
    assert answer.status_code == 302
    draft.refresh_from_db()
    assert by_language(draft.body) == {"en": OWN_WORDS["body_en"], "sw": OWN_WORDS["body_sw"]}
    assert draft.status == "identified"
    assert signing.signature_state(draft) == "void"


def test_the_promise_is_read_on_the_pages_own_clock(time_machine: Any) -> None:
    time_machine.move_to("2026-11-24T09:00:00Z", tick=False)
    draft = a_draft()
    posted = form_of(draft, next_day="2026-11-24", next_time="16:55")
    sign_in(someone(AUTHOR)).post(at(draft), posted)
    draft.refresh_from_db()
    assert draft.next_update_by is not None
    assert draft.next_update_by.isoformat() == "2026-11-24T13:55:00+00:00"


@pytest.mark.parametrize(("field", "value"), [("next_time", "25:99"), ("next_time", ""), ("status", "boiling")])
def test_what_cannot_be_read_is_marked_and_the_text_is_kept(field: str, value: str) -> None:
    draft = a_draft()
    answer = sign_in(someone(AUTHOR)).post(at(draft), form_of(draft, **{**OWN_WORDS, field: value}))
    assert answer.status_code == 422
    assert OWN_WORDS["body_sw"] in answer.content.decode()
    draft.refresh_from_db()
    assert by_language(draft.body)["en"] != OWN_WORDS["body_en"]


def test_two_officers_at_once_keep_both_texts() -> None:
    draft = a_draft()
    mine, theirs = sign_in(someone(AUTHOR, "brian")), sign_in(someone(AUTHOR, "wanjiru"))
    as_opened = form_of(draft)
    theirs.post(at(draft), {**as_opened, "body_en": "Theirs, first.", "body_sw": "Yao, kwanza."})
    answer = mine.post(at(draft), {**as_opened, "body_en": "Mine, second.", "body_sw": "Yangu, pili."})
    assert answer.status_code == 409
    page = answer.content.decode()
    marked = re.sub(r" ?<ins>.*?</ins>", "", page)  # theirs, with what differs from ours marked word by word
    theirs_shown = re.sub(r'<span class="d-hide"[^>]*>[^<]*</span>|</?del>', "", marked)
    for text in ("Theirs, first.", "Yao, kwanza."):
        assert text in theirs_shown, text
    for text in ("Mine, second.", "Yangu, pili.", "wanjiru", "Someone else changed this draft"):
        assert text in page, text
    draft.refresh_from_db()
    assert by_language(draft.body)["en"] == "Theirs, first."
    seen_now = {**as_opened, "body_en": "Mine, second.", "body_sw": "Yangu, pili.", "seen_at": draft.updated_at.isoformat()}
    assert f'value="{draft.updated_at.isoformat()}"' in page
    assert mine.post(at(draft), seen_now).status_code == 302
    draft.refresh_from_db()
    assert by_language(draft.body)["en"] == "Mine, second."


def test_a_text_written_while_the_draft_went_public_can_become_a_new_draft() -> None:
    draft = a_draft()
    client = sign_in(someone(AUTHOR))
    as_opened = form_of(draft, **OWN_WORDS)
    publishing.publish_update(update_id=draft.pk, actor=None, now=timezone.now())
    page = client.post(at(draft), as_opened).content.decode()
    assert "Keep as a new draft" in page
    new = f"/admin/incidents/incident/{draft.incident_id}/new-update/"
    assert f'formaction="{new}"' in page
    assert client.post(new, {**as_opened, "once": "a token"}).status_code == 302
    kept = IncidentUpdate.objects.drafts().get()
    assert by_language(kept.body)["en"] == OWN_WORDS["body_en"]


def test_a_draft_is_discarded_with_a_reason_and_its_rows_stay() -> None:
    draft = a_draft()
    assert sign_in(someone(AUTHOR)).post(at(draft, "discard"), {"reason": "A drill"}).status_code == 302
    draft.refresh_from_db()
    assert draft.publication == "discarded"
    assert AuditEvent.objects.get(act="update.discard").details == {"reason": "A drill"}


# --- Four eyes -----------------------------------------------------------------------------------


def a_changed_draft(author: Any) -> IncidentUpdate:
    draft = a_draft()
    sign_in(author).post(at(draft), form_of(draft, **OWN_WORDS))
    draft.refresh_from_db()
    return draft


def test_a_second_person_signs_what_they_saw_and_it_goes_out() -> None:
    author, approver = someone(AUTHOR, "writer"), someone(APPROVER, "approver")
    draft = a_changed_draft(author)
    assert sign_in(author).post(at(draft, "publish")).status_code == 409
    assert sign_in(author).post(at(draft, "ask")).status_code == 302
    client = sign_in(approver)
    assert "writer asks you to sign" in client.get(at(draft, "sign")).content.decode()
    assert client.post(at(draft, "sign"), {"seen_hash": signing.content_hash(draft)}).status_code == 302
    assert client.post(at(draft, "publish")).status_code == 302
    draft.refresh_from_db()
    assert (str(draft.signed_by), draft.publication) == ("approver", "published")


def test_an_author_cannot_sign_their_own_words_superuser_or_not() -> None:
    boss = someone(is_superuser=True)
    draft = a_changed_draft(boss)
    answer = sign_in(boss).post(at(draft, "sign"), {"seen_hash": signing.content_hash(draft)})
    assert answer.status_code == 403
    assert "Another person must sign it" in answer.content.decode()
    draft.refresh_from_db()
    assert signing.signature_state(draft) != "valid"


def test_a_text_that_changed_under_the_signers_eyes_is_not_signed() -> None:
    draft = a_changed_draft(someone(AUTHOR))
    seen = signing.content_hash(draft)
    drafts.edit_update(update=draft, actor=UserFactory(), now=timezone.now(), body={"en": "New.", "sw": "Mpya."})
    answer = sign_in(someone(APPROVER)).post(at(draft, "sign"), {"seen_hash": seen})
    assert answer.status_code == 403
    assert "Read it again" in answer.content.decode()


def test_sent_back_with_a_reason_the_author_sees_it() -> None:
    author = someone(AUTHOR, "writer")
    draft = a_changed_draft(author)
    sign_in(author).post(at(draft, "ask"))
    client = sign_in(someone(APPROVER, "approver"))
    assert client.post(at(draft, "send-back"), {"reason": " "}).status_code == 403
    assert client.post(at(draft, "send-back"), {"reason": "Say what to do first."}).status_code == 302
    page = sign_in(author).get(at(draft)).content.decode()
    assert "approver sent it back" in page
    assert "Say what to do first." in page


def test_acts_need_a_post() -> None:
    draft = a_draft()
    client = sign_in(someone(is_superuser=True))
    for act in ("ask", "send-back", "discard"):
        assert client.get(at(draft, act)).status_code == 405
