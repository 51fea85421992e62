"""Posts of every shape to every form of the desk: whatever comes is answered in words, and never by an error of ours.

Each form goes back as its page gave it, with something hostile in one kind of its fields. A few pages; `TEST_FUZZ=full` takes all
of them with everything hostile, some minutes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from itertools import cycle, product

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from incidents import claims, documents, planned_work, stating, timeline
from incidents.languages import in_all
from incidents.models import Announcement, Claim, IncidentUpdate, Notice, ScheduledMaintenance, Statement
from incidents.statements import Level
from statuspage import freezing
from statuspage.models import StaffAlert
from statuspage.roles import ROLES
from tests.factories import ComponentFactory, ProbeScheduleFactory, UserFactory
from tests.statuspage.desk import a_public_incident, at, page_of, sign_in

IS_FULL = os.environ.get("TEST_FUZZ") == "full"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten"), pytest.mark.timeout(1800 if IS_FULL else 180)]
WORDS = {"en": "Wait for your SMS.", "sw": "Subiri SMS."}
HOSTILE = ["a\x00b", "²", "9" * 40, "x" * 5000, "<script>alert(1)</script>\u202e😀", "2026-13-45", ""]
KINDS = ("typed", "chosen", "hidden")  # which fields of a form hold it


@dataclass
class Form:
    action: str
    fields: dict[str, tuple[str, str]] = field(default_factory=dict)  # name: (kind, value)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class Forms(HTMLParser):
    """The forms of a page that post, by their ids or places."""

    def __init__(self, page: str, address: str) -> None:
        super().__init__()
        self.address, self.found, self.inside = address, {}, ""  # type: ignore[var-annotated]
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method", "").lower() == "post":
            self.inside = given.get("id") or f"form {len(self.found)}"
            self.found.setdefault(self.inside, Form(given.get("action") or self.address))
        form = self.found.get(given.get("form") or self.inside)
        if form is None or tag not in ("input", "textarea", "select", "button"):
            return
        name, kind = given.get("name", ""), given.get("type", "text") if tag == "input" else tag
        if tag == "button":
            form.buttons.append((name, given.get("value", "")))
        elif name and name != "csrfmiddlewaretoken":
            form.fields[name] = (
                "hidden" if kind == "hidden" else "typed" if kind in ("text", "textarea") else "chosen",
                given.get("value", ""),
            )

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = ""


def everything_on(person: User) -> list[str]:
    """A row of most kinds, and the pages that have forms."""
    now, other = timezone.now(), UserFactory()
    incident = a_public_incident()
    component = ComponentFactory(code="payouts")
    timeline.observe(component=component, status="major_outage", since=now, now=now)
    draft = IncidentUpdate.objects.drafts().get()
    begins = now + timedelta(days=1)
    planned_work.plan(
        name=WORDS, body=WORDS, starts_at=begins, ends_at=begins + timedelta(hours=1), expected={component: ""},
        author=other, now=now,
    )  # fmt: skip
    stating.draft(incident=incident, level=Level.NO_SIGN, author=other, now=now)
    claims.log_claim(words="Gone.", language="en", where="A group", first_seen=now.date(), actor=other, now=now)
    news = Announcement(title=in_all(WORDS), body=in_all(WORDS), starts_at=now)
    documents.add(document=news, author=other, now=now)
    probe = ProbeScheduleFactory(probe__component=component).probe
    alert = StaffAlert.objects.create(kind="draft", key="x@1", severity="critical", title="Draft", path="/admin/", raised_at=now)
    base = f"/admin/incidents/incident/{incident.pk}"
    said, work = incident.updates.published()[0], ScheduledMaintenance.objects.get()
    return [
        at(draft), f"{at(draft)}?words=1", at(draft, "sign"), at(draft, "translate"), at(said, "after"),
        f"{base}/change/", f"{base}/facts/", f"{base}/data-and-funds/", f"{base}/deadlines/kenya-customers/",
        page_of(news), page_of(news, "sign"), page_of(work.updates.get()), page_of(work), page_of(work.updates.get(), "sign"),
        page_of(Statement.objects.get()), page_of(Statement.objects.get(), "sign"), page_of(Claim.objects.get()),
        page_of(Notice.objects.get(code="down")), "/admin/", "/admin/freeze/", "/admin/push/",
        "/admin/incidents/incident/add/", "/admin/incidents/incident/past/", "/admin/incidents/claim/add/",
        f"/admin/incidents/rebuttal/add/?claim={Claim.objects.get().pk}", "/admin/incidents/announcement/add/",
        "/admin/incidents/maintenanceupdate/add/", f"/admin/incidents/correction/add/?update={said.pk}",
        f"/admin/incidents/redress/add/?incident={incident.pk}", "/admin/incidents/notice/add/",
        f"/admin/probes/probe/{probe.pk}/pause/", "/admin/statuspage/dutyshift/add/", "/admin/statuspage/token/add/",
        f"/admin/statuspage/staffalert/{alert.pk}/acknowledge/", "/admin/auth/user/add/", f"/admin/auth/user/{other.pk}/change/",
    ]  # fmt: skip


def posts(client: Client, addresses: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """(address, what is posted there)"""
    turns = cycle(product(KINDS, HOSTILE))
    for address in addresses:
        page = client.get(address)
        assert page.status_code in (200, 302), f"{address}: {page.status_code}"
        if page.status_code == 302:
            continue
        for form in Forms(page.content.decode(), address).found.values():
            if "/logout/" in form.action:
                continue
            for name, value in form.buttons or [("", "")]:
                for kind, bad in list(product(KINDS, HOSTILE)) if IS_FULL else [next(turns)]:
                    data = {key: bad if its == kind else said for key, (its, said) in form.fields.items()}
                    yield form.action, {**data, **({name: value} if name else {})}


def test_whatever_is_posted_to_a_form_of_the_desk_is_answered_in_words() -> None:
    person = UserFactory(is_superuser=True)
    person.groups.set(Group.objects.filter(name__in=ROLES))
    addresses, client, wrong, asked = everything_on(person), sign_in(person), [], 0
    client.raise_request_exception = False
    for address, data in list(posts(client, addresses if IS_FULL else addresses[::7])):
        before = transaction.savepoint()
        answer = client.post(address, data)
        transaction.savepoint_rollback(before)
        asked += 1
        if answer.status_code >= 500:
            wrong.append(f"{address}: {answer.status_code} to { ({key: value[:20] for key, value in data.items()}) }")
    assert asked > 15
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize(
    "address",
    [
        f"/admin/incidents/review/add/?incident={'9' * 5000}",
        "/admin/incidents/rebuttal/add/?claim=²",
        "/admin/incidents/correction/add/?update=-1",
        "/admin/incidents/maintenanceupdate/add/?moves=x",
    ],
)
def test_a_number_that_no_row_has_is_not_found(address: str) -> None:
    assert sign_in(UserFactory(is_superuser=True)).get(address).status_code == 404


def test_a_choice_that_no_row_has_is_no_choice() -> None:
    person = sign_in(UserFactory(is_superuser=True))
    for address, name in (("/admin/statuspage/token/add/", "components"), ("/admin/auth/user/add/", "groups")):
        answer = person.post(address, {name: ["9" * 40]})
        assert answer.status_code in (200, 422), address
        assert name in answer.context["form"].errors, address


@pytest.mark.parametrize("device", ["", "x", "²", "9" * 5000])
def test_a_device_that_is_not_there_is_not_found(device: str) -> None:
    assert sign_in(UserFactory(is_superuser=True)).post("/admin/push/", {"act": "remove", "device": device}).status_code == 404


@pytest.mark.database
def test_a_nul_among_the_words_is_left_out_and_the_rest_is_kept() -> None:
    sign_in(UserFactory(is_superuser=True)).post("/admin/freeze/", {"act": "freeze", "reason": "A dri\0ll."})
    freeze = freezing.current()
    assert freeze is not None
    assert freeze.reason == "A drill."
