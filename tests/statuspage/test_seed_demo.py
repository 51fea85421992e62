"""The demo provider: whole, invented, in both languages, the same when entered twice."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import serializers
from django.core.management import call_command
from django.core.management.base import CommandError

from incidents import languages, notices, statements, stating
from incidents.models import AuditEvent, Component, ComponentGroup, Notice
from probes.models import Probe, ProbeSchedule, Vantage
from probes.probers import validate
from statuspage.roles import held_by

pytestmark = pytest.mark.django_db

CODES = (
    "send-money withdraw-agent deposit-agent paybill till electricity airtime app ussd sim-menu sms savings bank-transfer "
    "government stk-push payouts"
)
REAL_BRANDS = [
    *("m-pesa", "mpesa", "safaricom", "kra", "fuliza", "m-shwari", "kcb"),
    *("ncba", "ecitizen", "kplc", "airtel", "mtn", "*334"),
]


@pytest.fixture(autouse=True)
def _demo(settings: Any) -> None:
    settings.DEMO = True
    settings.DEMO_PASSWORD = "a long demo password"
    settings.HALI_SANDBOX_PORT = 8001
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def seed() -> str:
    out = StringIO()
    call_command("seed_demo", stdout=out)
    return out.getvalue()


def everything() -> str:
    models = (ComponentGroup, Component, Notice, Vantage, Probe, ProbeSchedule, User, AuditEvent)
    rows = [row for model in models for row in model._default_manager.order_by("pk")]
    return str(serializers.serialize("json", rows))


def test_sixteen_services_with_exactly_these_codes_in_page_order() -> None:
    assert seed().count("\n") == 1
    assert list(Component.objects.published().values_list("code", flat=True)) == CODES.split()


def test_twice_is_the_same_as_once() -> None:
    seed()
    once = everything()
    seed()
    assert everything() == once


def test_every_text_is_in_every_language() -> None:
    seed()
    for component in Component.objects.all():
        assert languages.missing(component.name) == []
    for group in ComponentGroup.objects.all():
        assert languages.missing(group.name) == []
    for notice in Notice.objects.all():
        assert languages.missing(notice.title) == languages.missing(notice.body) == []


def test_no_real_brand_is_named() -> None:
    seed()
    text = everything().lower()
    words = set(json.dumps(json.loads(text)).replace('"', " ").replace(",", " ").replace(".", " ").split())
    assert not [brand for brand in REAL_BRANDS if brand in words or (len(brand) > 4 and brand in text)]


def test_every_notice_is_signed_by_the_approver_and_carries_the_right_slots() -> None:
    seed()
    found = {notice.code: notice for notice in Notice.objects.all()}
    assert set(found) == {"delayed", "down", "no-change", "watching", "resolved", "checking", "money-advice", "holding"}
    for code, notice in found.items():
        assert notices.is_signed(notice)
        assert str(notice.signed_by) == "approver"
        if code in ("checking", "money-advice", "holding"):
            continue
        assert bool(notice.cadence_minutes) == (notice.code != "resolved")
        for text in languages.by_language(notice.body).values():
            assert "{component}" in text
            assert ("{next}" in text) == bool(notice.cadence_minutes)


def test_level_0_and_the_advice_on_money_are_signed_in_the_permitted_words() -> None:
    seed()
    for level, code in stating.NOTICES.items():
        notice = Notice.objects.get(code=code)
        assert notices.is_signed(notice)
        assert languages.by_language(notice.body) == statements.WORDS[level]


def test_each_state_that_probes_confirm_has_one_first_notice() -> None:
    seed()
    opened = {
        status: notice.code
        for status in ("delayed", "degraded_performance", "partial_outage", "major_outage")
        if (notice := notices.first_notice_for(status))
    }
    assert opened == {
        "delayed": "delayed",
        "degraded_performance": "delayed",
        "partial_outage": "down",
        "major_outage": "down",
    }


def test_the_probes_can_be_run_and_their_slots_are_spread() -> None:
    seed()
    probes = {probe.code: probe for probe in Probe.objects.all()}
    assert {code: probe.spec["recipe"] for code, probe in probes.items()} == {
        "stk-oauth": "oauth",
        "stk-gateway": "gateway",
        "stk-query": "stk-query",
        "payouts-status": "status-rt",
    }
    for probe in probes.values():
        validate(probe.kind, probe.spec)
        watched = ("payouts", 10) if probe.spec["recipe"] == "status-rt" else ("stk-push", 5)
        assert (probe.component.code, probe.interval) == watched
        assert (probe.failure_threshold, probe.window) == (2, 3)
    assert len(set(ProbeSchedule.objects.values_list("phase", flat=True))) > 1


def test_the_probes_follow_the_sandbox_port_but_not_away_from_a_hand_set_target(settings: Any) -> None:
    seed()
    Probe.objects.filter(code="stk-oauth").update(
        spec={"base_url": "https://gateway.example", "recipe": "oauth", "credentials": "OURS"}
    )
    settings.HALI_SANDBOX_PORT = 9001
    seed()
    assert Probe.objects.get(code="stk-query").spec["base_url"] == "http://127.0.0.1:9001"
    assert Probe.objects.get(code="stk-oauth").spec["base_url"] == "https://gateway.example"


def test_what_probes_saw_at_another_port_is_forgotten(settings: Any) -> None:
    seed()
    ProbeSchedule.objects.update(confirmed="major_outage", state={"since": 1}, next_slot=9_999_999_999)
    settings.HALI_SANDBOX_PORT = 9001
    seed()
    assert set(ProbeSchedule.objects.values_list("confirmed", flat=True)) == {""}
    assert max(ProbeSchedule.objects.values_list("next_slot", flat=True)) < 9_999_999_999


def test_what_a_person_changed_is_left_alone() -> None:
    seed()
    Component.objects.filter(code="app").update(position=99)
    Notice.objects.filter(code="down").update(cadence_minutes=15)
    seed()
    assert Component.objects.get(code="app").position == 99
    assert not notices.is_signed(Notice.objects.get(code="down"))


def test_the_accounts_have_their_roles_and_the_password_of_the_settings(settings: Any) -> None:
    seed()
    settings.DEMO_PASSWORD = "another long password"
    seed()
    roles = {user.username: sorted(group.name for group in user.groups.all()) for user in User.objects.all()}
    assert roles == {
        "writer": ["Author", "Break glass"],
        "approver": ["Approver"],
        "engineer": ["Engineer"],
        "translator": ["Translator"],
        "page-admin": ["Page admin"],
        "user-admin": ["User admin"],
        "auditor": ["Auditor"],
        "security": ["Security"],
        "operations": ["Operations"],
        "data-protection": ["Data protection"],
        "finance": ["Finance"],
    }
    for user in User.objects.all():
        assert user.check_password("another long password")
        assert user.is_staff
        assert not user.is_superuser


def test_a_statement_of_every_level_can_be_signed_by_the_demo_accounts_each_another_person() -> None:
    seed()
    people = {user.username: held_by(user) for user in User.objects.all()}
    signers = {role: [name for name, held in people.items() if role in held] for role in statements.Role}
    assert {len(names) for names in signers.values()} == {1}
    assert len({name for names in signers.values() for name in names}) == len(statements.Role)


def test_outside_a_demo_it_refuses(settings: Any) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="HALI_DEMO is not set"):
        seed()
    assert not Component.objects.exists()


def test_without_a_password_it_refuses(settings: Any) -> None:
    settings.DEMO_PASSWORD = ""
    with pytest.raises(CommandError, match="HALI_DEMO_PASSWORD is empty"):
        seed()
    assert not User.objects.exists()
