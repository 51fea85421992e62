"""The edge cases of updates at the desk, a test a row; those that need a browser are in tests/browser/test_desk.py."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from incidents import drafts, signing
from incidents.languages import by_language
from incidents.models import AuditEvent, Component, Incident, IncidentUpdate
from statuspage import keeping, publishing
from statuspage.admin.signing_page import seen
from statuspage.models import DeskDraft
from statuspage.roles import APPROVER, AUTHOR, SECURITY
from subscribers.models import ChannelTrouble, Delivery, Notification
from tests.statuspage.desk import OWN_WORDS, a_draft, at, form_of, sign_in, someone
from tests.subscribers.news import reader

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]


def test_an_approver_who_changes_words_is_an_author_and_is_told_that_another_signs() -> None:
    """Approver wants to change words."""
    both = someone(AUTHOR, "both")
    both.groups.add(someone(APPROVER).groups.get())
    draft = a_draft()
    client = sign_in(both)
    client.post(at(draft), form_of(draft, **OWN_WORDS))
    assert "You can’t sign this: you wrote part of it." in client.get(at(draft, "sign")).content.decode()
    assert client.post(at(draft, "sign"), {"seen_hash": signing.content_hash(draft)}).status_code == 403


def test_without_its_kiswahili_a_text_is_not_asked_for_while_the_signed_words_stay_open() -> None:
    """Kiswahili not ready."""
    draft, client = a_draft(), sign_in(someone(AUTHOR))
    assert "You can publish it alone" in client.get("/admin/").content.decode()
    answer = client.post(at(draft), {**form_of(draft, body_en="Only English.", body_sw=""), "act": "ask"})
    assert answer.status_code == 409
    assert "The body is missing in “sw”" in answer.content.decode()
    assert "Only English." in answer.content.decode()
    draft.refresh_from_db()
    assert draft.signature_requested_at is None


def test_english_that_was_edited_after_translation_marks_the_kiswahili_and_shows_it_first() -> None:
    """English edited after translation."""
    draft, author = a_draft(), someone(AUTHOR)
    for body in (
        {"en": "One.", "sw": "Moja."},
        {"en": "Two, at 16:55.", "sw": "Moja."},
    ):
        draft = drafts.edit_update(update=draft, actor=author, now=timezone.now(), body=body)
    assert "Kiswahili is older than English" in sign_in(author).get(at(draft)).content.decode()
    page = sign_in(someone(APPROVER)).get(at(draft, "sign")).content.decode()
    assert "Older than English" in page
    words = page[page.index('id="words"') :]
    assert words.index('lang="sw"') < words.index('lang="en"')


def test_evidence_that_changed_while_one_read_is_shown_and_signing_asks_again() -> None:
    """Evidence recovers or worsens while drafting."""
    draft, approver = a_draft(), sign_in(someone(APPROVER))
    drafts.edit_update(update=draft, actor=someone(AUTHOR), now=timezone.now(), body={"en": "Own.", "sw": "Yetu."})
    draft.refresh_from_db()
    seen_before = {"seen_hash": signing.content_hash(draft), "seen_evidence": "0123456789abcdef"}
    Component.objects.update(observed_status="operational")
    page = approver.get(at(draft, "sign")).content.decode()
    assert "Probes now say of" in page
    assert ": working." in page
    answer = approver.post(at(draft, "sign"), seen_before)
    assert answer.status_code == 409
    assert "The evidence changed while you read" in answer.content.decode()
    draft.refresh_from_db()
    assert signing.signature_state(draft) != "valid"
    assert seen([]) != "0123456789abcdef"


def test_what_is_typed_is_kept_for_its_writer_alone_and_changes_nothing_of_the_draft() -> None:
    """Session ends while typing: what the browser keeps every 20 s."""
    draft, author = a_draft(), someone(AUTHOR, "amina")
    client = sign_in(author)
    answer = client.post(at(draft, "keep"), form_of(draft, **OWN_WORDS))
    assert answer.json()["saved"]
    assert "Kiungo kimekatika" in answer.json()["html"]["preview"]
    assert OWN_WORDS["body_sw"] in client.get(at(draft)).content.decode()
    other = sign_in(someone(AUTHOR, "brian")).get(at(draft)).content.decode()
    assert OWN_WORDS["body_sw"] not in other
    assert "amina is writing" in other
    draft.refresh_from_db()
    assert signing.signature_state(draft) == "valid"
    client.post(at(draft, "forget"))
    assert not DeskDraft.objects.exists()


def test_more_than_is_kept_is_refused_in_words() -> None:
    draft, author = a_draft(), someone(AUTHOR)
    with pytest.raises(keeping.TooLong, match="in shorter parts"):
        keeping.keep_form(person=author, update=draft, fields={"body_en": ["x" * 200_001]}, now=timezone.now())


def test_who_is_affected_must_be_said() -> None:
    """Only some people or places."""
    draft, client = a_draft(), sign_in(someone(AUTHOR))
    answer = client.post(at(draft), form_of(draft, **OWN_WORDS, who=""))
    assert answer.status_code == 422
    assert "Say who is affected" in answer.content.decode()
    client.post(at(draft), form_of(draft, **OWN_WORDS, who="places", areas=["1", "3"]))
    draft.refresh_from_db()
    assert (by_language(draft.who_affected)["en"], draft.areas) == ("People in some places", [1, 3])


def test_naming_whose_fault_it_is_needs_a_signature() -> None:
    """Partner's fault."""
    draft = a_draft()
    sign_in(someone(AUTHOR)).post(at(draft), form_of(draft, attribution="bank_or_biller"))
    draft.refresh_from_db()
    assert (draft.attribution, signing.signature_state(draft)) == ("bank_or_biller", "void")


