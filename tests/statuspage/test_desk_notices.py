"""Notices at the desk: signed in calm time, rehearsed with their slots filled, every signed version kept."""

from __future__ import annotations

import pytest

from statuspage.roles import APPROVER, AUDITOR
from tests.factories import ComponentFactory
from tests.incidents.helpers import signed_notice
from tests.statuspage.desk import a_public_incident, page_of, sign_in, someone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]


def test_a_signed_notice_is_rehearsed_with_its_slots_filled_and_its_letters_counted() -> None:
    ComponentFactory(code="paybill")
    notice = signed_notice(cadence_minutes=20)
    page = sign_in(someone(AUDITOR)).get(f"{page_of(notice)}?service=paybill").content.decode()
    assert "Service paybill: down since" in page
    assert "Huduma ya Huduma paybill" in page
    assert "as SMS:" in page


def test_every_signed_version_stays_to_be_read() -> None:
    notice, approver = signed_notice(cadence_minutes=20), someone(APPROVER)
    client = sign_in(approver)
    client.post(page_of(notice, "withdraw"))
    seen = client.get(page_of(notice, "sign")).context["seen_hash"]
    assert client.post(page_of(notice, "sign"), {"seen_hash": seen}).status_code == 302
    page = client.get(page_of(notice))
    assert [version.number for version in page.context["versions"]] == [2, 1]


def test_the_list_says_how_often_each_was_used() -> None:
    a_public_incident()
    page = sign_in(someone(AUDITOR)).get("/admin/incidents/notice/").content.decode()
    assert "1 time, last" in page
    assert "never" in page
