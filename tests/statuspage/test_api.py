"""The write API: one word from draft to public by machine and person, and every refusal in one form."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from incidents import signing
from incidents.models import AuditEvent, Incident, IncidentUpdate
from statuspage import tokens
from statuspage.api import idempotency
from statuspage.models import IdempotencyKey
from statuspage.roles import APPROVER, AUTHOR, ENGINEER, PAGE_ADMIN
from tests.factories import ComponentFactory, UserFactory
from tests.incidents.helpers import all_notices
from tests.statuspage.api import NAME, WORDS, Machine, an_incident, machine
from tests.statuspage.desk import a_draft, sign_in, someone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def publishing_in_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's own transaction stands around the durable one."""


def opened(asking: Machine, code: str = "stk-push") -> dict[str, Any]:
    ComponentFactory(code=code)
    answer = asking.post("/incidents", an_incident(code))
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def problem_of(answer: Any) -> dict[str, Any]:
    assert answer["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == answer.status_code
    assert set(document) >= {"type", "title", "status", "detail"}
    return document


# --- A word, from draft to public --------------------------------------------------------------


@pytest.mark.database
def test_a_machine_drafts_a_person_signs_and_the_machine_publishes() -> None:
    asking = machine()
    update = opened(asking)["updates"][0]
    assert (update["publication"], update["signature"], update["author"]) == ("draft", "none", asking.owner.username)
    assert asking.post(f"/updates/{update['id']}/signature-request").json()["signature_requested_at"]
    signing.sign(item=IncidentUpdate.objects.get(public_id=update["id"]), signer=someone(APPROVER), now=timezone.now())
    said = asking.post(f"/updates/{update['id']}/publish")
    assert said.status_code == 200, said.content
    assert said.json()["publication"] == "published"
    assert [row["id"] for row in asking.get("/incidents")["items"]] == [said.json()["incident"]]


def test_words_without_a_second_person_are_refused_with_every_blocker() -> None:
    asking = machine()
    ComponentFactory(code="stk-push")
    made = asking.post("/incidents", an_incident(body={"en": "Payments are late."})).json()
    problem = problem_of(asking.post(f"/updates/{made['updates'][0]['id']}/publish"))
    assert problem["type"] == "urn:hali:problem:blocked"
    assert {one["code"] for one in problem["blockers"]} >= {"language_missing", "signature_missing"}
    assert Incident.objects.get().publication == "draft"


def test_the_owner_of_a_token_cannot_sign_what_it_wrote() -> None:
    owner = someone(AUTHOR)
    owner.groups.add(*someone(APPROVER).groups.all())
    update = opened(machine(owner=owner))["updates"][0]
    with pytest.raises(signing.SigningRefused, match="You wrote part of this text"):
        signing.sign(item=IncidentUpdate.objects.get(public_id=update["id"]), signer=owner, now=timezone.now())


def test_what_a_token_edits_counts_as_its_owners_and_voids_the_signature() -> None:
    asking = machine()
    draft, signer = a_draft(), someone(APPROVER)
    signing.sign(item=draft, signer=signer, now=timezone.now())
    answer = asking.ask("PATCH", f"/updates/{draft.public_id}", {"body": WORDS})
    assert answer.json().get("signature") == "void", answer.content
    assert signing.has_written(asking.owner, IncidentUpdate.objects.get(pk=draft.pk))


def test_no_act_of_signing_is_in_any_scope() -> None:
    assert not [act for acts in tokens.SCOPES.values() for act in acts if "sign" in act and not act.endswith("request_signature")]


def test_a_presigned_notice_is_published_at_once() -> None:
    all_notices()
    ComponentFactory(code="stk-push")
    asking = machine("notices.publish")
    answer = asking.post("/notices/down/publish", {"component": "stk-push"})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["publication"], answer.json()["signature"]) == ("published", "valid")


def test_an_unsigned_notice_is_not() -> None:
    all_notices()
    ComponentFactory(code="stk-push")
    from incidents.models import Notice

    signing.withdraw_notice(notice=Notice.objects.get(code="down"), actor=UserFactory(), now=timezone.now())
    problem = problem_of(machine("notices.publish").post("/notices/down/publish", {"component": "stk-push"}))
    assert [one["code"] for one in problem["blockers"]] == ["notice_unsigned"]


