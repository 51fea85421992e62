"""What somebody follows decides what reaches them."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import IntegrityError, transaction

from incidents.models import Component
from subscribers import addresses, subscriptions, wishes
from subscribers.models import NewsKind, Subscriber, Subscription
from subscribers.wishes import Wishes
from tests.factories import NOON, ComponentFactory, ComponentGroupFactory, IncidentFactory
from tests.subscribers.news import reader

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def following(component: Component, kind: NewsKind = NewsKind.INCIDENTS, incident: int | None = None) -> set[str]:
    found = Subscriber.objects.active().following(kind, components=[component.pk], incident=incident)
    return {addresses.decrypt(subscriber.address_encrypted).partition("@")[0] for subscriber in found}


def wanting(name: str, **wanted: Any) -> Subscriber:
    subscriber = reader(f"{name}@customer.example")
    return subscriptions.change(subscriber=subscriber, wanted=Wishes(**wanted), now=NOON)


def test_the_page_a_service_its_group_and_the_group_above_are_followed_each_once() -> None:
    above = ComponentGroupFactory(code="above")
    group = ComponentGroupFactory(code="inner", parent=above)
    component, other = ComponentFactory(group=group), ComponentFactory()
    wanting("page")
    wanting("service", components=[component])
    wanting("group", groups=[group])
    wanting("above", groups=[above])
    wanting("other", components=[other])
    assert following(component) == {"page", "service", "group", "above"}
    assert following(other) == {"page", "other"}


def test_one_incident_can_be_followed_alone() -> None:
    incident, component = IncidentFactory(), ComponentFactory()
    wanting("one", incidents=[incident])
    assert following(component, incident=incident.pk) == {"one"}
    assert following(component, incident=incident.pk + 1) == set()


@pytest.mark.parametrize("kind", list(NewsKind))
def test_each_kind_of_news_goes_to_those_who_want_it(kind: NewsKind) -> None:
    wanting("wants", kinds=frozenset({kind}))
    wanting("others", kinds=frozenset(NewsKind) - {kind})
    assert following(ComponentFactory(), kind) == {"wants"}


def test_answers_to_false_claims_reach_who_wants_them_whatever_else_they_follow() -> None:
    wanting("claims", components=[ComponentFactory()], kinds=frozenset({NewsKind.REBUTTALS}))
    assert following(ComponentFactory(), NewsKind.REBUTTALS) == {"claims"}


@pytest.mark.parametrize(("impact", "heard_by"), [("none", 1), ("minor", 2), ("major", 3), ("critical", 4), ("", 4)])
def test_news_below_the_wanted_impact_is_not_minded(impact: str, heard_by: int) -> None:
    for least in ("none", "minor", "major", "critical"):
        wanting(least, minimum_impact=least)
    assert Subscriber.objects.active().minding(impact).count() == heard_by


def test_wishes_are_kept_as_they_were_said() -> None:
    wanted = Wishes(
        components=[ComponentFactory()],
        groups=[ComponentGroupFactory()],
        incidents=[IncidentFactory()],
        kinds=frozenset({NewsKind.REBUTTALS}),
        minimum_impact="major",
        rhythm="digest",
    )
    asha = reader("asha@customer.example")
    subscriptions.change(subscriber=asha, wanted=wanted, now=NOON)
    assert wishes.of(Subscriber.objects.get(pk=asha.pk)) == wanted


def test_a_row_follows_one_thing_and_the_database_says_so() -> None:
    asha, component = reader("asha@customer.example"), ComponentFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        Subscription.objects.create(subscriber=asha, component=component, group=component.group)


def test_keys_rotate_and_the_old_one_can_go(settings: Any) -> None:
    reader("asha@customer.example")
    newer = Fernet.generate_key().decode()
    settings.ADDRESS_KEYS = [newer, *settings.ADDRESS_KEYS]
    call_command("rotate_address_keys", stdout=StringIO())
    settings.ADDRESS_KEYS = [newer]
    assert addresses.decrypt(Subscriber.objects.get().address_encrypted) == "asha@customer.example"
