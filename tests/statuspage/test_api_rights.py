"""The write API against those who try: what a token for certain services finds, one key at once, and words as last corrected."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from incidents import corrections, signing
from incidents.languages import by_language
from incidents.models import Claim, Component, Incident, IncidentUpdate, MaintenanceUpdate
from statuspage import publishing
from statuspage.models import IdempotencyKey
from tests.factories import ComponentFactory, UserFactory
from tests.statuspage.api import NAME, WORDS, Machine, an_incident, machine
from tests.statuspage.desk import a_public_incident, sign_in, someone
from tests.statuspage.test_api import a_claim

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    cache.clear()


# --- A token for certain services --------------------------------------------------------------


@pytest.fixture
def mine() -> Component:
    ComponentFactory(code="payouts")
    component: Component = ComponentFactory(code="stk-push")
    return component


def both(field: str = "affected") -> dict[str, Any]:
    return {field: [{"component": code, "status": "delayed"} for code in ("stk-push", "payouts")]}


def a_plan(**fields: Any) -> dict[str, Any]:
    begins = timezone.now() + timedelta(days=2)
    times = {"starts_at": begins, "ends_at": begins + timedelta(hours=2)}
    return {"name": NAME, "body": WORDS, **times, "expected": [{"component": "stk-push", "status": "delayed"}], **fields}


def test_what_names_another_service_too_is_in_none_of_its_lists(mine: Component) -> None:
    whole = machine(name="whole")
    assert whole.post("/incidents", an_incident(**both())).status_code == 201
    assert whole.post("/maintenance", a_plan(**both("expected"))).status_code == 201
    asking = machine(components=[mine])
    assert (asking.get("/incidents")["items"], asking.get("/maintenance")["items"]) == ([], [])
    plan = asking.post("/maintenance", a_plan()).json()
    assert [row["id"] for row in asking.get("/maintenance")["items"]] == [plan["id"]]


def test_a_claim_without_a_service_of_its_own_is_none_of_its_business(mine: Component) -> None:
    whole, asking = machine(name="whole"), machine(components=[mine])
    theirs = whole.post("/claims", a_claim()).json()["id"]
    incident = asking.post("/incidents", an_incident()).json()["id"]
    own = asking.post("/claims", {**a_claim(), "incident": incident}).json()["id"]
    refused = (
        asking.post("/claims", a_claim()),
        asking.post(f"/claims/{theirs}/step", {"to": "assessing"}),
        asking.post(f"/claims/{theirs}/rebuttals", {**an_answer(), "components": ["stk-push"]}),
    )
    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert [row["id"] for row in asking.get("/claims")["items"]] == [own]
    assert asking.post(f"/claims/{own}/step", {"to": "assessing"}).status_code == 200


def an_answer() -> dict[str, Any]:
    return {
        "fact_headline": NAME,
        "claim_quote": "They lost our money.",
        "claim_language": "en",
        "claim_where": {"en": "A chat group", "sw": "Kundi la gumzo"},
        "claim_first_seen": "2026-11-20",
        "verdict": "false",
    }


def test_an_answer_about_an_incident_of_other_services_is_not_its_own(mine: Component) -> None:
    whole, asking = machine(name="whole"), machine(components=[mine])
    incident = whole.post("/incidents", an_incident("payouts")).json()["id"]
    claim = whole.post("/claims", {**a_claim(), "incident": incident}).json()["id"]
    whole.post(f"/claims/{claim}/step", {"to": "assessing"})
    given = {**an_answer(), "components": ["stk-push"], "incident": incident}
    answer = whole.post(f"/claims/{claim}/rebuttals", given).json()["id"]
    assert asking.get("/rebuttals")["items"] == []
    assert asking.ask("PUT", f"/rebuttals/{answer}", an_answer()).status_code == 403
    assert [row["id"] for row in whole.get("/rebuttals")["items"]] == [answer]


def test_it_makes_no_draft_speak_of_the_page_as_a_whole(mine: Component) -> None:
    asking = machine(components=[mine])
    update = asking.post("/incidents", an_incident()).json()["updates"][0]["id"]
    word = asking.post("/maintenance", a_plan()).json()["updates"][0]["id"]
    assert asking.ask("PATCH", f"/updates/{update}", {"affected": []}).status_code == 403
    assert asking.ask("PATCH", f"/maintenance-updates/{word}", {"expected": []}).status_code == 403
    assert IncidentUpdate.objects.get().affected.count() == MaintenanceUpdate.objects.get().affected.count() == 1


# --- One key -----------------------------------------------------------------------------------


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_the_same_key_at_once_does_it_once() -> None:
    asking, start = machine(), threading.Barrier(6)

    def ask(number: int) -> Any:
        start.wait()
        try:
            return Machine(asking.token, asking.secret).post("/claims", {**a_claim(), "reach": number % 2}, "k")
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(6)))
    done = [answer for answer in answers if answer.status_code == 201]
    others = {answer.json()["type"].rpartition(":")[2] for answer in answers if answer.status_code != 201}
    assert len({answer.content for answer in done}) == 1
    assert others <= {"in_progress", "key_reused"}
    assert "key_reused" in others
    assert asking.get("/claims")["items"][0]["id"] == done[0].json()["id"]
    assert len(asking.get("/claims")["items"]) == 1


def test_what_failed_on_our_side_under_a_key_is_not_done_again_blindly(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = machine()
    monkeypatch.setattr("statuspage.api.shapes.claim", lambda row: 1 / 0)
    assert asking.post("/claims", a_claim(), key="k").status_code == 500
    monkeypatch.undo()
    assert asking.post("/claims", a_claim(), key="k").json()["type"].endswith(":in_progress")
    IdempotencyKey.objects.update(asked_at=timezone.now() - timedelta(minutes=2))
    assert asking.post("/claims", a_claim(), key="k").json()["type"].endswith(":outcome_unknown")


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_lost_at_commit_leaves_its_key_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = machine()
    commit = BaseDatabaseWrapper.commit

    def lose(self: BaseDatabaseWrapper) -> None:
        commit(self)
        if Claim.objects.exists():
            raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(BaseDatabaseWrapper, "commit", lose)
    first = asking.post("/claims", a_claim(), key="k")
    monkeypatch.undo()
    assert (first.status_code, first.json()["type"]) == (500, "urn:hali:problem:outcome_unknown")
    assert asking.post("/claims", a_claim(), key="k").status_code == 409
    assert Claim.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_the_database_gave_up_by_itself_is_done_at_the_next_try(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = machine()

    def locked(*_: object, **__: object) -> None:
        raise OperationalError("database is locked") from type("Locked", (Exception,), {"sqlite_errorname": "SQLITE_BUSY"})()

    monkeypatch.setattr("incidents.claims.audit.log", locked)
    first = asking.post("/claims", a_claim(), key="k")
    monkeypatch.undo()
    assert (first.status_code, first.json()["type"]) == (503, "urn:hali:problem:try_again")
    assert asking.post("/claims", a_claim(), key="k").status_code == 201


def test_a_key_whose_first_request_is_refused_just_then_may_be_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one's row is gone between our own attempt to make one and the look at it."""
    asking = machine()
    asking.post("/claims", a_claim(), key="k")
    real = IdempotencyKey.objects.filter
    monkeypatch.setattr(IdempotencyKey.objects, "filter", lambda **by: real(pk=None) if "key" in by else real(**by))
    answer = asking.post("/claims", a_claim(), key="k")
    assert (answer.status_code, answer["Retry-After"]) == (409, "2")


