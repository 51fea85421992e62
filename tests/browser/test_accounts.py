"""Signing in, in a real browser: a passkey from the first enrolment to the next sign-in; and what axe finds on account pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from incidents.models import AuditEvent
from statuspage.roles import AUTHOR
from tests.browser.test_accessibility import bring_axe, violations
from tests.statuspage.desk import someone

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "a long password"


def enter(page: Page, name: str) -> None:
    page.fill("#id_login", name)
    page.fill("#id_password", PASSWORD)
    page.click("button:has-text('Sign in'):not(#passkey_login)")


def test_a_passkey_is_enrolled_and_opens_the_desk_and_axe_finds_nothing(
    browser: Browser, live_server: LiveServer, settings: Any, snapshot_dir: Path
) -> None:
    settings.DEMO = False
    cache.clear()
    person = someone(AUTHOR, "asha")
    person.set_password(PASSWORD)
    person.save()
    context = browser.new_context(base_url=live_server.url.replace("127.0.0.1", "localhost"))
    bring_axe(context)
    page = context.new_page()
    key = context.new_cdp_session(page)
    key.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    key.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": {**options, "isUserVerified": True, "automaticPresenceSimulation": True}},
    )
    found: list[tuple[str, str, str]] = []

    def look(width: int) -> None:
        page.set_viewport_size({"width": width, "height": 844})
        found.extend((page.url, *violation) for violation in violations(page))

    page.goto("/admin/")
    look(390)
    enter(page, "asha")
    page.wait_for_url("**/accounts/2fa/")
    look(390)
    page.click("text=Add a passkey")
    page.wait_for_url("**/accounts/reauthenticate/**")
    look(1280)
    page.fill("#id_password", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url("**/accounts/2fa/webauthn/add/")
    look(390)
    page.check("#id_passwordless")
    page.click("#mfa_webauthn_add")
    page.wait_for_url("**/accounts/2fa/**recovery-codes/**")
    look(1280)
    page.emulate_media(color_scheme="dark")
    for path in ("/accounts/2fa/totp/activate/", "/accounts/sessions/", "/accounts/password/change/"):
        page.goto(path)
        look(390)
    page.click("text=Sign out")
    page.goto("/admin/")
    look(1280)
    page.click("#passkey_login")
    page.wait_for_url(re.compile(r"//[^/]+/admin/$"))
    title = page.title()
    context.close()
    assert found == []
    assert title.startswith("Dashboard")
    last = AuditEvent.objects.filter(act="session.sign_in").latest("id")
    assert (last.actor_name, last.factor) == ("asha", "webauthn")
