"""Claims and answers at the desk: logged, weighed, answered fact first, by the lawyers and another person, looked at again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from incidents import rebutting
from incidents.models import Claim, Rebuttal, RecordEntry
from incidents.rebuttals import State
from statuspage.roles import APPROVER, AUDITOR, AUTHOR
from tests.factories import ComponentFactory
from tests.statuspage.desk import page_of, sign_in, someone
from tests.statuspage.forms import posted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]
LOG = "/admin/incidents/claim/add/"


def both(name: str, english: str) -> dict[str, str]:
    return {f"{name}_en": english, f"{name}_sw": f"{english} (sw)"}


ANSWER = {
    **both("fact_headline", "A technical fault delayed payments on 24 November"),
    **both("what_is_true", "A queue was full, and payments were late."),
    **both("what_is_false", "No link to the tax office was made."),
    **both("why_it_spread", "The cause was not known for hours."),
    **both("spokesperson_role", "Head of comms"),
    "verdict": "false",
    "spokesperson": "Baraka Mwangi",
    **both("evidence_0_what", "Change log of 24 November"),
    "evidence_0_dated": "2026-11-24",
    "evidence_0_verified_by": "neema",
}


@pytest.fixture
def author() -> Client:
    return sign_in(someone(AUTHOR, "asha"))


@pytest.fixture
def claim(author: Client) -> Claim:
    """Logged and being assessed."""
    ComponentFactory(code="paybill")
    seen = {"words": "It was shut down to link it with the tax office", "language": "en", "where": "X", "reach": 40_000}
    answer = author.post(LOG, {**seen, "first_seen": f"{timezone.localdate()}"})
    assert answer.status_code == 302, answer.content.decode()
    claim = Claim.objects.get()
    author.post(page_of(claim), {"to": "assessing"})
    return claim


def drafted(author: Client, claim: Claim, **changes: Any) -> Rebuttal:
    new = f"/admin/incidents/rebuttal/add/?claim={claim.pk}"
    answer = author.post(new, posted(author.get(new), **{**ANSWER, **changes}))
    assert answer.status_code == 302, answer.content.decode()
    return Rebuttal.objects.latest("id")


def approve(client: Client, row: Rebuttal, **more: str) -> Any:
    seen = client.get(page_of(row, "sign")).context["seen_hash"]
    return client.post(page_of(row, "sign"), {"seen_hash": seen, **more})


def test_a_claim_is_logged_word_for_word_weighed_and_never_public(author: Client, claim: Claim) -> None:
    page = author.get(page_of(claim))
    assert b"Answer it: it is seen widely" in page.content
    author.post(page_of(claim), {**seen_of(page), "act": "see", "reach": 100})
    assert b"Few have seen it: watch it." in author.get(page_of(claim)).content
    assert not RecordEntry.objects.exists()


def seen_of(page: Any) -> dict[str, Any]:
    return {name: value for name, value in page.context["form"].initial.items() if value not in (None, "", [], False)}


def test_a_claim_is_dropped_with_a_reason_only(author: Client, claim: Claim) -> None:
    assert author.post(page_of(claim), {"to": "dropped"}).status_code == 409
    assert author.post(page_of(claim), {"to": "dropped", "reason": "Three people saw it."}).status_code == 302
    claim.refresh_from_db()
    assert claim.state == State.DROPPED
    assert author.get(f"/admin/incidents/rebuttal/add/?claim={claim.pk}").status_code == 200


def test_an_answer_goes_to_the_lawyers_to_another_person_and_out(author: Client, claim: Claim) -> None:
    draft, approver = drafted(author, claim), sign_in(someone(APPROVER))
    assert author.post(page_of(draft, "publish")).status_code == 409
    assert approve(approver, draft).status_code == 403  # the lawyers have not read it
    assert author.post(page_of(draft), posted(author.get(page_of(draft)), act="lawyers")).status_code == 302
    assert approve(approver, draft, act="publish").status_code == 302
    draft.refresh_from_db()
    assert draft.is_published
    assert b"Published" in author.get(page_of(draft)).content


def test_what_is_missing_for_the_lawyers_is_said_and_nothing_is_lost(author: Client, claim: Claim) -> None:
    draft = drafted(author, claim, what_is_false_sw="")
    answer = author.post(page_of(draft), posted(author.get(page_of(draft)), act="lawyers", why_it_spread_en="Nobody knew."))
    assert answer.status_code == 409
    assert "What is false is missing" in answer.content.decode()
    assert "Nobody knew." in answer.content.decode()


def test_a_headline_that_repeats_the_claim_is_led_to(author: Client, claim: Claim) -> None:
    draft = drafted(author, claim, fact_headline_en="It was not shut down to link it with the tax office")
    page = author.get(page_of(draft)).content.decode()
    assert "The claim has no place in the headline" in page
    assert 'href="#fact_headline_en"' in page


def test_rows_grow_one_at_a_time_and_a_removed_one_goes(author: Client, claim: Claim) -> None:
    draft = drafted(author, claim)
    page = author.get(page_of(draft))
    assert 'name="evidence_1_verified_by"' in page.content.decode()
    more = {**both("evidence_1_what", "A letter"), "evidence_1_dated": "2026-11-25", "evidence_1_verified_by": "neema"}
    author.post(page_of(draft), posted(page, **more, evidence_0_remove="on"))
    draft.refresh_from_db()
    assert [item["what"]["en"] for item in draft.evidence] == ["A letter"]


def test_short_forms_count_their_letters(author: Client, claim: Claim) -> None:
    draft = drafted(author, claim, **both("short_forms_sms", "x" * 170))
    page = author.get(page_of(draft)).content.decode()
    assert "170 characters: at most 160." in page
    assert 'href="#short_forms_sms_en"' in page


def test_a_public_answer_is_looked_at_again_and_renewed_as_a_next_version(author: Client, claim: Claim) -> None:
    draft, approver = drafted(author, claim), sign_in(someone(APPROVER))
    author.post(page_of(draft), posted(author.get(page_of(draft)), act="lawyers"))
    approve(approver, draft, act="publish")
    again = page_of(draft, "again")
    later = timezone.localdate() + timedelta(days=30)
    assert author.post(again, {"act": "renew", "review_date": f"{later}"}).status_code == 409  # not under review
    author.post(again, {"act": "start"})
    assert author.post(again, {"act": "renew"}).status_code == 409
    assert author.post(again, {"act": "renew", "review_date": f"{later}"}).status_code == 302
    following = Rebuttal.objects.drafts().get()
    approve(approver, following, act="publish")
    following.refresh_from_db()
    assert rebutting.stage_of(following) == State.UPDATED
    assert following.review_date == later


def test_an_auditor_reads_claims_and_answers_and_changes_none(author: Client, claim: Claim) -> None:
    draft, auditor = drafted(author, claim), sign_in(someone(AUDITOR))
    assert auditor.get(page_of(claim)).status_code == 200
    assert b"<textarea" not in auditor.get(page_of(draft)).content
    for address in (page_of(claim), page_of(draft), page_of(draft, "sign"), page_of(draft, "again")):
        assert auditor.post(address, {"to": "logged", "act": "start"}).status_code == 403
