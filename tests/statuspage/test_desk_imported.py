"""Imported incidents at the desk: read by another person, some on a page, each signed over its own words."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from incidents import drafts, signing
from incidents.languages import in_all
from incidents.models import AuditEvent, Component, IncidentUpdate
from incidents.verification import verify
from statuspage.importing.found import Found, Past, Service, Word
from statuspage.importing.making import Importing
from statuspage.roles import APPROVER, AUTHOR
from tests.factories import UserFactory
from tests.statuspage.desk import a_draft, sign_in, someone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]
PAGE = "/admin/incidents/imported/"


def past(number: int, text: str = "Payments failed.") -> Past:
    began = timezone.now() - timedelta(days=400 - number)
    over = began + timedelta(hours=1)
    words = (Word(began, "investigating", text), Word(over, "resolved", "Payments work again."))
    return Past(f"inc{number}", f"Payments fail {number}", began, over, words, {"a": "major_outage"})


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Six of another page, in the name of asha, four on a page of ours; the third cannot go out as it is."""
    monkeypatch.setattr("statuspage.admin.imported.ON_A_PAGE", 4)
    asha = someone(AUTHOR, "asha")
    every = tuple(past(number, "It was maintenance." if number == 3 else "Payments failed.") for number in range(1, 7))
    found = Found("statuspage:p", "Old page", (Service("a", "Send money"),), every)
    Importing(found, language="en", author=asha, now=timezone.now()).run(dry=False)
    return asha


@pytest.fixture
def approver() -> Client:
    return sign_in(someone(APPROVER))


def form_of(answer: Any) -> dict[str, Any]:
    """The page's form, as a browser would post it with everything ticked that can be."""
    html = answer.content.decode()
    return {
        "after": re.findall(r'name="after" value="(\d+)"', html)[0],
        "read": re.findall(r'name="read" value="(\d+)"', html),
        **dict(re.findall(r'name="(seen_\d+)" value="(\w+)"', html)),
    }


def public() -> int:
    return IncidentUpdate.objects.published().count()


def test_another_person_reads_ticks_and_publishes_a_page_of_them_at_once(imported: Any, approver: Client) -> None:
    page = approver.get(f"{PAGE}?all=1")
    assert page.content.decode().count("checked") == 3
    assert approver.post(PAGE, form_of(page)).status_code == 302
    assert public() == 3
    signed = IncidentUpdate.objects.published()
    assert {(row.author, row.signature_kind, row.deliver_notifications) for row in signed} == {(imported, "person", False)}
    assert [AuditEvent.objects.filter(act=f"update.{act}").count() for act in ("sign", "publish")] == [3, 3]
    assert Component.objects.get(code="send-money").status == "operational"
    assert verify().holds
    left = approver.get(PAGE)
    assert "3 wait" in left.content.decode()
    assert approver.post(PAGE, form_of(left)).status_code == 302
    assert public() == 5


def test_what_a_gate_holds_is_told_and_cannot_be_ticked_in(imported: Any, approver: Client) -> None:
    held = IncidentUpdate.objects.get(incident__name__contains='Payments fail 3"')
    form = {"read": [held.pk], f"seen_{held.pk}": signing.content_hash(held)}
    answer = approver.post(PAGE, form)
    assert (answer.status_code, public()) == (409, 0)
    assert "“maintenance”" in answer.content.decode()
    held.refresh_from_db()
    assert held.signature_kind == "none"


def test_who_imported_or_edited_it_signs_none_of_it(imported: Any) -> None:
    someone(APPROVER, "other")
    imported.groups.add(*someone(APPROVER).groups.all())
    client = sign_in(imported)
    assert 'name="read"' not in client.get(PAGE).content.decode()
    first = IncidentUpdate.objects.drafts()[0]
    answer = client.post(PAGE, {"read": [first.pk], f"seen_{first.pk}": signing.content_hash(first)})
    assert (answer.status_code, public()) == (409, 0)
    assert "Another person must sign it" in answer.content.decode()


def test_words_that_changed_while_they_were_read_are_left_out(imported: Any, approver: Client) -> None:
    form = form_of(approver.get(PAGE))
    changed = IncidentUpdate.objects.drafts()[0]
    drafts.edit_update(update=changed, actor=UserFactory(), now=timezone.now(), body={"en": "Other.", "sw": "Nyingine."})
    answer = approver.post(PAGE, form)
    assert (answer.status_code, public()) == (409, 2)
    assert "It was changed after you opened it" in answer.content.decode()


def test_an_author_reads_the_page_and_signs_nothing(imported: Any) -> None:
    client = sign_in(someone(AUTHOR))
    assert client.get(PAGE).status_code == 200
    first = IncidentUpdate.objects.drafts()[0]
    answer = client.post(PAGE, {"read": [first.pk], f"seen_{first.pk}": signing.content_hash(first)})
    assert (answer.status_code, public()) == (403, 0)


def test_subscribers_are_never_told_by_many_at_once(imported: Any, approver: Client) -> None:
    first = IncidentUpdate.objects.drafts()[0]
    drafts.edit_update(update=first, actor=UserFactory(), now=timezone.now(), deliver_notifications=True)
    first.refresh_from_db()
    assert approver.post(PAGE, {"read": [first.pk], f"seen_{first.pk}": signing.content_hash(first)}).status_code == 409
    assert public() == 0


def test_hundreds_of_them_hide_no_trouble_of_today_on_the_dashboard(imported: Any, approver: Client) -> None:
    draft = a_draft()
    name = in_all({"en": "Trouble of today", "sw": "Tatizo la leo"})
    type(draft.incident).objects.filter(pk=draft.incident_id).update(name=name)
    html = approver.get("/admin/").content.decode()
    assert "Trouble of today" in html
    assert "6 past incidents of another page" in html
    assert "Payments fail 1" not in html