# --- As last corrected -------------------------------------------------------------------------


def corrected(of: IncidentUpdate | MaintenanceUpdate, **words: str) -> None:
    now, both_languages = timezone.now(), {field: {"en": text, "sw": text} for field, text in words.items()}
    reason = {"en": "It was wrong.", "sw": "Haikuwa sahihi."}
    draft = corrections.draft(of=of, words=both_languages, reason=reason, author=UserFactory(), now=now)
    signed = signing.sign(item=draft, signer=UserFactory(), now=now)
    publishing.publish_correction(correction=signed, actor=None, now=now)


def test_an_answer_gives_an_incidents_words_as_last_corrected_and_what_was_said_before() -> None:
    incident, asking = a_public_incident(), machine()
    update = incident.updates.get()
    before = by_language(update.body)
    corrected(update, name="Till payments fail", body="Payments were late.")
    [listed], whole = asking.get("/incidents")["items"], asking.get(f"/incidents/{incident.public_id}")
    assert listed["name"]["en"] == whole["name"]["en"] == "Till payments fail"
    for said in (whole["updates"][0], asking.get(f"/updates/{update.public_id}")):
        assert said["body"]["sw"] == "Payments were late."
        [one] = said["corrected"]
        assert (one["field"], one["said"], one["reason"]["en"]) == ("body", before, "It was wrong.")
    corrected(update, name="All payments fail")
    assert asking.get("/incidents")["items"][0]["name"]["sw"] == "All payments fail"


def test_a_headline_stands_at_the_desk_as_last_corrected() -> None:
    incident = a_public_incident()
    corrected(incident.updates.get(), name="Till payments fail")
    client = sign_in(someone(is_superuser=True))
    for path in ("", "incidents/incident/", "incidents/incidentupdate/", f"incidents/incident/{incident.pk}/change/"):
        assert "Till payments fail" in client.get(f"/admin/{path}").content.decode(), path
    assert Incident.objects.get().name != "Till payments fail"


def test_planned_work_is_named_as_last_corrected() -> None:
    asking = machine()
    ComponentFactory(code="stk-push")
    plan = asking.post("/maintenance", a_plan()).json()
    word = MaintenanceUpdate.objects.get()
    signed = signing.sign(item=word, signer=UserFactory(), now=timezone.now())
    public = publishing.publish_maintenance(update=signed, actor=None, now=timezone.now())
    corrected(public, name="Moving the till core")
    assert asking.get("/maintenance")["items"][0]["name"]["en"] == "Moving the till core"
    assert asking.get(f"/maintenance/{plan['id']}")["name"]["sw"] == "Moving the till core"
    page = sign_in(someone(is_superuser=True)).get("/admin/incidents/scheduledmaintenance/").content.decode()
    assert "Moving the till core" in page
