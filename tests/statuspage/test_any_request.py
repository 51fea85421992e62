"""Requests of every shape: whatever comes, no address answers with an error of ours.

About 100 requests of the write API and as many of the public addresses; TEST_FUZZ=full takes 2,000 of each.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from incidents import claims, planned_work, stating
from incidents.languages import codes
from incidents.models import Component, Incident, Notice
from incidents.statements import Level
from statuspage.api import schemas
from statuspage.rendering import prefix_of
from statuspage.snapshot.serving import place_of
from tests.factories import ComponentFactory, ProbeFactory, UserFactory
from tests.incidents.helpers import all_notices
from tests.statuspage.addresses import addresses_of
from tests.statuspage.api import NAME, WORDS, Machine, an_incident, machine

IS_FULL = os.environ.get("TEST_FUZZ") == "full"
EXAMPLES = 2000 if IS_FULL else 100
pytestmark = [
    pytest.mark.long,
    pytest.mark.django_db,
    pytest.mark.usefixtures("pages_unwritten"),
    pytest.mark.timeout(7200 if IS_FULL else 180),
]
ALIKE = settings(
    max_examples=EXAMPLES,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],  # what fails is shown as it came: rows changed since, so it cannot be made smaller
)


@pytest.fixture
def asking(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Somebody who may do everything, and one row of each kind."""
    settings.API_RATE = 100_000
    monkeypatch.setenv("HALI_SECRET_LAB", "hunter2-of-the-lab")
    monkeypatch.setattr("statuspage.api.door.WRONG_TOKENS", 10**9)
    cache.clear()
    made, now = machine(owner=UserFactory()), timezone.now()
    for code in ("stk-push", "payouts"):
        ComponentFactory(code=code)
    all_notices()
    component = Component.objects.get(code="stk-push")
    assert made.post("/incidents", an_incident()).status_code == 201
    assert made.post("/notices/delayed/publish", {"component": "payouts"}).status_code == 200
    begins = now + timedelta(days=1)
    planned_work.plan(
        name=NAME, body=WORDS, starts_at=begins, ends_at=begins + timedelta(hours=1), expected={component: ""},
        author=made.owner, now=now,
    )  # fmt: skip
    stating.draft(incident=Incident.objects.published().get(), level=Level.NO_SIGN, author=made.owner, now=now)
    claims.log_claim(
        words="It is gone.", language="en", where="A group", first_seen=now.date(), actor=made.owner, now=now
    )  # fmt: skip
    ProbeFactory(code="ussd", kind="heartbeat", spec={"secret": "LAB"}, component=component)
    ProbeFactory(code="books", kind="metric", spec={"secret": "LAB"}, component=component)
    yield made
    cache.clear()


def document_with_what_is_here(asking: Machine) -> dict[str, Any]:
    """The OpenAPI document, with the codes and ids of rows in place of their patterns: most requests then find something."""
    incidents = asking.get("/incidents?which=all")["items"]
    plans = asking.get("/maintenance")["items"]
    words = [word for one in incidents for word in asking.get(f"/incidents/{one['id']}")["updates"]]
    words += [word for one in plans for word in asking.get(f"/maintenance/{one['id']}")["updates"]]
    words += [row for one in incidents for row in asking.get(f"/incidents/{one['id']}/statements")["items"]]
    ids = [one["id"] for one in (*incidents, *plans, *words)]
    group = Component.objects.select_related("group")[0].group.code
    named = ["stk-push", "payouts", "ussd", "books", group, *Notice.objects.values_list("code", flat=True), "none"]
    known = {_pattern_of(schemas.Code): named, _pattern_of(schemas.PublicId): [*ids, "bcdfghjklmnp"]}
    document: dict[str, Any] = _put(Client().get("/api/v1/openapi.json").json(), known)
    return document


def _pattern_of(kind: Any) -> str:
    return str(kind.__metadata__[0].pattern)


