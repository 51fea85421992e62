"""Who hears, by their own will: asking, confirming, changing, leaving, being forgotten.

Nothing is sent here. A confirmation mail is a row's work (`confirm_due_at`) that subscribers.confirmations does under a lease:
a mail server that is down delays it and loses nothing, and a known address answers as fast as an unknown one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils.crypto import constant_time_compare, get_random_string

from incidents import audit
from incidents.languages import codes
from incidents.public_ids import ALPHABET
from subscribers import addresses, endpoints, floods, links, suppression, wishes
from subscribers.models import Delivery, DeliveryState, Endpoint, Payload, Subscriber, SubscriberState
from subscribers.transports import TRANSPORTS
from subscribers.wishes import THE_PAGE, Wishes

LINK_HOLDS = timedelta(hours=48)
FORGET_UNCONFIRMED = timedelta(days=7)
MAILS_PER_ASKING = 2  # one, and one more for who asks again
RESEND_AFTER = timedelta(minutes=1)  # a double click is not asking again
ERASE_BATCH = 500
WRONG_CODES = 5
UNSUBSCRIBED = "unsubscribed before it was sent"


# --- Asking ------------------------------------------------------------------------------------


def subscribe(
    *,
    address: str,
    language: str,
    source: Mapping[str, str],
    now: datetime,
    channel: str = "email",
    wanted: Wishes = THE_PAGE,
    payload: str = Payload.HALI.value,
) -> None:
    """Ask for updates; a link to confirm goes to the address.

    The answer is the same whether the address is known, unknown or barred. `source` holds `ip` and `wording` (which text they
    agreed to); `payload` is the form of a webhook's bodies. Raises addresses.AddressError, or floods.TooMany.
    """
    transport = TRANSPORTS[channel]
    normal = transport.normalise(address)
    address_hash, domain = addresses.hash_on(channel, normal), transport.domain_of(normal)
    source = {**source, "network": floods.network_of(source.get("ip", ""))}
    floods.refuse(channel=channel, domain=domain, network=source["network"], now=now)
    if suppression.is_barred(channel=channel, address_hash=address_hash, now=now):
        return
    asked = {
        "address_encrypted": addresses.encrypt(normal),
        "domain": domain,
        "language": language if language in codes() else codes()[0],
        "created_at": now,
    }
    with transaction.atomic():
        subscriber, is_new = Subscriber.objects.select_for_update().get_or_create(
            channel=channel,
            address_hash=address_hash,
            defaults={**asked, "public_id": get_random_string(12, ALPHABET)},
        )
        if subscriber.state == SubscriberState.ACTIVE:
            return  # nobody but the owner, by a link in a mail, may change what is confirmed
        if is_new or subscriber.state != SubscriberState.PENDING or now >= link_ends(subscriber):
            _ask_anew(subscriber, asked, source, now)
        else:
            _ask_again(subscriber, str(asked["language"]), now)
        wishes.take(subscriber, wanted)
        if channel == "webhook":
            endpoints.make_for(subscriber, payload)


def _ask_anew(subscriber: Subscriber, asked: Mapping[str, Any], source: Mapping[str, str], now: datetime) -> None:
    for field, value in asked.items():
        setattr(subscriber, field, value)
    subscriber.state = SubscriberState.PENDING
    subscriber.confirmed_at = subscriber.unsubscribed_at = subscriber.confirm_sent_at = None
    subscriber.confirm_mails_sent = subscriber.confirm_attempt = subscriber.confirm_tries = subscriber.hard_bounces = 0
    subscriber.confirm_due_at = now
    subscriber.confirm_token_hash = token_hash(links.confirm_token(subscriber))
    subscriber.consent = {"asked_at": now.isoformat(), **source}
    subscriber.save()


def _ask_again(subscriber: Subscriber, language: str, now: datetime) -> None:
    subscriber.language = language
    rested = subscriber.confirm_sent_at is None or now - subscriber.confirm_sent_at >= RESEND_AFTER
    if subscriber.confirm_due_at is None and subscriber.confirm_mails_sent < MAILS_PER_ASKING and rested:
        subscriber.confirm_due_at, subscriber.confirm_attempt = now, 0
    subscriber.save(update_fields=["language", "confirm_due_at", "confirm_attempt"])


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# --- Confirming --------------------------------------------------------------------------------


def link_ends(subscriber: Subscriber) -> datetime:
    """Until when the link to confirm holds: 48 hours from the last mail with it."""
    return (subscriber.confirm_sent_at or subscriber.created_at) + LINK_HOLDS


def waiting_for(token: str, *, now: datetime) -> Subscriber | None:
    """Whom a link to confirm is good for: someone pending, or already confirmed by it. None for an unknown or old one."""
    subscriber = Subscriber.objects.filter(confirm_token_hash=token_hash(token)).exclude(confirm_token_hash="").first()
    if subscriber is None or subscriber.state not in (SubscriberState.PENDING, SubscriberState.ACTIVE):
        return None
    if subscriber.state == SubscriberState.PENDING and now >= link_ends(subscriber):
        return None
    return subscriber


def confirm(*, token: str, now: datetime, ip: str = "") -> Subscriber | None:
    """Begin to write to who holds this token. A second time changes nothing; None for an unknown or old token."""
    with transaction.atomic():
        subscriber = waiting_for(token, now=now)
        if subscriber is None or subscriber.state == SubscriberState.ACTIVE:
            return subscriber
        return _begin(subscriber, now, ip)


def confirm_by_code(*, address: str, code: str, now: datetime, channel: str = "sms", ip: str = "") -> Subscriber | None:
    """The same for who types the code that was sent to an address. None for a wrong one; the fifth wrong one ends the asking.

    Raises addresses.AddressError.
    """
    with transaction.atomic():
        subscriber = _asking(channel, address, now)
        if subscriber is None or subscriber.confirm_tries >= WRONG_CODES:
            return None
        if constant_time_compare(code.strip(), links.confirm_code(subscriber)):
            return _begin(subscriber, now, ip)
        Subscriber.objects.filter(pk=subscriber.pk).update(confirm_tries=F("confirm_tries") + 1)
        return None


def confirm_by_reply(*, address: str, now: datetime, channel: str = "sms") -> Subscriber | None:
    """The same for who answered from the address itself."""
    with transaction.atomic():
        subscriber = _asking(channel, address, now)
        return _begin(subscriber, now, "") if subscriber else None


def _asking(channel: str, address: str, now: datetime) -> Subscriber | None:
    """Who has asked from this address and not confirmed yet, locked."""
    address_hash = addresses.hash_on(channel, TRANSPORTS[channel].normalise(address))
    waiting = Subscriber.objects.select_for_update().filter(state=SubscriberState.PENDING)
    subscriber = waiting.filter(channel=channel, address_hash=address_hash).first()
    return subscriber if subscriber and now < link_ends(subscriber) else None


def _begin(subscriber: Subscriber, now: datetime, ip: str) -> Subscriber:
    Subscriber.objects.filter(pk=subscriber.pk, state=SubscriberState.PENDING).update(
        state=SubscriberState.ACTIVE,
        confirmed_at=now,
        confirm_due_at=None,
        consent={**subscriber.consent, "confirmed_at": now.isoformat(), "confirmed_ip": ip},
    )
    suppression.forgive(subscriber=subscriber)
    subscriber.refresh_from_db()
    return subscriber


# --- Changing and leaving ----------------------------------------------------------------------


def find(token: str, purpose: str) -> Subscriber | None:
    """Whose link this is; None when it is not ours or the subscriber was erased."""
    public_id = links.public_id_in(token, purpose)
    return Subscriber.objects.filter(public_id=public_id).first() if public_id else None


def change(*, subscriber: Subscriber, now: datetime, language: str | None = None, wanted: Wishes | None = None) -> Subscriber:
    """Another language, other wishes. What is None stays."""
    with transaction.atomic():
        if language in codes() and language != subscriber.language:
            subscriber.language = str(language)
            subscriber.consent = {**subscriber.consent, "changed_at": now.isoformat()}
            subscriber.save(update_fields=["language", "consent"])
        if wanted is not None:
            wishes.take(subscriber, wanted)
    return subscriber


def unsubscribe(*, subscriber: Subscriber, now: datetime) -> Subscriber:
    """Stop at once: what waits to be sent is not sent any more. A second time changes nothing.

    The address goes; its keyed hash stays, with when and on which wording they had agreed, since the proof is ours to give.
    """
    kept = {key: value for key, value in subscriber.consent.items() if key not in ("ip", "network", "confirmed_ip")}
    with transaction.atomic():
        left = (
            Subscriber.objects.filter(pk=subscriber.pk)
            .exclude(state=SubscriberState.UNSUBSCRIBED)
            .update(
                state=SubscriberState.UNSUBSCRIBED,
                unsubscribed_at=now,
                address_encrypted="",
                confirm_token_hash="",
                confirm_due_at=None,
                consent=kept,
            )
        )
        if left:
            Endpoint.objects.filter(subscriber=subscriber).update(contact_hash="", tell_at=None)
            Delivery.objects.to(subscriber).filter(state=DeliveryState.PENDING).update(
                state=DeliveryState.SUPERSEDED, last_error=UNSUBSCRIBED, lease_until=None
            )
    subscriber.refresh_from_db()
    return subscriber


def unsubscribe_for(*, subscriber: Subscriber, actor: User, now: datetime) -> Subscriber:
    """The same by staff, for somebody who asked them; it stands in the log."""
    with transaction.atomic():
        audit.log(act="subscriber.unsubscribe", actor=actor, now=now, target=subscriber.public_id)
        return unsubscribe(subscriber=subscriber, now=now)


def erase(*, subscriber: Subscriber, now: datetime) -> None:
    """Forget them wholly: the row, its hash, what was sent to it. Only the act itself stays in the log, under the random id."""
    with transaction.atomic():
        audit.log(act="subscriber.erase", actor_name="subscriber", now=now, target=subscriber.public_id)
        Endpoint.objects.filter(contact_hash=subscriber.address_hash).update(contact_hash="")
        subscriber.delete()


def export(subscriber: Subscriber) -> dict[str, Any]:
    """All we hold about them, as JSON holds it."""
    wanted = wishes.of(subscriber)
    return {
        "id": subscriber.public_id,
        "channel": subscriber.channel,
        "address": addresses.decrypt(subscriber.address_encrypted) if subscriber.address_encrypted else "",
        "language": subscriber.language,
        "state": subscriber.state,
        "components": sorted(component.public_id for component in wanted.components),
        "groups": sorted(group.public_id for group in wanted.groups),
        "incidents": sorted(incident.public_id for incident in wanted.incidents),
        "whole_page": not (wanted.components or wanted.groups or wanted.incidents),
        "hears_of": sorted(kind.value for kind in wanted.kinds),
        "minimum_impact": wanted.minimum_impact,
        "rhythm": wanted.rhythm,
        "asked_at": subscriber.created_at.isoformat(),
        "confirmed_at": _iso(subscriber.confirmed_at),
        "unsubscribed_at": _iso(subscriber.unsubscribed_at),
        "consent": subscriber.consent,
        **_webhook(subscriber),
        "deliveries": [
            {"record_entry": seq, "state": state, "sent_at": _iso(sent_at)}
            for seq, state, sent_at in Delivery.objects.to(subscriber)
            .order_by("id")
            .values_list("notification__record_seq", "state", "sent_at")
        ],
    }


def _webhook(subscriber: Subscriber) -> dict[str, Any]:
    """What a webhook has beside. Its secret was shown once, and of its contact we keep no address."""
    endpoint = Endpoint.objects.filter(subscriber=subscriber).first()
    if endpoint is None:
        return {}
    about = {"payload": endpoint.payload, "ended_at": _iso(endpoint.ended_at), "has_contact": bool(endpoint.contact_hash)}
    return {"webhook": about}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def purge_unconfirmed(*, now: datetime) -> int:
    """Forget who never confirmed within 7 days; answers how many, a bounded number a time."""
    old = Subscriber.objects.filter(state=SubscriberState.PENDING, created_at__lte=now - FORGET_UNCONFIRMED)
    with transaction.atomic():  # locked: nobody confirms between the choice and the deletion
        chosen = list(old.select_for_update().order_by("created_at").values_list("pk", flat=True)[:ERASE_BATCH])
        _, gone = Subscriber.objects.filter(pk__in=chosen).delete()
    return gone.get("subscribers.Subscriber", 0)
