"""Readers and public words, as tests of the outbox need them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Permission, User
from django.db import transaction

from incidents import record, timeline
from incidents.models import AffectedComponent, Component, Incident, IncidentUpdate
from subscribers import addresses, links, outbox, subscriptions
from subscribers.models import Subscriber
from subscribers.wishes import Wishes
from tests.factories import NOON, ComponentFactory, IncidentUpdateFactory

SOURCE = {"ip": "192.0.2.7", "wording": "test"}


KEYS = ["aGFsaSB0ZXN0cyBlbmNyeXB0IHdpdGggdGhpcyBrZXk="]  # 32 octets, for tests alone


def set_up(settings: Any) -> None:
    """Whose mails they are, and keys."""
    settings.PROVIDER_NAME, settings.MAIL_FROM = "Mfano Pesa", "status@mfanopesa.example"
    settings.ADDRESS_KEYS, settings.ADDRESS_HASH_KEY = KEYS, "for tests alone"
    settings.SEND_HOLD = timedelta()


def allowed(person: User, *codenames: str) -> User:
    """The person with these rights over subscribers."""
    found = Permission.objects.filter(content_type__app_label="subscribers", codename__in=codenames)
    person.user_permissions.add(*found)
    return User.objects.get(pk=person.pk)


def ask(address: str, language: str = "en", *components: Component, now: datetime = NOON) -> Subscriber:
    """Somebody asks; their row."""
    wanted = Wishes(components=components)
    subscriptions.subscribe(address=address, language=language, wanted=wanted, source=SOURCE, now=now)
    return Subscriber.objects.get(address_hash=addresses.hash_of(address))


def reader(address: str, language: str = "en", *components: Component, now: datetime = NOON - timedelta(days=1)) -> Subscriber:
    """Somebody who has asked and confirmed."""
    subscriber = ask(address, language, *components, now=now)
    confirmed = subscriptions.confirm(token=links.confirm_token(subscriber), now=now)
    assert confirmed is not None
    return confirmed


def publish(
    incident: Incident | None = None,
    *,
    component: Component | None = None,
    now: datetime = NOON,
    status: str = "investigating",
    state: str = "partial_outage",
    **fields: Any,
) -> IncidentUpdate:
    """A public word with its record entry and its Notification, as statuspage.publishing leaves them."""
    made: Mapping[str, Any] = {"incident": incident} if incident else {}
    update = IncidentUpdateFactory(status=status, **made, **fields)
    AffectedComponent.objects.create(update=update, component=component or _first_component(), new_status=state)
    with transaction.atomic():
        record.lock_head()
        entry = timeline.mark_published(update=update, actor=None, now=now)
        outbox.enqueue(record_seq=entry.seq, kind=entry.kind, update=update, now=now)
    return update


def _first_component() -> Component:
    return Component.objects.first() or ComponentFactory()


def tell(now: datetime = NOON) -> int:
    """What a worker does: expand, then send."""
    outbox.fan_out(now=now)
    return outbox.deliver_due(now=now, limit=1000)