def test_nothing_to_say_is_said_in_signed_words_from_the_promise_that_is_due() -> None:
    """Promised time passes; nothing to say."""
    incident = publishing.publish_update(update_id=a_draft().pk, actor=None, now=timezone.now()).incident
    Incident.objects.filter(pk=incident.pk).update(next_update_by=timezone.now() - timedelta(minutes=8))
    client = sign_in(someone(AUTHOR))
    page = client.get("/admin/").content.decode()
    assert "Promise missed" in page
    assert "No change" in page
    draft_at = client.post(f"/admin/incidents/incident/{incident.pk}/new-update/", {"once": "n1", "notice": "no-change"})[
        "Location"
    ]
    assert client.post(draft_at, {"mode": "signed", "act": "publish"}).status_code == 302
    incident.refresh_from_db()
    assert incident.next_update_by is not None
    assert incident.next_update_by > timezone.now()


def test_a_channel_that_fails_is_told_beside_the_words_that_are_public() -> None:
    """Send fails."""
    update = publishing.publish_update(update_id=a_draft().pk, actor=None, now=timezone.now())
    now = timezone.now()
    ChannelTrouble.objects.create(channel="email", since=now, quiet_until=now + timedelta(minutes=1), words="It refuses us.")
    page = sign_in(someone(APPROVER)).get(at(update, "after")).content.decode()
    assert "Nothing can be sent by email for now." in page
    assert "The page is not affected." in page


def test_a_second_post_of_what_went_out_answers_as_the_first() -> None:
    """Double click."""
    draft, client = a_draft(), sign_in(someone(AUTHOR))
    answers = [client.post(at(draft), {"mode": "signed", "act": "publish"})["Location"] for _ in range(2)]
    assert answers == [at(draft, "after")] * 2
    assert AuditEvent.objects.filter(act="update.publish", target=draft.public_id).count() == 1


def test_dashboard_and_composer_ask_the_same_of_ten_thousand_incidents_as_of_one() -> None:
    draft, client = a_draft(), sign_in(someone(AUTHOR))
    over(1)
    pages = ("/admin/", at(draft), f"{at(draft)}?words=1")
    for page in pages:
        client.get(page)  # what is asked once a process
    of_one = [queries(client, page) for page in pages]
    over(10_000)
    assert [queries(client, page) for page in pages] == of_one
    assert of_one[0] <= 36
    assert max(of_one[1:]) <= 66


def test_the_list_of_updates_asks_the_same_of_one_as_of_many() -> None:
    draft, client = a_draft(), sign_in(someone(AUTHOR))
    page = "/admin/incidents/incidentupdate/"
    client.get(page)
    of_one = queries(client, page)
    for _ in range(3):
        next_words(publishing.publish_update(update_id=draft.pk, actor=None, now=timezone.now()))
    assert queries(client, page) == of_one


def test_a_last_word_whose_promise_fell_away_is_still_told_as_signed() -> None:
    draft, approver = a_draft(), someone(APPROVER, "achieng")
    out = publishing.publish_update(update_id=draft.pk, actor=None, now=timezone.now())
    for status in ("monitoring", "resolved"):
        draft = next_words(out, status)
        signing.sign(item=draft, signer=approver, now=timezone.now())
        out = publishing.publish_update(update_id=draft.pk, actor=approver, now=timezone.now(), reason="They lag behind.")
    assert out.next_update_by is None
    assert "Signed by achieng" in sign_in(approver).get(at(out, "after")).content.decode()


