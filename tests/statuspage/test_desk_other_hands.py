"""Beside the two who write and sign: translators, the text that holds a place, proposals, test sends, and the number."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from incidents import documents, drafts, holding, set_times, signing
from incidents.languages import by_language, in_all
from incidents.models import AuditEvent, Correction, Dependency, Incident, IncidentUpdate
from incidents.signing import sign_notice
from statuspage import alerting, keeping, publishing, reading
from statuspage.models import StaffAlert
from statuspage.roles import APPROVER, AUTHOR, TRANSLATOR
from subscribers.models import Delivery
from tests.factories import ComponentFactory, NoticeFactory, UserFactory
from tests.statuspage.desk import OWN_WORDS, a_draft, at, form_of, sign_in, someone
from tests.subscribers.news import reader

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]
PLACE = "Maelezo ya Kiswahili yanakuja."


# --- Translators ---------------------------------------------------------------------------------


def test_a_translator_is_led_to_the_other_language_and_asks_for_a_signature() -> None:
    draft = a_draft()
    drafts.edit_update(update=draft, actor=someone(AUTHOR), now=timezone.now(), body={"en": "A link is cut.", "sw": ""})
    translator = someone(TRANSLATOR)
    client = sign_in(translator)
    page = client.get(at(draft), follow=True)
    assert "A link is cut." in page.content.decode()
    assert 'name="body_en"' not in page.content.decode()
    typed = {**page.context["form"].initial, "body_sw": "Kiungo kimekatika.", "act": "ask"}
    assert client.post(at(draft, "translate"), typed).status_code == 302
    draft.refresh_from_db()
    assert by_language(draft.body) == {"en": "A link is cut.", "sw": "Kiungo kimekatika."}
    assert draft.signature_requested_at is not None
    assert signing.has_written(translator, draft)


def test_a_translation_of_words_that_changed_meanwhile_is_kept_in_its_field_beside_the_new_ones() -> None:
    draft = a_draft()
    client = sign_in(someone(TRANSLATOR))
    typed = {**client.get(at(draft, "translate")).context["form"].initial, "body_sw": "Yangu."}
    drafts.edit_update(update=draft, actor=someone(AUTHOR), now=timezone.now(), body={"en": "Theirs.", "sw": "Yao."})
    answer = client.post(at(draft, "translate"), typed)
    assert answer.status_code == 409
    for words in ("Someone else changed this draft", "Theirs.", "Yangu."):
        assert words in answer.content.decode()


def test_what_a_translator_types_is_kept_without_a_press_and_is_there_again() -> None:
    draft = a_draft()
    client = sign_in(someone(TRANSLATOR))
    typed = {**client.get(at(draft, "translate")).context["form"].initial, "body_sw": "Nusu ya maneno"}
    assert client.post(at(draft, "keep"), typed).json()["saved"]
    assert "Nusu ya maneno" in client.get(at(draft, "translate")).content.decode()
    assert "Nusu ya maneno" not in sign_in(someone(TRANSLATOR)).get(at(draft, "translate")).content.decode()


# --- Kiswahili not ready -------------------------------------------------------------------------


def held() -> IncidentUpdate:
    """English in own words, the Kiswahili held by the signed text; asked for, signed and public."""
    place = NoticeFactory(
        code="holding",
        phase="",
        component_status="",
        opens_for=[],
        cadence_minutes=0,
        body=in_all({"en": "It comes.", "sw": PLACE}),
    )
    sign_notice(notice=place, signer=UserFactory(), now=timezone.now())
    draft, author = a_draft(), someone(AUTHOR, "amina")
    client = sign_in(author)
    words = {"body_en": "A link is cut.", "body_sw": ""}
    assert client.post(at(draft), form_of(draft, act="hold:sw", **words)).status_code == 302
    kept = keeping.form_of(person=author, update=draft)
    assert kept is not None
    assert (kept.fields["body_en"], kept.fields["body_sw"]) == (["A link is cut."], [PLACE])
    client.post(at(draft), form_of(draft, act="ask", body_en="A link is cut.", body_sw=PLACE))
    signing.sign(item=draft, signer=someone(APPROVER), now=timezone.now())
    return publishing.publish_update(update_id=draft.pk, actor=author, now=timezone.now())


def shown(update: IncidentUpdate) -> tuple[str, ...]:
    """In which languages the page shows the English beneath."""
    [facts] = reading.facts_of(reading.with_updates(Incident.objects.filter(pk=update.incident_id)))
    [said] = facts.updates
    return said.holding


def test_kiswahili_not_ready_a_signed_text_holds_its_place_and_the_page_shows_the_english_beneath() -> None:
    update = held()
    assert shown(update) == ("sw",)
    [owed] = holding.owed()
    assert (owed.languages, owed.due_at - timedelta(minutes=15)) == (("sw",), update.published_at)
    assert "Kiswahili: " in sign_in(someone(AUTHOR)).get("/admin/").content.decode()
    alerting.raise_due(now=timezone.now())
    assert StaffAlert.objects.get(kind="translation").title.startswith("Words still to come (sw)")


def test_words_that_were_to_come_are_there_with_their_correction() -> None:
    update, now = held(), timezone.now()
    words = {"en": "A link is cut.", "sw": "Kiungo kimekatika."}
    reason = {"en": "Kiswahili added.", "sw": "Kiswahili kimeongezwa."}
    draft = Correction(update=update, body=in_all(words), reason=in_all(reason))
    made = documents.add(document=draft, author=someone(AUTHOR), now=now)
    signing.sign(item=made, signer=someone(APPROVER), now=now)
    publishing.publish_correction(correction=made, actor=someone(AUTHOR), now=now)
    assert holding.owed() == []
    assert shown(update) == ()


def test_an_unsigned_holding_text_is_not_offered() -> None:
    draft = a_draft()
    assert holding.words() == {}
    assert "not ready?" not in sign_in(someone(AUTHOR)).get(f"{at(draft)}?words=1").content.decode()


# --- What a failing part drags along ---------------------------------------------------------------


def test_what_needs_a_named_service_is_proposed_and_named_by_nobody_but_a_person() -> None:
    draft = a_draft("major_outage")
    part = draft.affected.get().component
    Dependency.objects.create(component=ComponentFactory(code="till", name="Till payments"), needs=part)
    page = sign_in(someone(AUTHOR)).get(f"{at(draft)}?words=1").content.decode()
    assert 'data-take="state_till" data-state="major_outage"' in page
    assert list(draft.affected.values_list("component__code", flat=True)) == [part.code]


# --- Test sends --------------------------------------------------------------------------------------


def test_a_test_goes_to_oneself_in_every_language_marked_and_as_typed_and_nobody_else_hears() -> None:
    draft = a_draft()
    author = sign_in(someone(AUTHOR, email="amina@desk.example"))
    assert author.post(at(draft, "trial"), form_of(draft, to="me", **OWN_WORDS)).status_code == 302
    assert [one.to for one in mail.outbox] == [["amina@desk.example"]] * 2
    assert all(one.subject.startswith("[TEST] ") for one in mail.outbox)
    assert OWN_WORDS["body_en"] in mail.outbox[0].body
    assert "@@" not in mail.outbox[0].body
    assert not Delivery.objects.exists()
    draft.refresh_from_db()
    assert drafts.is_untouched(draft)
    assert AuditEvent.objects.get(act="update.trial").details == {"to": 1}


def test_an_approver_sends_the_seed_list_a_test_and_an_empty_list_says_what_to_set(settings: Any) -> None:
    draft = a_draft()
    approver = sign_in(someone(APPROVER))
    answer = approver.post(at(draft, "trial"), {"to": "seeds", "seen_hash": "x"}, follow=True)
    assert "set HALI_SEED_LIST" in answer.content.decode()
    settings.SEED_LIST = ["seed-1@example.org", "seed-2@example.org"]
    approver.post(at(draft, "trial"), {"to": "seeds", "seen_hash": "x"})
    assert sorted({one.to[0] for one in mail.outbox}) == settings.SEED_LIST


# --- Very many -----------------------------------------------------------------------------------------


def signed_for_many(settings: Any) -> IncidentUpdate:
    settings.TYPE_NUMBER_ABOVE = 1
    for address in ("a@example.org", "b@example.org"):
        reader(address)
    draft = a_draft()
    drafts.edit_update(
        update=draft, actor=someone(AUTHOR), now=timezone.now(), body={"en": "A link is cut.", "sw": "Kiungo kimekatika."}
    )
    return draft


@pytest.mark.parametrize("by", ["sign", "publish", "old address", "set time"])
def test_above_the_limit_the_number_of_those_who_hear_is_typed_first(settings: Any, by: str) -> None:
    draft, approver = signed_for_many(settings), someone(APPROVER)
    client, page, more = sign_in(approver), at(draft, "sign"), {"act": "sign"}
    if by != "sign":
        signing.sign(item=draft, signer=someone(APPROVER), now=timezone.now())
    if by == "publish":
        page, more = at(draft), {"act": "publish", "mode": "signed"}
    elif by == "old address":
        page, more = at(draft, "publish"), {}
    elif by == "set time":
        soon = timezone.localtime(timezone.now() + timedelta(minutes=3))
        page, more = at(draft, "time"), {"act": "set", "out_day": f"{soon:%Y-%m-%d}", "out_time": f"{soon:%H:%M}"}
    answer = client.post(page, more)
    assert answer.status_code == 409
    assert "2 subscribers would hear of it. Type that number" in answer.content.decode()
    assert client.post(page, {**more, "typed_number": "200"}).status_code == 409
    assert client.post(page, {**more, "typed_number": "²"}).status_code == 409
    assert client.post(page, {**more, "typed_number": "2"}).status_code == 302
    draft.refresh_from_db()
    assert draft.is_published or set_times.standing(draft)


def test_signed_notices_go_out_in_two_clicks_however_many_hear(settings: Any) -> None:
    settings.TYPE_NUMBER_ABOVE = 1
    for address in ("a@example.org", "b@example.org"):
        reader(address)
    draft = a_draft()
    answer: Any = sign_in(someone(AUTHOR)).post(at(draft), {"act": "publish", "mode": "signed"})
    assert answer.status_code == 302
    draft.refresh_from_db()
    assert draft.is_published