def test_a_service_that_an_incident_names_already_gets_no_second_one() -> None:
    asking = machine()
    made = opened(asking)
    problem = problem_of(asking.post("/incidents", an_incident()))
    assert (problem["status"], problem["type"], problem["incident"]) == (409, "urn:hali:problem:already_open", made["id"])


def test_every_act_stands_in_the_log_with_the_tokens_name_and_its_door() -> None:
    asking = machine(name="nightly-books")
    update = opened(asking)["updates"][0]
    event = AuditEvent.objects.filter(act="update.add").get()
    assert (event.actor, event.target) == (asking.owner, update["id"])
    assert (event.details["token"], event.factor, event.address) == ("nightly-books", "token", "127.0.0.1")


def test_discarding_takes_the_draft_off() -> None:
    asking = machine()
    update = opened(asking)["updates"][0]
    assert asking.ask("DELETE", f"/updates/{update['id']}?reason=a+drill").status_code == 204
    assert asking.get("/incidents")["items"] == []


def test_someone_elses_change_is_not_written_over() -> None:
    asking = machine()
    update = opened(asking)["updates"][0]
    seen_at = update["updated_at"]
    assert asking.ask("PATCH", f"/updates/{update['id']}", {"status": "identified", "seen_at": seen_at}).status_code == 200
    problem = problem_of(asking.ask("PATCH", f"/updates/{update['id']}", {"status": "monitoring", "seen_at": seen_at}))
    assert (problem["status"], problem["type"]) == (409, "urn:hali:problem:conflict")


# --- Who may -----------------------------------------------------------------------------------


def wrong_headers() -> list[tuple[str, dict[str, str]]]:
    return [
        ("none", {}),
        ("another kind", {"Authorization": "Basic aGFsaTpoYWxp"}),
        ("nobody's", {"Authorization": f"Bearer hali_{'b' * 12}_{'x' * 43}"}),
        ("no shape", {"Authorization": "Bearer \x00\u00e9"}),
    ]


@pytest.mark.parametrize(("case", "headers"), wrong_headers())
def test_without_a_token_of_ours_nothing_is_told(case: str, headers: dict[str, str]) -> None:
    answer = Client().get("/api/v1/incidents", headers=headers)
    assert problem_of(answer)["status"] == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_signed_in_session_is_no_token() -> None:
    client = sign_in(UserFactory())
    assert client.get("/api/v1/incidents").status_code == 401
    assert client.post("/api/v1/incidents", an_incident(), content_type="application/json").status_code == 401


def test_no_cookie_and_no_csrf_token_is_asked_for() -> None:
    asking = machine()
    ComponentFactory(code="stk-push")
    strict = Client(enforce_csrf_checks=True)
    headers = {"Authorization": f"Bearer {asking.secret}", "Origin": "https://elsewhere.example"}
    answer = strict.post("/api/v1/incidents", json.dumps(an_incident()), content_type="application/json", headers=headers)
    assert answer.status_code == 201
    assert not answer.cookies


