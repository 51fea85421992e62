"""How many may ask before somebody confirms: a crowd comes in, a machine does not, and it shuts nobody else out."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from subscribers import floods, subscriptions
from subscribers.floods import Limits, TooMany
from subscribers.models import Subscriber
from tests.factories import NOON
from tests.subscribers.news import SOURCE, ask, reader

pytestmark = [pytest.mark.django_db, pytest.mark.database]
ELSEWHERE = {**SOURCE, "ip": "198.51.100.1"}


def limits(monkeypatch: pytest.MonkeyPatch, **few: int) -> None:
    monkeypatch.setattr(floods, "OTHERS", Limits(**few))


def ask_elsewhere(address: str) -> None:
    subscriptions.subscribe(address=address, language="en", source=ELSEWHERE, now=NOON)


def text(number: int, now: datetime = NOON, ip: str = "196.201.214.7") -> Subscriber:
    """Somebody asks by SMS, as a carrier's NAT shows them."""
    address = f"+254{700 + number % 90}{number:06d}"
    subscriptions.subscribe(address=address, channel="sms", language="en", source={"ip": ip}, now=now)
    return Subscriber.objects.latest("pk")


def test_thousands_behind_one_address_may_sign_up_and_a_flood_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    limits(monkeypatch, network=3)
    for number in range(10):  # a crowd behind a carrier's NAT: they confirm
        reader(f"person{number}@customer.example", now=NOON)
    for number in range(3):
        ask(f"robot{number}@other{number}.example")
    with pytest.raises(TooMany):
        ask("robot4@other4.example")
    ask_elsewhere("asha@customer.example")
    ask("robot4@other4.example", now=NOON + timedelta(hours=2))


def test_a_domain_of_many_unconfirmed_is_refused_unless_many_have_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    limits(monkeypatch, domain=2)
    for number in range(2):
        ask(f"robot{number}@victim.example")
    with pytest.raises(TooMany) as refusal:
        ask("robot3@victim.example")
    assert refusal.value.retry_after == timedelta(hours=1)
    for number in range(4):
        reader(f"person{number}@large.example", now=NOON - timedelta(days=1))
    for number in range(3):
        ask(f"new{number}@large.example")


def test_one_network_shuts_nobody_else_out_of_a_large_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    limits(monkeypatch, domain=4, whole_domain=7)
    for number in range(4):
        ask(f"robot{number}@large.example")
    with pytest.raises(TooMany):
        ask("robot5@large.example")
    for number in range(3):
        ask_elsewhere(f"person{number}@large.example")
    with pytest.raises(TooMany):
        ask_elsewhere("person4@large.example")  # so many wait that their server has to be spared, whoever asks


def test_a_crowd_behind_one_carrier_asks_by_sms() -> None:
    """1,500 have the code and have not typed it yet, all in one row of numbers."""
    first = text(11)
    Subscriber.objects.bulk_create(
        Subscriber(
            channel="sms",
            public_id=f"one{number}",
            address_hash=f"hash{number}",
            domain=first.domain,
            language="en",
            created_at=NOON,
            consent=first.consent,
        )
        for number in range(1_500)
    )
    assert text(101).domain == first.domain


def test_what_sms_to_strangers_may_cost_has_an_end_wherever_they_are_asked_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floods, "OF_CHANNELS", {"sms": Limits(in_all=3)})
    for number in range(3):
        text(number, ip=f"192.0.{number}.1")
    with pytest.raises(TooMany):
        text(3, ip="192.0.3.1")
    ask("asha@customer.example")
    text(3, now=NOON + timedelta(hours=1))
