"""Tokens: made at the desk by page admins, taken once by their owner alone, and by the command line."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from incidents.models import AuditEvent
from probes.models import Result
from statuspage import tokens
from statuspage.models import Token
from statuspage.roles import AUDITOR, AUTHOR, ENGINEER, PAGE_ADMIN
from statuspage.secrets_in_words import without_secrets
from tests.factories import ComponentFactory, ProbeFactory
from tests.statuspage.api import machine
from tests.statuspage.desk import sign_in, someone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]
SECRET = re.compile(r"hali_[0-9a-z]{12}_[A-Za-z0-9_-]{43}")


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    cache.clear()


def make_at_desk(admin: User, owner: User, **changes: Any) -> tuple[Any, Token]:
    given = {"name": "nightly-books", "owner": owner.pk, "scopes": ["read", "incidents.write"], "days": 30, **changes}
    answer = sign_in(admin).post("/admin/statuspage/token/add/", given)
    return answer, Token.objects.get()


def at(token: Token, act: str) -> str:
    return f"/admin/statuspage/token/{token.pk}/{act}/"


def test_a_page_admin_makes_one_and_its_owner_takes_the_secret_once() -> None:
    admin, owner = someone(PAGE_ADMIN), someone(AUTHOR)
    answer, token = make_at_desk(admin, owner)
    assert answer.status_code == 302
    assert not SECRET.search(sign_in(admin).get(at(token, "change")).content.decode())
    page = sign_in(owner).post(at(token, "take"))
    secret = SECRET.findall(page.content.decode())
    assert len(secret) == 1
    assert "no-store" in page["Cache-Control"]
    assert Client().get("/api/v1/token", headers={"Authorization": f"Bearer {secret[0]}"}).json()["id"] == "nightly-books"
    again = sign_in(owner).post(at(token, "take"), follow=True)
    assert not SECRET.search(again.content.decode())
    assert "taken already" in again.content.decode()


def test_whoever_makes_it_never_sees_the_secret_of_another() -> None:
    """Else a page admin could write in an author's name, and sign it as themselves."""
    admin = someone(PAGE_ADMIN)
    _, token = make_at_desk(admin, someone(AUTHOR))
    answer = sign_in(admin).post(at(token, "take"), follow=True)
    assert not SECRET.search(answer.content.decode())
    token.refresh_from_db()
    assert token.secret_hash == ""


@pytest.mark.parametrize("role", [AUTHOR, AUDITOR, ENGINEER])
def test_nobody_else_makes_or_revokes_one(role: str) -> None:
    person = sign_in(someone(role))
    assert person.get("/admin/statuspage/token/add/").status_code == 403
    token = machine().token
    assert person.post(at(token, "revoke")).status_code == 403
    assert person.get("/admin/statuspage/token/").status_code == 200


@pytest.mark.parametrize("by", ["page admin", "owner"])
def test_it_is_revoked_by_a_page_admin_or_its_owner(by: str) -> None:
    asking = machine()
    person = someone(PAGE_ADMIN) if by == "page admin" else asking.owner
    assert sign_in(person).post(at(asking.token, "revoke")).status_code == 302
    assert asking.ask("GET", "/token").status_code == 401
    assert AuditEvent.objects.filter(act__in=("token.revoke", "token.give_up"), actor=person).count() == 1


def test_a_form_that_does_not_fit_is_told_beside_the_field() -> None:
    client = sign_in(someone(PAGE_ADMIN))
    answer = client.post("/admin/statuspage/token/add/", {"name": "x", "days": 3000})
    assert answer.status_code == 422
    assert not Token.objects.exists()


def test_only_a_hash_is_kept() -> None:
    asking = machine()
    row = Token.objects.values().get()
    assert asking.secret not in str(row)
    assert asking.secret.rpartition("_")[2] not in str(row)
    assert len(row["secret_hash"]) == 64


def test_no_log_gets_a_secret() -> None:
    secret = machine().secret
    told = without_secrets(f"Authorization: Bearer {secret} was refused")
    assert secret.rpartition("_")[2] not in told
    assert told.startswith(f"Authorization: Bearer {secret[:17]}")


WRONG: dict[str, dict[str, Any]] = {
    "no scope": {"scopes": ()},
    "an unknown scope": {"scopes": ("everything",)},
    "no end": {"expires_at": timezone.now() + timedelta(days=4000)},
    "an end that passed": {"expires_at": timezone.now() - timedelta(days=1)},
    "a name with blanks": {"name": "my token"},
}


@pytest.mark.parametrize("case", WRONG)
def test_one_that_cannot_be_is_refused(case: str) -> None:
    now = timezone.now()
    given = {"name": "x", "owner": someone(AUTHOR), "scopes": ("read",), "expires_at": now + timedelta(days=1), **WRONG[case]}
    with pytest.raises(tokens.TokenRefused):
        tokens.make(actor=None, now=now, **given)
    assert not Token.objects.exists()


def test_the_command_line_makes_lists_and_revokes_one() -> None:
    someone(AUTHOR, "asha")
    ComponentFactory(code="stk-push")
    out = io.StringIO()
    call_command(
        "api_token", "make", "books", "--owner", "asha", "--scopes", "read,notices.publish", "--components", "stk-push",
        stdout=out, stderr=io.StringIO(),
    )  # fmt: skip
    secret = out.getvalue().strip()
    assert Client().get("/api/v1/token", headers={"Authorization": f"Bearer {secret}"}).json()["components"] == ["stk-push"]
    listed = io.StringIO()
    call_command("api_token", "list", stdout=listed)
    assert listed.getvalue().startswith("books\tasha\tuntil")
    assert secret not in listed.getvalue()
    call_command("api_token", "revoke", "books", stdout=io.StringIO())
    assert Client().get("/api/v1/token", headers={"Authorization": f"Bearer {secret}"}).status_code == 401
    with pytest.raises(CommandError, match="There is a token books already"):
        call_command("api_token", "make", "books", "--owner", "asha", "--scopes", "read")


# --- What is measured ---------------------------------------------------------------------------


def test_a_heartbeat_and_counts_come_with_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    component = ComponentFactory(code="stk-push")
    ProbeFactory(code="job", kind="heartbeat", spec={"secret": "LAB"}, component=component)
    ProbeFactory(code="books", kind="metric", spec={"secret": "LAB"}, component=component)
    asking = machine("measurements.write", role=ENGINEER)
    assert asking.post("/heartbeats/job", {"ok": True, "lag_s": 100}).json()["taken"] == "now"
    counts = {"attempts": 1000, "success": 900, "business": 90, "technical": 10}
    assert asking.post("/metrics/books", counts).status_code == 200
    assert sorted(Result.objects.values_list("probe__code", "status")) == [("books", "degraded"), ("job", "delayed")]
    assert asking.post("/metrics/job", counts).status_code == 404
    assert asking.post("/heartbeats/job", {"who": "0722000000"}).status_code == 422
    assert machine("measurements.write", name="author").post("/heartbeats/job").status_code == 403
    other = machine("measurements.write", role=ENGINEER, name="other", components=[ComponentFactory(code="payouts")])
    assert other.post("/heartbeats/job").status_code == 403
