"""Signing in at the desk: by invitation, with a second factor, for one shift; and what the log hears of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.test import Client, RequestFactory

from incidents.models import AuditEvent
from statuspage import oidc
from statuspage.cache import RedisCache
from statuspage.doors import METHODS, client_of
from statuspage.roles import APPROVER, AUTHOR, TRANSLATOR, USER_ADMIN
from statuspage.sessions import BEGAN, SEEN
from tests.copies import ROOT
from tests.statuspage.desk import a_draft, at, sign_in, someone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]
PASSWORD = "a long password"


@pytest.fixture(autouse=True)
def _no_attempts_yet() -> None:
    cache.clear()


@pytest.fixture
def real(settings: Any) -> Any:
    """A copy that is no demo."""
    settings.DEMO = False
    return settings


def with_password(role: str, name: str) -> Any:
    person = someone(role, name)
    person.set_password(PASSWORD)
    person.save()
    return person


def log_in(client: Client, name: str, password: str = PASSWORD, **more: str) -> Any:
    return client.post("/accounts/login/", {"login": name, "password": password, **more})


def code_of(secret: str) -> str:
    _, now, _ = totp.yield_hotp_counters_from_time()  # the code of this half minute counts in the next one too
    return str(totp.format_hotp_value(totp.hotp_value(secret, now)))


def test_the_desk_leads_to_the_sign_in_page_and_back() -> None:
    with_password(AUTHOR, "asha")
    client = Client()
    answer = client.get("/admin/incidents/incident/")
    assert answer.status_code == 302
    page = client.get(answer["Location"], follow=True)
    assert page.request["PATH_INFO"] == "/accounts/login/"
    assert "Sign in to the desk" in page.content.decode()
    assert "No second factor is asked here" in page.content.decode()
    assert "unsafe" not in page["Content-Security-Policy"]
    answer = log_in(client, "asha", next="/admin/incidents/incident/")
    assert answer["Location"] == "/admin/incidents/incident/"
    event = AuditEvent.objects.get(act="session.sign_in")
    assert (event.actor_name, event.address, event.factor) == ("asha", "127.0.0.1", "none")


def test_posting_to_djangos_own_login_signs_nobody_in() -> None:
    with_password(AUTHOR, "asha")
    client = Client()
    client.post("/admin/login/", {"username": "asha", "password": PASSWORD})
    assert client.get("/admin/").status_code == 302


def test_sign_up_is_closed() -> None:
    answer = Client().post("/accounts/signup/", {"username": "eve", "password1": PASSWORD})
    assert "Sign-up is closed" in answer.content.decode()


def test_after_five_wrong_passwords_the_right_one_waits_too() -> None:
    with_password(AUTHOR, "asha")
    for _ in range(5):
        log_in(Client(), "asha", "wrong")
    client = Client()
    assert "Too many failed login attempts" in log_in(client, "asha").content.decode()
    assert client.get("/admin/").status_code == 302


@pytest.mark.django_db(transaction=True)
def test_who_has_no_second_factor_is_led_to_set_one_up_and_gives_its_code_from_then_on(real: Any) -> None:
    person = with_password(AUTHOR, "asha")
    client = Client()
    log_in(client, "asha")
    answer = client.get("/admin/", follow=True)
    assert answer.request["PATH_INFO"] == "/accounts/2fa/"
    assert "Set up a second factor first" in answer.content.decode()
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    found = re.search(r'id="authenticator_secret"[^>]*value="([A-Z2-7]+)"', page)
    assert found
    assert client.post("/accounts/2fa/totp/activate/", {"code": code_of(found[1])}).status_code == 302
    assert found[1] not in Authenticator.objects.get(type="totp").data["secret"]
    assert client.get("/admin/").status_code == 200
    assert AuditEvent.objects.get(act="factor.add", details={"what": "totp"}).actor == person
    again = Client()
    assert log_in(again, "asha")["Location"].startswith("/accounts/2fa/authenticate/")
    assert again.get("/admin/").status_code == 302
    cache.clear()  # the code of this half minute was used up by enrolling
    answer = again.post("/accounts/2fa/authenticate/", {"code": code_of(found[1])})
    assert answer.status_code == 302
    assert again.get("/admin/").status_code == 200
    assert AuditEvent.objects.filter(act="session.sign_in").latest("id").factor == "totp"


@pytest.mark.django_db(transaction=True)
def test_after_five_wrong_codes_the_right_one_waits_too(real: Any) -> None:
    person = with_password(AUTHOR, "asha")
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(person, secret)
    client = Client()
    assert log_in(client, "asha")["Location"].startswith("/accounts/2fa/authenticate/")
    for number in range(5):
        client.post("/accounts/2fa/authenticate/", {"code": f"00000{number}"})
    client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert client.get("/admin/").status_code == 302, "not signed in"


def test_demo_copies_do_without_and_say_so_in_red() -> None:
    page = sign_in(someone(AUTHOR)).get("/admin/").content.decode()
    assert '<span class="d-env">Demo: no second factor</span>' in page


@pytest.mark.parametrize(("key", "ago", "said"), [(BEGAN, 12 * 3600, "shift of 12 hours"), (SEEN, 61 * 60, "You were away")])
def test_a_session_ends_with_the_shift_and_when_nobody_is_there(key: str, ago: int, said: str) -> None:
    client = sign_in(someone(AUTHOR))
    client.get("/admin/")
    session = client.session
    session[key] -= ago
    session.save()
    answer = client.get("/admin/incidents/incident/", follow=True)
    assert answer.redirect_chain[0][0] == "/accounts/login/?next=/admin/incidents/incident/"
    assert said in answer.content.decode()


def test_a_page_that_refreshes_itself_is_no_act() -> None:
    client = sign_in(someone(AUTHOR))
    client.get("/admin/")
    session = client.session
    session[SEEN] -= 120
    session.save()
    client.get("/admin/", headers={"Sec-Fetch-Mode": "cors"})
    assert client.session[SEEN] == session[SEEN]
    client.get("/admin/", headers={"Sec-Fetch-Mode": "navigate"})
    assert client.session[SEEN] > session[SEEN]


def test_signing_asks_for_the_factor_again_after_four_hours_and_goes_on_from_there(real: Any) -> None:
    draft, signer = a_draft(), with_password(APPROVER, "daniel")
    totp.TOTP.activate(signer, secret := totp.generate_totp_secret())
    client = sign_in(signer)
    session = client.session
    session[METHODS] = [{"method": "mfa", "type": "totp", "at": time.time() - 3 * 3600}]
    session.save()
    assert client.get(at(draft, "sign")).status_code == 200
    session[METHODS] = [{"method": "mfa", "type": "totp", "at": time.time() - 5 * 3600}]
    session.save()
    answer = client.post(at(draft, "sign"))
    assert answer["Location"].startswith("/accounts/2fa/reauthenticate/")
    draft.refresh_from_db()
    assert draft.signed_by_id != signer.pk
    client.post(answer["Location"], {"code": code_of(secret)})
    draft.refresh_from_db()
    assert draft.signed_by_id == signer.pk


def test_a_user_admin_invites_and_the_link_holds_once(mailoutbox: list[EmailMessage]) -> None:
    admin = sign_in(someone(USER_ADMIN, "halima"))
    author = someone(AUTHOR).groups.get()
    posted = {"username": "brian", "email": "brian@desk.example", "first_name": "Brian", "groups": [author.pk]}
    assert admin.post("/admin/auth/user/add/", posted).status_code == 302
    [mail] = mailoutbox
    assert mail.to == ["brian@desk.example"]
    found = re.search(r"http://[^/]+(/accounts/invitation/\S+)", str(mail.body))
    assert found
    guest = Client()
    assert "brian" in guest.get(found[1]).content.decode()
    chosen = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    assert guest.post(found[1], chosen).status_code == 302
    assert guest.post(found[1], chosen).status_code == 404
    assert log_in(guest, "brian").status_code == 302
    acts = list(AuditEvent.objects.order_by("id").values_list("act", "actor_name", "target"))
    assert acts == [
        ("user.invite", "halima", "brian"),
        ("user.accept_invitation", "brian", "brian"),
        ("session.sign_in", "brian", "brian"),
    ]
    assert "called brian already" in admin.post("/admin/auth/user/add/", posted).content.decode()


def test_nobody_gives_roles_to_themselves_and_only_superusers_change_superusers() -> None:
    person = someone(USER_ADMIN, "halima")
    approver = someone(APPROVER).groups.get()
    client = sign_in(person)
    form = {
        "username": "halima", "email": person.email, "is_active": "on", "is_staff": "on",
        "groups": [person.groups.get().pk, approver.pk],
    }  # fmt: skip
    answer = client.post(f"/admin/auth/user/{person.pk}/change/", form)
    assert "Nobody gives roles to themselves" in answer.content.decode()
    assert set(person.groups.values_list("name", flat=True)) == {USER_ADMIN}
    chief = someone(is_superuser=True)
    assert client.post(f"/admin/auth/user/{chief.pk}/change/", {**form, "username": "eve"}).status_code == 403
    other = someone(AUTHOR, "asha")
    form = {"username": "asha", "email": other.email, "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    translator = someone(TRANSLATOR).groups.get()
    assert client.post(f"/admin/auth/user/{other.pk}/change/", {**form, "groups": [translator.pk]}).status_code == 302
    other.refresh_from_db()
    assert (other.is_superuser, other.groups.get()) == (False, translator)
    assert AuditEvent.objects.get(act="user.edit").details["groups"] == {"before": [AUTHOR], "after": [TRANSLATOR]}


def test_a_new_approver_needs_two_people() -> None:
    first, second = sign_in(someone(USER_ADMIN, "halima")), sign_in(someone(USER_ADMIN, "juma"))
    asha, approver = someone(AUTHOR, "asha"), someone(APPROVER).groups.get()
    form = {"username": "asha", "email": asha.email, "is_active": "on", "is_staff": "on", "groups": [approver.pk]}
    page = first.post(f"/admin/auth/user/{asha.pk}/change/", form, follow=True)
    assert not asha.groups.exists()
    page = first.get(f"/admin/auth/user/{asha.pk}/change/")
    found = re.search(r"/admin/auth/user/roles/\d+/give/", page.content.decode())
    assert found
    assert "another user admin must give it" in first.post(found[0], follow=True).content.decode()
    assert not asha.groups.exists()
    second.post(found[0])
    assert asha.groups.get() == approver
    acts = AuditEvent.objects.filter(act__in=["user.ask_role", "user.give_role"]).order_by("id")
    assert list(acts.values_list("act", "actor_name")) == [("user.ask_role", "halima"), ("user.give_role", "juma")]


def test_sessions_are_ended_and_a_lost_factor_is_reset_by_somebody_else() -> None:
    person = with_password(AUTHOR, "asha")
    theirs, admin = Client(), sign_in(someone(USER_ADMIN, "halima"))
    log_in(theirs, "asha")
    assert theirs.get("/admin/").status_code == 200
    totp.TOTP.activate(person, totp.generate_totp_secret())
    assert admin.post(f"/admin/auth/user/{person.pk}/reset-factors/").status_code == 302
    assert theirs.get("/admin/").status_code == 302
    assert not Authenticator.objects.exists()
    assert AuditEvent.objects.filter(act="user.reset_factors", actor_name="halima", target="asha").exists()


def test_the_address_is_taken_from_our_own_proxies_alone(settings: Any) -> None:
    request = RequestFactory().get("/", headers={"X-Forwarded-For": "6.6.6.6, 41.90.1.1, 10.0.0.2"}, REMOTE_ADDR="10.0.0.1")
    seen = {}
    for count in (0, 1, 2):
        settings.TRUSTED_PROXIES = count
        seen[count] = client_of(request)
    assert seen == {0: "10.0.0.1", 1: "10.0.0.2", 2: "41.90.1.1"}


def test_nobodys_sign_in_depends_on_redis(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    gone = RedisCache("redis://127.0.0.1:1/0", {})
    gone.set("attempts", 3)
    assert gone.get("attempts") == 3
    assert gone.add("attempts", 1) is False
    assert gone.delete("attempts") is True


def test_attempts_are_counted_in_redis_where_there_is_one(redis_url: str) -> None:
    first, second = RedisCache(redis_url, {}), RedisCache(redis_url, {})
    first.set("attempts", 3)
    assert second.get("attempts") == 3


def test_the_companys_sign_in_is_read_from_one_setting() -> None:
    provider = oidc.parse("https://id.example/realms/x/ desk The company", secret="s3")
    assert provider == oidc.Provider("https://id.example/realms/x", "desk", "s3", "The company")
    assert oidc.parse("", secret="") is None
    for value, secret in (("http://id.example desk", "s"), ("https://id.example", "s"), ("https://id.example desk", "")):
        with pytest.raises(ValueError, match=r"give the (issuer|client)"):
            oidc.parse(value, secret=secret)


def test_the_companys_sign_in_opens_the_desk_to_people_who_have_an_account_there_and_here(tmp_path: Path) -> None:
    """Against a real OpenID provider on this machine, over TLS, with the desk set as in production."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.statuspage.company_sign_in"]
    told = subprocess.run(command, cwd=ROOT, env={**os.environ, "HALI_DATA_DIR": str(tmp_path)}, capture_output=True, timeout=240)
    assert told.returncode == 0, told.stderr.decode()[-2000:]
    became = json.loads(told.stdout)
    assert {"code_challenge", "state"} <= set(became["known"]["asks"])
    assert became["known"]["is"] == became["amina"]
    assert became["known"]["desk"] == "/accounts/2fa/"  # a second factor is asked of them as of everyone
    for sub in ("unverified", "stranger"):
        assert became[sub]["is"] == "", sub
        assert became[sub]["desk"].startswith("/admin/login/"), sub