def _put(value: Any, known: dict[str, list[str]]) -> Any:
    if isinstance(value, list):
        return [_put(one, known) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("pattern") in known:
        return {"type": "string", "enum": known[value["pattern"]]}
    return {key: _put(one, known) for key, one in value.items()}


def test_no_request_to_the_write_api_is_an_error_of_ours(asking: Machine) -> None:
    import schemathesis  # half a second of importing, which every process that collects would spend
    from schemathesis.core.result import Ok

    schema = schemathesis.openapi.from_dict(document_with_what_is_here(asking))
    operations = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    assert len(operations) > 40
    client, seen = Client(), set()

    @ALIKE
    @given(st.one_of([one.as_strategy() for one in operations]), st.sampled_from(["", "", "a key"]))
    def ask(case: Any, key: str) -> None:
        sent = case.as_transport_kwargs(base_url="http://testserver")
        answer = _send(client, asking, sent, key)
        seen.add(answer.status_code)
        assert answer.status_code < 500, f"{sent['method']} {sent['url']} {sent.get('json')}: {answer.content!r}"
        if answer.status_code >= 400:
            assert answer["Content-Type"] == "application/problem+json"

    ask()
    assert seen & {200, 201}, "nothing was ever done"


def _send(client: Client, asking: Machine, sent: dict[str, Any], key: str) -> Any:
    import requests

    parts = {name: sent.get(name) for name in ("method", "url", "params", "json", "data")}
    prepared = requests.Request(**parts).prepare()
    headers = {"Authorization": f"Bearer {asking.secret}", **({"Idempotency-Key": key} if key else {})}
    body = prepared.body or b""
    return client.generic(str(prepared.method), prepared.path_url, body, "application/json", headers=headers)


# --- What strangers can ask --------------------------------------------------------------------

TEXT = st.text(max_size=40)
LET_IN = "of-a-gateway"  # its token
PREFIXES = [prefix_of(code) for code in codes()]
FILES = ["/", "/status.txt", "/history.atom", "/api/v2/{}.json", "/incidents/{}", "/components/{}", "/badge/{}.svg", "/embed/{}"]


def places() -> list[str]:
    """Every address that the app answers itself, with {} for whatever it takes, gateways' with and without their token; files of
    the page, and what is none."""
    own = [place for place in addresses_of(get_resolver()) if not place.startswith(("/admin/", "/accounts/", "/api/v1/"))]
    desk = ["/admin/", "/admin/{}", "/admin/{}/{}/", "/accounts/login/", "/accounts/{}", "/push/ussd", "/anymail/{}/tracking/"]
    api = ["/api/v1/{}", "/api/v1/incidents", "/api/v1/incidents/{}", "/api/v1/openapi.json"]
    let_in = [place.replace("{}", LET_IN, 1) for place in own if place.startswith(("/callbacks/", "/phone/"))]
    return [*own, *let_in, *desk, *api, *(f"{prefix}{file}" for prefix in PREFIXES for file in FILES), "/{}"]


FIELDS = st.dictionaries(
    st.sampled_from(
        [
            "email",
            "address",
            "channel",
            "language",
            "code",
            "component",
            "components",
            "url",
            "phone",
            "kinds",
            "all",
            "minimum_impact",
            "rhythm",
            "sessionId",
            "phoneNumber",
            "text",
            "from",
            "id",
            "status",
            "act",
            "website",
        ]
    ),
    TEXT | st.sampled_from(["email", "sms", "webhook", "sw", "asha@customer.example", "+254700000001", "https://x.example/"]),
    max_size=6,
)
HEADERS = st.dictionaries(
    st.sampled_from(["Authorization", "webhook-timestamp", "webhook-signature", "X-Forwarded-For", "Cookie", "Accept-Language"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40),
    max_size=3,
)


@pytest.mark.usefixtures("asking")
def test_no_request_of_a_stranger_is_an_error_of_ours(settings: Any) -> None:
    settings.CALLBACK_TOKEN = settings.SMS_CALLBACK_TOKEN = LET_IN
    client = Client(raise_request_exception=False)

    @ALIKE
    @given(
        st.sampled_from(["GET", "POST", "HEAD", "PUT"]), st.sampled_from(places()), st.lists(TEXT, min_size=3, max_size=3),
        FIELDS | TEXT, HEADERS,
    )  # fmt: skip
    def ask(method: str, place: str, taken: list[str], sent: Any, headers: dict[str, str]) -> None:
        path = place.format(*(quote(one.encode("utf-8", "surrogatepass")) for one in taken))
        place_of(path)
        if isinstance(sent, dict):
            body, kind = (
                "&".join(f"{quote(key)}={quote(value)}" for key, value in sent.items()),
                "application/x-www-form-urlencoded",
            )
        else:
            body, kind = sent, "application/json"
        answer = client.generic(method, path, body.encode("utf-8", "replace"), kind, headers=headers)
        healthy = 503 if place == "/healthz" else 500  # nothing of a copy runs here, and /healthz says so
        assert answer.status_code < 500 or answer.status_code == healthy != 500, f"{method} {path} {sent!r}: {answer.content!r}"

    ask()