def next_words(before: IncidentUpdate, status: str = "identified") -> IncidentUpdate:
    """A draft of the incident's next update, with a promise."""
    states = {row.component: row.new_status if status == "identified" else "operational" for row in before.affected.all()}
    now = timezone.now()
    return drafts.add_update(
        incident=before.incident, status=status, body={"en": "It is over.", "sw": "Imeisha."}, affected=states,
        next_update_by=now + timedelta(hours=1), author=someone(AUTHOR), now=now,
    )  # fmt: skip


def over(count: int) -> None:
    """So many incidents that are resolved and owe a review."""
    now = timezone.now()
    Incident.objects.bulk_create(
        Incident(
            name={"en": f"Trouble {n}", "sw": f"Hitilafu {n}"}, publication="published", status="resolved", started_at=now,
            published_at=now, resolved_at=now,
        )
        for n in range(count)
    )  # fmt: skip


def queries(client: Client, page: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert client.get(page).status_code == 200
    return len(asked)


def test_sending_is_held_stopped_by_one_press_and_the_page_stays_public() -> None:
    draft, author = a_draft(), someone(AUTHOR)
    words = {"en": "A link is cut.", "sw": "Kiungo kimekatika."}
    drafts.edit_update(update=draft, actor=author, now=timezone.now(), body=words)
    signing.sign(item=draft, signer=someone(APPROVER), now=timezone.now())
    client = sign_in(author)
    after = client.post(at(draft), {"act": "publish", "mode": "signed"}, follow=True).content.decode()
    assert "Stop sending" in after
    assert "until subscribers are told" in after
    told = Notification.objects.get()
    assert told.send_at - told.created_at > timedelta(seconds=50)
    Delivery.objects.create(
        notification=told, subscriber=reader("asha@mail.example"), channel="email", due_at=told.send_at, wanted_at=told.send_at
    )
    client.post(at(draft, "stop"), {"reason": "A wrong time in it."})
    told.refresh_from_db()
    assert told.stopped_at is not None
    assert AuditEvent.objects.get(act="notification.stop").details["reason"] == "A wrong time in it."
    page = client.get(at(draft, "after")).content.decode()
    assert "Sending was stopped" in page
    assert "1 not sent" in page
    draft.refresh_from_db()
    assert draft.is_published


def test_what_was_given_up_is_tried_again_by_one_press() -> None:
    draft = a_draft()
    update = publishing.publish_update(update_id=draft.pk, actor=None, now=timezone.now())
    told = Notification.objects.get(record_seq=update.record_seq or 0)
    dead = Delivery.objects.create(
        notification=told, subscriber=reader("asha@mail.example"), channel="email", state="dead", due_at=timezone.now(),
        wanted_at=timezone.now(), last_error="550 no such user",
    )  # fmt: skip
    Notification.objects.update(expanded_at=timezone.now())
    client = sign_in(someone(AUTHOR))
    assert "Try the 1 by Mail again" in client.get(at(update, "after")).content.decode()
    assert "1 are tried again" in client.post(at(update, "resend"), follow=True).content.decode()
    dead.refresh_from_db()
    assert (dead.state, dead.last_error) == ("pending", "")


def test_fraud_security_and_data_are_signed_by_security_and_not_by_an_approver() -> None:
    """Row “Fraud, security, data”."""
    draft = a_draft()
    drafts.edit_update(
        update=draft, actor=someone(AUTHOR), now=timezone.now(), body={"en": "We are checking.", "sw": "Tunachunguza."}
    )
    Incident.objects.filter(pk=draft.incident_id).update(security_related="yes")
    refused = sign_in(someone(APPROVER)).post(at(draft, "sign"), {"act": "sign"})
    assert refused.status_code == 403
    assert "somebody of Security or Data protection signs" in refused.content.decode()
    guard = sign_in(someone(SECURITY))
    assert "A matter of security." in guard.get(at(draft, "sign")).content.decode()
    assert guard.post(at(draft, "sign"), {"act": "sign"}).status_code == 302
    draft.refresh_from_db()
    assert (signing.signature_state(draft), draft.publication) == ("valid", "draft")
    Incident.objects.filter(pk=draft.incident_id).update(security_related="no")
    assert "you sign what is a matter of security" in guard.post(at(draft, "sign"), {"act": "sign"}).content.decode()
