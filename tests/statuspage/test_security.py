"""What strangers and one's own staff may try: headers, hosts, forms, uploads, words that want to be code."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from django.test import Client
from django.urls import get_resolver

from incidents.languages import in_all
from incidents.models import Component, Incident, IncidentUpdate
from statuspage import roles
from statuspage.snapshot import headers
from tests.statuspage.addresses import addresses_of
from tests.statuspage.desk import a_draft, sign_in, someone

pytestmark = pytest.mark.django_db
POLICY = "Content-Security-Policy"
ASKED_FOR = (
    POLICY,
    "Referrer-Policy",
    "Permissions-Policy",
    "Cross-Origin-Opener-Policy",
    "X-Content-Type-Options",
)


# --- Headers -------------------------------------------------------------------------------------


def test_both_servers_guard_the_page_and_hsts_comes_with_https_alone(
    app_url: str, public_incident: str, snapshot_dir: Path, nginx_for: Callable[[Path, int], str]
) -> None:
    for origin in (app_url, nginx_for(snapshot_dir, int(app_url.rpartition(":")[2]))):
        for path in (
            "/",
            "/sw/",
            "/subscribe",
            "/api/v2/status.json",
            "/no-such-page-of-ours",
            "/incidents/nothing-of-this-name",
        ):
            plain = requests.get(origin + path, timeout=60)
            secure = requests.get(origin + path, headers={"X-Forwarded-Proto": "https"}, timeout=60)
            asked_for = [name for name in ASKED_FOR if name != POLICY or not path.endswith(".json")]
            assert [name for name in asked_for if name not in plain.headers] == [], (origin, path)
            assert "Strict-Transport-Security" not in plain.headers
            if path != "/no-such-page-of-ours":  # Django's own answer: it believes a proxy only where one is set
                assert secure.headers["Strict-Transport-Security"] == dict(headers.BY_HTTPS)["Strict-Transport-Security"]


@pytest.mark.parametrize("path", ["/admin/", "/accounts/login/", "/admin/incidents/incident/"])
def test_the_desk_is_guarded_too_and_sends_hsts_by_https(settings: Any, path: str) -> None:
    settings.SECURE_HSTS_SECONDS, settings.ALLOWED_HOSTS = 31_536_000, ["testserver"]
    answer = sign_in(someone(roles.AUTHOR)).get(path, secure=True, follow=False)
    assert [name for name in (*ASKED_FOR, "Strict-Transport-Security") if name not in answer.headers] == []
    [scripts] = [part for part in answer["Content-Security-Policy"].split(";") if "script-src" in part]
    assert "unsafe-inline" not in scripts
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]


# --- Hosts, forms, methods -------------------------------------------------------------------------


def test_a_host_that_is_not_ours_gets_nothing_and_no_link_is_made_from_it(settings: Any) -> None:
    answer = Client().get("/accounts/login/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert b"evil.example" not in answer.content


def test_no_form_of_the_desk_is_taken_without_its_token() -> None:
    staff = Client(enforce_csrf_checks=True)
    staff.force_login(someone(roles.AUTHOR))
    for path in ("/admin/freeze/", "/admin/incidents/incidentupdate/add/", "/accounts/logout/"):
        assert staff.post(path, {}).status_code == 403, path


def test_nobody_without_a_session_sees_a_page_of_the_desk() -> None:
    """Every address of the desk, whatever it is called: asked plainly it leads to the sign-in page, or is no page."""
    stranger = Client()
    open_ones = []
    for address in addresses_of(get_resolver()):
        path = address.replace("{}", "1")
        if path.startswith("/admin/") and not path.startswith(("/admin/login", "/admin/logout", "/admin/jsi18n")):
            answer = stranger.get(path)
            if answer.status_code == 200:
                open_ones.append(path)
    assert open_ones == []


# --- Uploads -----------------------------------------------------------------------------------------


def test_more_than_a_form_may_hold_is_refused_before_it_is_read() -> None:
    staff = sign_in(someone(roles.PAGE_ADMIN))
    answer = staff.post("/admin/freeze/", {"reason": "x" * 3_000_000})
    assert answer.status_code == 400
    answer = staff.post("/admin/freeze/", {f"field{n}": "x" for n in range(1_100)})
    assert answer.status_code == 400


def test_a_file_is_taken_from_nobody() -> None:
    stranger, staff = Client(), sign_in(someone(roles.PAGE_ADMIN))
    for client, path in (
        (stranger, "/accounts/login/"),
        (stranger, "/subscribe"),
        (stranger, "/admin/freeze/"),
        (staff, "/admin/freeze/"),
    ):
        assert client.post(path, {"password": io.BytesIO(b"x" * 100)}).status_code == 400, path


# --- Words that want to be code ----------------------------------------------------------------------

HOSTILE = "<script>alert(1)</script>{{ settings.SECRET_KEY }}{% now 'Y' %}\"'><img src=x onerror=alert(1)>"


def test_the_desk_shows_what_people_wrote_and_runs_none_of_it(settings: Any) -> None:
    draft = a_draft()
    words = in_all({"en": HOSTILE, "sw": HOSTILE})
    IncidentUpdate.objects.filter(pk=draft.pk).update(body=words)
    Incident.objects.filter(pk=draft.incident_id).update(name=words)
    Component.objects.update(name=words)
    staff = sign_in(someone(roles.AUTHOR))
    shown = 0
    for path in (
        "",
        "incidents/incidentupdate/",
        f"incidents/incidentupdate/{draft.pk}/change/",
        f"incidents/incidentupdate/{draft.pk}/publish/",
        f"incidents/incident/{draft.incident_id}/change/",
    ):
        answer = staff.get(f"/admin/{path}", follow=True)
        html = answer.content.decode()
        assert answer.status_code == 200, path
        assert "<script>alert" not in html, path
        assert "<img src=x" not in html, path
        assert settings.SECRET_KEY not in html, path
        shown += "alert(1)" in html
    assert shown >= 3, "the words are there, as words"
