"""Data and funds at the desk: the ladder says what each step asks for, its roles sign, what shakes it takes it back."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from incidents.models import Incident, Statement, Withdrawal
from statuspage.roles import APPROVER, AUTHOR, DATA_PROTECTION, FINANCE, OPERATIONS, SECURITY
from tests.incidents.helpers import safety_notices
from tests.statuspage.desk import a_public_incident, page_of, sign_in, someone
from tests.statuspage.forms import posted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]


@pytest.fixture
def incident() -> Incident:
    safety_notices()
    return a_public_incident("major_outage")


@pytest.fixture
def author() -> Client:
    return sign_in(someone(AUTHOR, "asha"))


def ladder(incident: Incident) -> str:
    return f"/admin/incidents/incident/{incident.pk}/data-and-funds/"


def rung(page: Any, level: str) -> Any:
    return next(one for one in page.context["rungs"] if one.level == level)


def establish(client: Client, incident: Incident, **known: str) -> None:
    given = {"triage": "Nothing found", "log_review": "Folder 7", "reconciliation": "3 of 4 banks agree", **known}
    assert client.post(ladder(incident), {"act": "ground", **given}).status_code == 302
    assert client.post(ladder(incident), {"act": "security", "value": "no", "reason": "Triage"}).status_code == 302


def sign(client: Client, statement: Statement, role: str, **more: Any) -> Any:
    page = client.get(page_of(statement, "sign"))
    return client.post(page_of(statement, "sign"), {"seen_hash": page.context["seen_hash"], "role": role, **more})


def test_the_ladder_shows_level_0_public_and_what_the_next_asks_for(incident: Incident, author: Client) -> None:
    page = author.get(ladder(incident))
    assert rung(page, "0").public
    assert [met for met, _ in rung(page, "1").asks] == [True, False, True]
    assert b"Log the security triage first." in page.content
    assert not rung(page, "money").is_met


def test_level_1_is_drafted_in_permitted_words_signed_by_security_and_stands(incident: Incident, author: Client) -> None:
    security = sign_in(someone(SECURITY))
    establish(security, incident)
    author.post(ladder(incident), {"act": "draft", "level": "1"})
    draft = Statement.objects.drafts().get()
    assert sign(security, draft, "head_of_security").status_code == 302
    assert author.post(page_of(draft, "publish")).status_code == 302
    page = author.get(ladder(incident))
    assert rung(page, "1").public
    assert rung(page, "1").public.expires_at
    assert b"Public now: level 1" in page.content


def test_level_3_waits_until_both_roles_have_signed(incident: Incident, author: Client) -> None:
    security, officer = sign_in(someone(SECURITY)), sign_in(someone(DATA_PROTECTION))
    establish(security, incident)
    author.post(ladder(incident), {"act": "draft", "level": "3"})
    draft = Statement.objects.drafts().get()
    sign(security, draft, "head_of_security", act="publish")
    assert author.post(page_of(draft, "publish")).status_code == 409
    sign(officer, draft, "data_protection_officer")
    assert author.post(page_of(draft, "publish")).status_code == 302


@pytest.mark.parametrize(("role", "signs_as"), [(APPROVER, "comms_lead"), (OPERATIONS, "operations"), (SECURITY, "operations")])
def test_nobody_signs_for_a_role_that_is_not_theirs_or_not_asked_for(
    incident: Incident, author: Client, role: str, signs_as: str
) -> None:
    author.post(ladder(incident), {"act": "draft", "level": "1"})
    draft = Statement.objects.drafts().get()
    assert sign(sign_in(someone(role)), draft, signs_as).status_code == 403
    assert not draft.signatures.exists()


def test_money_says_by_when_and_the_chief_of_finance_signs(incident: Incident, author: Client) -> None:
    finance = sign_in(someone(FINANCE))
    establish(finance, incident)
    by = {"by_day": "2030-01-02", "by_time": "18:00"}
    assert author.post(ladder(incident), {"act": "money", "by_day": "2030-01-02"}).status_code == 422
    assert author.post(ladder(incident), {"act": "money", **by}).status_code == 302
    draft = Statement.objects.drafts().get(level="money")
    assert "2030" in str(draft.body)
    sign(finance, draft, "chief_financial_services_officer")
    assert author.post(page_of(draft, "publish")).status_code == 302


def test_a_breach_record_takes_it_back_to_level_0_and_what_was_said_stays_struck_through(
    incident: Incident, author: Client
) -> None:
    security = sign_in(someone(SECURITY))
    establish(security, incident)
    author.post(ladder(incident), {"act": "draft", "level": "1"})
    draft = Statement.objects.drafts().get()
    sign(security, draft, "head_of_security")
    author.post(page_of(draft, "publish"))
    assert author.post(ladder(incident), {"act": "breach", "reason": "x"}).status_code == 403
    assert security.post(ladder(incident), {"act": "breach", "reason": "A file was read."}).status_code == 302
    page = author.get(ladder(incident))
    assert rung(page, "0").public
    assert b"<del>" in page.content
    assert b"a breach record opened" in page.content


def test_a_statement_is_withdrawn_by_hand_with_a_note_that_another_person_signs(incident: Incident, author: Client) -> None:
    level_0 = Statement.objects.published().get(level="0")
    new = f"/admin/incidents/withdrawal/add/?statement={level_0.pk}"
    author.post(new, posted(author.get(new), note_en="We said it too early.", note_sw="Tulisema mapema mno."))
    draft = Withdrawal.objects.get()
    approver = sign_in(someone(APPROVER))
    seen = approver.get(page_of(draft, "sign")).context["seen_hash"]
    approver.post(page_of(draft, "sign"), {"seen_hash": seen, "act": "publish"})
    assert b"by hand" in author.get(ladder(incident)).content


def test_only_what_it_is_about_is_written_its_words_are_those_of_the_level(incident: Incident, author: Client) -> None:
    author.post(ladder(incident), {"act": "draft", "level": "1"})
    draft = Statement.objects.drafts().get()
    body = draft.body
    page = author.get(page_of(draft))
    author.post(page_of(draft), posted(page, scope_en="Send money", scope_sw="Tuma pesa", body_en="All is safe"))
    draft.refresh_from_db()
    assert str(draft.scope) == "Send money"
    assert draft.body == body
