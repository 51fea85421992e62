"""Nothing grows without a rule, and the rules do what they say."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session

from statuspage import retention
from statuspage.models import DutyShift, FormToken, StaffAlert
from subscribers.models import Delivery, DeliveryState, Notification, Subscriber
from tests.copies import ROOT
from tests.factories import NOON, IncidentUpdateFactory


def all_tables() -> set[str]:
    models = apps.get_models(include_auto_created=True)
    return {model._meta.label for model in models if model._meta.managed and not model._meta.proxy}


def test_every_table_is_pruned_by_a_rule_or_kept_for_a_reason() -> None:
    both = set(retention.PRUNED) & set(retention.KEPT)
    assert both == set()
    assert set(retention.PRUNED) | set(retention.KEPT) >= all_tables()
    optional = {"socialaccount", "anymail"}  # apps that a deployment switches on
    unknown = (set(retention.PRUNED) | set(retention.KEPT)) - all_tables()
    assert {name for name in unknown if name.partition(".")[0] not in optional} == set()


def test_every_rule_stands_in_the_docs() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    told = dict(re.findall(r"^\| `([\w.]+)` \| (.*) \|$", text.partition("## Retention")[2].partition("\n## ")[0], re.MULTILINE))
    assert told == retention.PRUNED


OLD, YOUNG = NOON - timedelta(days=401), NOON - timedelta(days=399)


def delivery(number: int, state: str, at: Any) -> None:
    subscriber = Subscriber.objects.create(public_id=str(number), address_hash=str(number), language="en", created_at=at)
    notification = Notification.objects.create(record_seq=number, kind="incident_update", created_at=at, send_at=at)
    Delivery.objects.create(
        notification=notification, subscriber=subscriber, channel="email", state=state, due_at=at, wanted_at=at
    )


@pytest.mark.database
@pytest.mark.django_db
def test_what_is_old_and_over_goes_and_nothing_else() -> None:
    person = User.objects.create_user("ann")
    for number, (state, at) in enumerate(
        [(DeliveryState.SENT, OLD), (DeliveryState.PENDING, OLD), (DeliveryState.SENT, YOUNG), (DeliveryState.DEAD, OLD)]
    ):
        delivery(number, state, at)
    for key, raised, resolved in (("a", OLD, OLD), ("b", OLD, None), ("c", YOUNG, YOUNG)):
        StaffAlert.objects.create(
            kind="draft", key=key, severity="warning", title="x", path="/", raised_at=raised, resolved_at=resolved
        )
    for starts in (OLD - timedelta(hours=8), YOUNG):
        DutyShift.objects.create(person=person, role="author", starts_at=starts, ends_at=starts + timedelta(hours=8))
    update = IncidentUpdateFactory()
    FormToken.objects.create(token="old", used_at=NOON - timedelta(days=8), person=person, update=update)
    FormToken.objects.create(token="young", used_at=NOON - timedelta(days=6), person=person, update=update)
    for key, seconds in (("ended", -1), ("open", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=NOON + timedelta(seconds=seconds))

    assert retention.prune(now=NOON) == 6
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["pending", "sent"]
    assert sorted(StaffAlert.objects.values_list("key", flat=True)) == ["b", "c"]
    assert DutyShift.objects.count() == 1
    assert list(FormToken.objects.values_list("token", flat=True)) == ["young"]
    assert list(Session.objects.values_list("session_key", flat=True)) == ["open"]
    assert Notification.objects.count() == 4
    assert retention.prune(now=NOON) == 0


@pytest.mark.django_db
def test_a_shown_session_goes_with_the_session_it_shows() -> None:
    person = User.objects.create_user("ann")
    model = apps.get_model("usersessions", "UserSession")
    Session.objects.create(session_key="open", session_data="", expire_date=NOON + timedelta(hours=1))
    for key in ("open", "gone"):
        model._default_manager.create(user=person, session_key=key, ip="127.0.0.1", user_agent="x")
    retention.prune(now=NOON)
    assert list(model._default_manager.values_list("session_key", flat=True)) == ["open"]
