"""What every kind of document has in common at the desk: write, ask, sign, send back, publish once; two people at one draft."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from incidents.languages import by_language
from incidents.models import Announcement, AuditEvent, Correction, RecordEntry, Redress
from incidents.verification import verify
from statuspage.roles import APPROVER, AUDITOR, AUTHOR, ENGINEER
from tests.incidents import test_announcements
from tests.statuspage import rows
from tests.statuspage.desk import a_public_incident, page_of, sign_in, someone
from tests.statuspage.forms import posted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]
NEW = "/admin/incidents/announcement/add/"
WORDS = {
    "title_en": "Beware of callers",
    "title_sw": "Jihadharini na wapigaji simu",
    "body_en": "We never ask for your PIN.",
    "body_sw": "Hatuombi PIN yako kamwe.",
}


@pytest.fixture
def author() -> User:
    return someone(AUTHOR, "asha")


@pytest.fixture
def approver() -> Client:
    return sign_in(someone(APPROVER, "brian"))


def drafted(author: User, **changes: Any) -> Announcement:
    client = sign_in(author)
    answer = client.post(NEW, posted(client.get(NEW), **{**WORDS, **changes}))
    assert answer.status_code == 302, answer.content.decode()
    return Announcement.objects.latest("id")


def sign(client: Client, row: Any, **more: Any) -> Any:
    page = client.get(page_of(row, "sign"))
    return client.post(page_of(row, "sign"), {"seen_hash": page.context["seen_hash"], **more})


# --- The way of every document -----------------------------------------------------------------


def test_an_author_writes_and_another_person_signs_and_publishes_in_one_press(author: User, approver: Client) -> None:
    draft = drafted(author, act="ask")
    assert draft.signature_requested_at
    assert "Hatuombi PIN yako kamwe." in approver.get(page_of(draft, "sign")).content.decode()
    assert sign(approver, draft, act="publish").status_code == 302
    draft.refresh_from_db()
    assert draft.is_published
    assert RecordEntry.objects.filter(kind="announcement").count() == 1
    assert verify().holds


def test_the_author_cannot_sign_even_as_a_superuser() -> None:
    boss = someone(AUTHOR, is_superuser=True)
    answer = sign(sign_in(boss), drafted(boss))
    assert answer.status_code == 403
    assert b"Another person must sign it" in answer.content


def test_an_approver_who_edits_becomes_an_author(author: User) -> None:
    both = someone(APPROVER)
    both.groups.add(*author.groups.all())
    draft, client = drafted(author), sign_in(both)
    client.post(page_of(draft), posted(client.get(page_of(draft)), body_en="Other words."))
    assert sign(client, draft).status_code == 403


def test_a_change_voids_the_signature_and_the_page_says_so(author: User, approver: Client) -> None:
    draft = drafted(author)
    sign(approver, draft)
    client = sign_in(author)
    client.post(page_of(draft), posted(client.get(page_of(draft)), body_en="We never ask for it."))
    page = client.get(page_of(draft))
    assert b"changed after it was signed" in page.content
    assert client.post(page_of(draft, "publish")).status_code == 409
    draft.refresh_from_db()
    assert not draft.is_published


def test_keeping_it_unchanged_keeps_the_signature(author: User, approver: Client) -> None:
    draft = drafted(author)
    sign(approver, draft)
    client = sign_in(author)
    assert client.post(page_of(draft), posted(client.get(page_of(draft)), act="publish")).status_code == 302
    draft.refresh_from_db()
    assert draft.is_published


def test_words_that_changed_under_the_signer_are_not_signed(author: User, approver: Client) -> None:
    draft = drafted(author)
    seen = approver.get(page_of(draft, "sign")).context["seen_hash"]
    client = sign_in(author)
    client.post(page_of(draft), posted(client.get(page_of(draft)), body_en="Other words."))
    answer = approver.post(page_of(draft, "sign"), {"seen_hash": seen, "act": "publish"})
    assert answer.status_code == 403
    assert b"Read it again" in answer.content


def test_a_draft_goes_back_with_a_reason_that_its_author_sees(author: User, approver: Client) -> None:
    draft = drafted(author, act="ask")
    assert approver.post(page_of(draft, "send-back"), {"reason": ""}).status_code == 403
    assert approver.post(page_of(draft, "send-back"), {"reason": "Say where to call."}).status_code == 302
    assert b"Say where to call." in sign_in(author).get(page_of(draft)).content


def test_nothing_missing_is_published_and_the_list_leads_to_it(author: User, approver: Client) -> None:
    draft = drafted(author, body_sw="")
    sign(approver, draft)
    page = sign_in(author).post(page_of(draft, "publish"))
    assert page.status_code == 409
    assert b'href="#body_sw"' in page.content
    assert b'id="body_sw"' in page.content


def test_two_officers_at_once_see_each_others_words_and_lose_none(author: User) -> None:
    draft, mine, theirs = drafted(author), sign_in(author), sign_in(someone(AUTHOR, "chege"))
    opened = mine.get(page_of(draft))
    theirs.post(page_of(draft), posted(theirs.get(page_of(draft)), body_en="Words of Chege."))
    answer = mine.post(page_of(draft), posted(opened, body_en="Words of Asha."))
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "Words of Chege." in page
    assert "Words of Asha." in page
    assert mine.post(page_of(draft), posted(answer)).status_code == 302
    draft.refresh_from_db()
    assert by_language(draft.body)["en"] == "Words of Asha."


def test_a_double_click_publishes_once(author: User, approver: Client) -> None:
    draft = drafted(author)
    sign(approver, draft)
    assert [approver.post(page_of(draft, "publish")).status_code for _ in range(2)] == [302, 302]
    assert RecordEntry.objects.filter(kind="announcement").count() == 1


def test_a_new_form_that_is_posted_twice_makes_one_draft(author: User) -> None:
    client = sign_in(author)
    form = posted(client.get(NEW), **WORDS)
    assert len({client.post(NEW, form)["Location"] for _ in range(2)}) == 1
    assert Announcement.objects.count() == 1


def test_a_public_document_is_read_and_not_changed(author: User, approver: Client) -> None:
    draft, client = drafted(author), sign_in(author)
    opened = client.get(page_of(draft))
    sign(approver, draft, act="publish")
    assert client.post(page_of(draft), posted(opened, body_en="Too late.")).status_code == 302
    draft.refresh_from_db()
    assert by_language(draft.body)["en"] == WORDS["body_en"]
    assert b"<textarea" not in client.get(page_of(draft)).content


def test_a_locked_phrase_waits_for_an_engineer(author: User, approver: Client) -> None:
    draft = drafted(author, body_en="Your money is safe.", body_sw="Pesa yako iko salama.")
    engineer = sign_in(someone(ENGINEER))
    page = engineer.get(page_of(draft))
    codes = {one.code for one, _ in page.context["locked"]}
    assert codes
    for code in codes:
        assert engineer.post(page_of(draft, "tick"), {"code": code, "ground": ""}).status_code == 403
        assert engineer.post(page_of(draft, "tick"), {"code": code, "ground": "the ledger, 17:02"}).status_code == 302
    assert sign(approver, draft, act="publish").status_code == 302
    draft.refresh_from_db()
    assert draft.is_published


@pytest.mark.parametrize("role", ["", AUDITOR, ENGINEER])
def test_other_roles_write_sign_and_publish_nothing(author: User, role: str) -> None:
    draft, client = drafted(author), sign_in(someone(role))
    for act in ("sign", "ask", "send-back", "publish", "discard", "withdraw"):
        answer = client.post(page_of(draft, act), {"reason": "because"})
        assert answer.status_code == 403, act
    assert client.post(page_of(draft), {}).status_code == 403
    assert client.post(NEW, WORDS).status_code == 403
    draft.refresh_from_db()
    assert draft.publication == "draft"


def test_a_discarded_draft_keeps_its_row(author: User) -> None:
    draft = drafted(author)
    sign_in(author).post(page_of(draft, "discard"), {"reason": "said elsewhere"})
    draft.refresh_from_db()
    assert draft.publication == "discarded"
    assert AuditEvent.objects.get(act="announcement.discard").details == {"reason": "said elsewhere"}


# --- Announcements -----------------------------------------------------------------------------


def test_one_person_takes_an_announcement_off_the_page_with_a_reason(author: User, approver: Client) -> None:
    draft = drafted(author)
    sign(approver, draft, act="publish")
    assert approver.post(page_of(draft, "withdraw"), {"reason": " "}).status_code == 409
    assert approver.post(page_of(draft, "withdraw"), {"reason": "The number was wrong."}).status_code == 302
    assert not Announcement.objects.shown(timezone.now()).exists()


def test_an_end_before_its_start_is_refused_and_the_words_stay(author: User) -> None:
    client = sign_in(author)
    answer = client.post(NEW, posted(client.get(NEW), **WORDS, ends_at_day="2020-01-01", ends_at_time="10:00"))
    assert answer.status_code == 422
    assert b"The end lies before the start." in answer.content
    assert b"We never ask for your PIN." in answer.content


# --- Corrections and redress -------------------------------------------------------------------


def test_redress_is_written_signed_and_published_from_its_incident(author: User, approver: Client) -> None:
    incident, client = a_public_incident(), sign_in(author)
    new = f"/admin/incidents/redress/add/?incident={incident.pk}"
    words = {f"{name}_{code}": f"{name} {code}" for name in ("who", "how", "complain") for code in ("en", "sw")}
    client.post(new, posted(client.get(new), **words, good_by_day="", good_by="2030-01-02"))
    draft = Redress.objects.get()
    assert sign(approver, draft, act="publish").status_code == 302
    draft.refresh_from_db()
    assert draft.is_published


def test_a_headline_is_corrected_and_what_is_left_as_it_stands_is_not(author: User, approver: Client) -> None:
    incident, client = a_public_incident(), sign_in(author)
    new = f"/admin/incidents/correction/add/?update={incident.updates.get().pk}"
    words = {"name_en": "Till payments fail", "name_sw": "Malipo hayapiti", "reason_en": "Wrong.", "reason_sw": "Si sahihi."}
    client.post(new, posted(client.get(new), **words))
    draft = Correction.objects.get()
    assert list(draft.words()) == ["name"]
    assert sign(approver, draft, act="publish").status_code == 302
    assert "Till payments fail" in client.get(f"/admin/incidents/correction/{draft.pk}/change/").content.decode()


def test_announcements_and_redress_are_corrected_from_their_pages(author: User) -> None:
    client, incident = sign_in(author), a_public_incident()
    announcement = test_announcements.published()
    redress = rows.redress(incident)
    for kind, of, words in (("announcement", announcement, ["title"]), ("redress", redress, ["how"])):
        new = f"/admin/incidents/correction/add/?{kind}={of.pk}"
        assert new.partition("&")[0] in client.get(page_of(of)).content.decode()
        given = {f"{words[0]}_en": "Other", f"{words[0]}_sw": "Nyingine", "reason_en": "Wrong.", "reason_sw": "Si sahihi."}
        assert client.post(new, posted(client.get(new), **given)).status_code == 302
        draft = Correction.objects.get(**{kind: of})
        assert list(draft.words()) == words
        assert client.get(page_of(draft)).status_code == 200


def test_a_correction_of_nothing_public_is_not_found(author: User) -> None:
    assert sign_in(author).get("/admin/incidents/correction/add/?update=7").status_code == 404
    assert not Correction.objects.exists()