def test_another_hosts_name_is_refused() -> None:
    assert Client().get("/api/v1/token", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("end", ["revoked", "lapsed", "owner gone", "not taken"])
def test_a_token_that_ended_is_none(end: str) -> None:
    asking = machine()
    assert asking.get("/token")["id"] == "books"
    if end == "revoked":
        tokens.revoke(token=asking.token, actor=None, now=timezone.now())
    elif end == "lapsed":
        type(asking.token).objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif end == "owner gone":
        User.objects.update(is_active=False)
    else:
        type(asking.token).objects.update(secret_hash="")
    assert asking.ask("GET", "/token").status_code == 401


def test_a_scope_that_it_has_not_is_refused_by_name() -> None:
    ComponentFactory(code="stk-push")
    problem = problem_of(machine("read").post("/incidents", an_incident()))
    assert (problem["status"], problem["type"]) == (403, "urn:hali:problem:scope")
    assert "incidents.write" in problem["detail"]


def test_its_owners_rights_bound_it_whatever_its_scopes() -> None:
    asking = machine(role=ENGINEER)
    ComponentFactory(code="stk-push")
    problem = problem_of(asking.post("/incidents", an_incident()))
    assert (problem["status"], problem["type"]) == (403, "urn:hali:problem:forbidden")
    assert not Incident.objects.exists()


def test_an_act_beyond_its_scopes_is_refused_in_the_operation_itself() -> None:
    """The last door: even an address that asked for no scope could not do it."""
    from incidents import audit, rights

    owner = UserFactory()
    with audit.by_token(audit.ByToken("books", frozenset({"update.add"}))), pytest.raises(rights.NotPermitted, match="books"):
        signing.sign(item=a_draft(), signer=owner, now=timezone.now())


def test_a_token_for_one_service_speaks_of_no_other() -> None:
    mine, other = ComponentFactory(code="stk-push"), ComponentFactory(code="payouts")
    theirs = machine(name="theirs").post("/incidents", an_incident("payouts")).json()
    asking = machine(components=[mine])
    both = [{"component": "stk-push", "status": "delayed"}, {"component": "payouts", "status": "delayed"}]
    update = theirs["updates"][0]["id"]
    refused = {
        "open": asking.post("/incidents", an_incident(affected=both)),
        "read": asking.ask("GET", f"/incidents/{theirs['id']}"),
        "edit": asking.ask("PATCH", f"/updates/{update}", {"status": "identified"}),
        "publish": asking.post(f"/updates/{update}/publish"),
        "discard": asking.ask("DELETE", f"/updates/{update}"),
        "add": asking.post(f"/incidents/{theirs['id']}/updates", {"body": WORDS}),
        "override": asking.ask("PUT", "/components/payouts/override", an_override()),
        "state": asking.post(f"/incidents/{theirs['id']}/statements", {"level": "1"}),
        "subscribers": asking.ask("GET", "/subscribers"),
        "new service": asking.post("/components", {"code": "new", "group": other.group.code, "name": NAME}),
    }
    assert {act: answer.status_code for act, answer in refused.items()} == dict.fromkeys(refused, 403)
    assert asking.get("/incidents")["items"] == []
    assert [row["code"] for row in asking.get("/components")["items"]] == ["stk-push"]
    assert asking.post("/incidents", an_incident()).status_code == 201


def an_override() -> dict[str, Any]:
    return {"status": "degraded_performance", "reason": "seen by hand", "expires_at": timezone.now() + timedelta(hours=1)}


# --- Refusals ----------------------------------------------------------------------------------


def test_a_body_that_does_not_fit_is_told_by_field() -> None:
    asking = machine()
    ComponentFactory(code="stk-push")
    answer = asking.post("/incidents", an_incident(body={"fr": "Bonjour"}, colour="red", affected=[{"component": "stk-push"}]))
    problem = problem_of(answer)
    assert problem["status"] == 422
    assert {one["field"] for one in problem["errors"]} == {"body", "colour", "affected.0.status"}


@pytest.mark.parametrize("body", ["{", '"\\ud800"', "[" * 100_000, "\x00", '{"affected": 1e999}'])
def test_a_body_that_is_no_json_is_refused_in_one_line(body: str) -> None:
    asking = machine()
    answer = Client().generic(
        "POST", "/api/v1/incidents", body, "application/json", headers={"Authorization": f"Bearer {asking.secret}"}
    )
    assert problem_of(answer)["status"] in (400, 422)


def test_a_body_that_is_too_large_is_not_read() -> None:
    answer = machine().post("/incidents", an_incident(body={"en": "x" * 300_000}))
    assert problem_of(answer)["status"] == 413


@pytest.mark.parametrize("path", ["/nothing", "/incidents/bcdfghjklmnp", "/components/none", "/updates/bcdfghjklmnp"])
def test_what_is_not_there_is_a_problem_too(path: str) -> None:
    assert problem_of(machine().ask("GET", path))["status"] == 404


def test_asking_too_often_is_refused_for_a_minute(settings: Any) -> None:
    settings.API_RATE = 3
    asking = machine()
    answers = [asking.ask("GET", "/token") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1]["Retry-After"]
    assert problem_of(answers[-1])["type"] == "urn:hali:problem:too_often"


def test_wrong_tokens_are_tried_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statuspage.api.door.WRONG_TOKENS", 2)
    wrong = {"Authorization": f"Bearer hali_{'b' * 12}_{'x' * 43}"}
    codes = [Client().get("/api/v1/token", headers=wrong).status_code for _ in range(3)]
    assert codes == [401, 401, 429]


# --- Once --------------------------------------------------------------------------------------


@pytest.mark.database
def test_a_repeat_under_the_same_key_gets_the_same_answer_and_does_nothing() -> None:
    asking = machine()
    ComponentFactory(code="stk-push")
    body = an_incident()
    first = asking.post("/incidents", body, key="2026-11-28/1")
    again = asking.post("/incidents", body, key="2026-11-28/1")
    assert (again.status_code, again.content) == (201, first.content)
    assert again["Idempotency-Replayed"] == "true"
    assert Incident.objects.count() == 1


@pytest.mark.database
def test_a_key_of_another_body_is_a_conflict() -> None:
    asking = machine()
    ComponentFactory(code="stk-push")
    asking.post("/incidents", an_incident(), key="one")
    problem = problem_of(asking.post("/incidents", an_incident(status="identified"), key="one"))
    assert (problem["status"], problem["type"]) == (409, "urn:hali:problem:key_reused")


def test_keys_of_two_tokens_do_not_meet() -> None:
    machine(name="one").post("/claims", {}, key="k")
    ComponentFactory(code="stk-push")
    machine(name="one-more").post("/incidents", an_incident(), key="k")
    assert machine(name="two").post("/incidents", an_incident(), key="k").status_code == 409  # already open, not the key's


def test_a_refusal_is_not_kept_under_its_key() -> None:
    asking = machine()
    update = opened(asking)["updates"][0]
    assert asking.post(f"/updates/{update['id']}/publish", key="publish").status_code == 409
    signing.sign(item=IncidentUpdate.objects.get(public_id=update["id"]), signer=someone(APPROVER), now=timezone.now())
    assert asking.post(f"/updates/{update['id']}/publish", key="publish").status_code == 200


def test_a_request_whose_process_ended_in_the_middle_is_not_done_twice() -> None:
    asking = machine()
    ComponentFactory(code="stk-push")
    body = an_incident()
    asking.post("/incidents", body, key="k")
    IdempotencyKey.objects.update(status=None)
    assert problem_of(asking.post("/incidents", body, key="k"))["type"] == "urn:hali:problem:in_progress"
    IdempotencyKey.objects.update(asked_at=timezone.now() - timedelta(minutes=2))
    assert problem_of(asking.post("/incidents", body, key="k"))["type"] == "urn:hali:problem:outcome_unknown"


def test_old_keys_are_forgotten() -> None:
    asking = machine()
    opened(asking)
    asking.post("/claims", a_claim(), key="k")
    assert idempotency.forget_old(now=timezone.now()) == 0
    assert idempotency.forget_old(now=timezone.now() + timedelta(days=8)) == 1


def a_claim() -> dict[str, Any]:
    return {"words": "They lost our money.", "language": "en", "where": "A chat group", "first_seen": "2026-11-20"}


# --- Everything else it writes -----------------------------------------------------------------


def test_planned_work_is_drafted_moved_and_read() -> None:
    asking = machine()
    ComponentFactory(code="stk-push")
    begins = timezone.now() + timedelta(days=2)
    plan = {
        "name": {"en": "Moving the core", "sw": "Kuhamisha mfumo"},
        "body": WORDS,
        "starts_at": begins,
        "ends_at": begins + timedelta(hours=2),
        "expected": [{"component": "stk-push", "status": "major_outage"}],
    }
    answer = asking.post("/maintenance", plan)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    word = made["updates"][0]
    assert word["expected"] == [{"component": "stk-push", "status": "major_outage"}]
    moved = asking.ask("PATCH", f"/maintenance-updates/{word['id']}", {"ends_at": begins + timedelta(hours=3)})
    assert moved.status_code == 200, moved.content
    codes = {one["code"] for one in problem_of(asking.post(f"/maintenance-updates/{word['id']}/publish"))["blockers"]}
    assert codes == {"signature_missing"}
    assert asking.get("/maintenance")["items"][0]["id"] == made["id"]


def test_a_statement_is_drafted_in_the_words_of_its_level() -> None:
    asking = machine()
    made = opened(asking)
    answer = asking.post(f"/incidents/{made['id']}/statements", {"level": "1"})
    assert answer.status_code == 201, answer.content
    assert set(answer.json()["body"]) == {"en", "sw"}
    assert problem_of(asking.post(f"/statements/{answer.json()['id']}/publish"))["blockers"]


def test_a_claim_is_logged_assessed_and_answered() -> None:
    asking = machine()
    claim = asking.post("/claims", a_claim()).json()
    assert asking.post(f"/claims/{claim['id']}/step", {"to": "assessing"}).json()["state"] == "assessing"
    answer = {
        "fact_headline": {"en": "Your money is there", "sw": "Pesa yako ipo"},
        "claim_quote": "They lost our money.",
        "claim_language": "en",
        "claim_where": {"en": "A chat group", "sw": "Kundi la gumzo"},
        "claim_first_seen": "2026-11-20",
        "verdict": "false",
    }
    drafted = asking.post(f"/claims/{claim['id']}/rebuttals", answer)
    assert drafted.status_code == 201, drafted.content
    edited = asking.ask("PUT", f"/rebuttals/{drafted.json()['id']}", {**answer, "what_is_true": WORDS})
    assert edited.json()["what_is_true"] == WORDS
    assert problem_of(asking.post(f"/rebuttals/{drafted.json()['id']}/lawyers"))["status"] == 409


def test_a_service_is_added_described_and_set_by_hand() -> None:
    owner = someone(PAGE_ADMIN)
    owner.groups.add(*someone(ENGINEER).groups.all())
    asking = machine(owner=owner)
    group = ComponentFactory().group.code
    nowhere = problem_of(asking.post("/components", {"code": "airtime", "group": "benki", "name": NAME}))
    assert f"there is no group benki. There are: {group}" in str(nowhere)
    assert "Page admins make groups at the desk (Set-up, Service groups)." in str(nowhere)
    assert asking.post("/components", {"code": "airtime", "group": group, "name": {"en": "Airtime"}}).status_code == 201
    assert problem_of(asking.post("/components", {"code": "airtime", "group": group, "name": NAME}))["status"] == 409
    named = asking.ask("PATCH", "/components/airtime", {"name": {"en": "Airtime", "sw": "Salio"}})
    assert named.json()["name"]["sw"] == "Salio"
    shown = asking.ask("PUT", "/components/airtime/override", an_override()).json()
    assert (shown["status"], shown["status_source"]) == ("degraded_performance", "override")
    assert asking.ask("DELETE", "/components/airtime/override").json()["status"] == "operational"
    assert problem_of(asking.ask("DELETE", "/components/airtime/override"))["status"] == 404


def test_a_subscriber_comes_in_with_proof_and_no_address_goes_out() -> None:
    asking = machine(role=PAGE_ADMIN)
    given = {
        "channel": "email",
        "address": "asha@customer.example",
        "language": "sw",
        "consent_at": timezone.now() - timedelta(days=1),
        "consent_proof": "paper form 17",
    }
    assert asking.post("/subscribers", given).json()["outcome"] == "added"
    assert asking.post("/subscribers", given).json()["outcome"] == "known"
    row = asking.get("/subscribers")["items"][0]
    assert "asha" not in json.dumps(row)
    assert asking.ask("DELETE", f"/subscribers/{row['id']}").json()["state"] == "unsubscribed"
    assert AuditEvent.objects.get(act="subscriber.unsubscribe").details["token"] == "books"


def test_lists_come_in_pages() -> None:
    asking = machine()
    for number in range(3):
        asking.post("/claims", {**a_claim(), "words": f"Claim {number}"})
    first = asking.get("/claims?limit=2")
    assert [row["words"] for row in first["items"]] == ["Claim 2", "Claim 1"]
    rest = asking.get(f"/claims?limit=2&after={first['next']}")
    assert ([row["words"] for row in rest["items"]], rest["next"]) == (["Claim 0"], None)


def test_its_last_use_is_shown() -> None:
    asking = machine()
    asking.get("/token")
    asking.token.refresh_from_db()
    assert asking.token.last_used_at is not None


def test_the_openapi_document_names_every_address_and_needs_no_token() -> None:
    document = Client().get("/api/v1/openapi.json").json()
    assert {"/api/v1/incidents", "/api/v1/heartbeats/{code}", "/api/v1/subscribers"} <= set(document["paths"])
    assert document["security"] == [{"token": []}]


def test_another_method_is_refused_in_the_same_form() -> None:
    answer = machine().ask("PUT", "/incidents", {})
    assert problem_of(answer)["detail"] == f"Use {answer['Allow']}."
    assert set(answer["Allow"].split(", ")) >= {"GET", "POST"}
