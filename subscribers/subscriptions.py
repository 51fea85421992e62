"""Who hears, by their own will: asking, confirming, changing, leaving, being forgotten.

Nothing is sent here. A confirmation mail is a row's work (`confirm_due_at`) that subscribers.confirmations does under a lease:
a mail server that is down delays it and loses nothing, and a known address answers as fast as an unknown one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q
from django.utils.crypto import constant_time_compare, get_random_string

from incidents import audit
from incidents.languages import codes
from incidents.public_ids import ALPHABET
from subscribers import addresses, endpoints, floods, links, suppression, unconfirmed, wishes
from subscribers.models import Delivery, DeliveryState, Endpoint, Payload, Subscriber, SubscriberState, Suppressed
from subscribers.transports import TRANSPORTS
from subscribers.unconfirmed import EARLIER
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
    asking = _Asking.of(channel, address, language)
    source = {**source, "network": floods.network_of(source.get("ip", ""))}
    floods.refuse(channel=channel, domain=asking.domain, network=source["network"], now=now)
    if suppression.is_barred(channel=channel, address_hash=asking.address_hash, now=now):
        return
    with transaction.atomic():
        subscriber, is_new = asking.row(now)
        if subscriber.state == SubscriberState.ACTIVE:
            _show_the_way(subscriber, wanted, now)
            return
        begins = is_new or subscriber.state != SubscriberState.PENDING or now >= link_ends(subscriber)
        if begins:
            _ask_anew(subscriber, asking, source, now)
        else:
            subscriber.language = asking.language
        _let_one_go(subscriber, now, begins=begins)
        subscriber.save()
        wishes.take(subscriber, wanted)
        if channel == "webhook":
            endpoints.make_for(subscriber, payload)


def start(*, address: str, channel: str, language: str, source: Mapping[str, str], now: datetime) -> Subscriber | None:
    """Who writes to us from the address itself asks and confirms in one, whatever they had opted out of, and however many others
    ask just now: nothing has to be sent for it.

    None where they hear from us already, or where it is barred for another reason. Raises addresses.AddressError.
    """
    asking = _Asking.of(channel, address, language)
    if suppression.is_barred(channel=channel, address_hash=asking.address_hash, now=now, by_owner=True):
        return None
    with transaction.atomic():
        subscriber, _ = asking.row(now)
        if subscriber.state == SubscriberState.ACTIVE:
            return None
        _ask_anew(subscriber, asking, source, now)
        subscriber.save()
        wishes.take(subscriber, THE_PAGE)
        return _begin(subscriber, now, "")


@dataclass(frozen=True, slots=True)
class _Asking:
    """An address as somebody typed it, and the language they want."""

    channel: str
    encrypted: str
    address_hash: str
    domain: str
    language: str

    @classmethod
    def of(cls, channel: str, address: str, language: str) -> _Asking:
        """Raises addresses.AddressError."""
        normal = TRANSPORTS[channel].normalise(address)
        known = language if language in codes() else codes()[0]
        return cls(
            channel, addresses.encrypt(normal), addresses.hash_on(channel, normal), TRANSPORTS[channel].domain_of(normal), known
        )

    def row(self, now: datetime) -> tuple[Subscriber, bool]:
        """The row of that address, locked, and whether it is new."""
        made = {
            "address_encrypted": self.encrypted,
            "domain": self.domain,
            "language": self.language,
            "created_at": now,
            "public_id": get_random_string(12, ALPHABET),
        }
        return Subscriber.objects.select_for_update().get_or_create(
            channel=self.channel, address_hash=self.address_hash, defaults=made
        )


def _ask_anew(subscriber: Subscriber, asking: _Asking, source: Mapping[str, str], now: datetime) -> None:
    """Begin an asking; not saved. What is known of an earlier consent stays until they confirm: anybody may type an address."""
    earlier = unconfirmed.proof(subscriber)
    subscriber.consent = {"asked_at": now.isoformat(), **source, **({EARLIER: earlier} if earlier else {})}
    subscriber.address_encrypted, subscriber.domain = asking.encrypted, asking.domain
    subscriber.language, subscriber.created_at, subscriber.state = asking.language, now, SubscriberState.PENDING
    subscriber.confirm_due_at = subscriber.asked_again_at = None
    subscriber.asked_beside = ""
    subscriber.confirm_attempt = subscriber.confirm_tries = subscriber.hard_bounces = 0
    subscriber.confirm_token_hash = token_hash(links.confirm_token(subscriber))


def _show_the_way(subscriber: Subscriber, wanted: Wishes, now: datetime) -> None:
    """Nobody but the owner may change what is confirmed: they get the link to their own page, with what was asked for beside."""
    begins = subscriber.asked_again_at is None or now >= link_ends(subscriber)
    if begins:
        subscriber.asked_again_at, subscriber.confirm_tries = now, 0
    subscriber.asked_beside = wishes.named(wishes.beside(wishes.of(subscriber), wanted))
    _let_one_go(subscriber, now, begins=begins)
    subscriber.save()


def _let_one_go(subscriber: Subscriber, now: datetime, *, begins: bool) -> None:
    """A message to them is due, if they had fewer than two within 48 hours, whatever became of them meanwhile; not saved.

    A minute lies between two: an asking that begins waits for it, and one that runs had its message a moment ago.
    """
    sent_at = subscriber.confirm_sent_at
    if sent_at is None or now - sent_at >= LINK_HOLDS:
        subscriber.confirm_mails_sent = 0
    rested_at = sent_at + RESEND_AFTER if sent_at else now
    may_go = begins or now >= rested_at
    if subscriber.confirm_due_at is None and subscriber.confirm_mails_sent < MAILS_PER_ASKING and may_go:
        subscriber.confirm_due_at, subscriber.confirm_attempt = max(now, rested_at), 0


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# --- Confirming --------------------------------------------------------------------------------


def link_ends(subscriber: Subscriber) -> datetime:
    """Until when the link to confirm, or a code, holds: 48 hours from the last message with it."""
    asked_at = subscriber.asked_again_at or subscriber.created_at
    return max(asked_at, subscriber.confirm_sent_at or asked_at) + LINK_HOLDS


def waiting_for(token: str, *, now: datetime) -> Subscriber | None:
    """Whom a link to confirm is good for: someone pending, or already confirmed by it. None for an unknown or old one."""
    subscriber = Subscriber.objects.filter(confirm_token_hash=token_hash(token)).exclude(confirm_token_hash="").first()
    if subscriber is None or subscriber.state not in (SubscriberState.PENDING, SubscriberState.ACTIVE):
        return None
    if subscriber.state == SubscriberState.PENDING:
        return subscriber if now < link_ends(subscriber) else None
    is_old = subscriber.confirmed_at is None or now >= subscriber.confirmed_at + links.MANAGE_HOLDS
    return None if is_old else subscriber  # it leads to their own page, so it ends with the links that do


def confirm(*, token: str, now: datetime, ip: str = "") -> Subscriber | None:
    """Begin to write to who holds this token. A second time changes nothing; None for an unknown or old token."""
    with transaction.atomic():
        subscriber = waiting_for(token, now=now)
        if subscriber is None or subscriber.state == SubscriberState.ACTIVE:
            return subscriber
        return _begin(subscriber, now, ip)


def confirm_by_code(*, address: str, code: str, now: datetime, channel: str = "sms", ip: str = "") -> Subscriber | None:
    """The same for who types the code that was sent to an address. None for a wrong one; the fifth wrong one ends the asking.

    Of who has confirmed before, it shows that they have the phone, once, and changes nothing. Raises addresses.AddressError.
    """
    with transaction.atomic():
        subscriber = _asking(channel, address, now)
        if subscriber is None or subscriber.confirm_tries >= WRONG_CODES:
            return None
        if constant_time_compare(code.strip(), links.confirm_code(subscriber)):
            return _begin(subscriber, now, ip) if subscriber.state == SubscriberState.PENDING else _spend_code(subscriber)
        Subscriber.objects.filter(pk=subscriber.pk).update(confirm_tries=F("confirm_tries") + 1)
        return None


def confirm_by_reply(*, address: str, now: datetime, channel: str = "sms") -> Subscriber | None:
    """The same for who answered from the address itself."""
    with transaction.atomic():
        subscriber = _asking(channel, address, now)
        return _begin(subscriber, now, "") if subscriber and subscriber.state == SubscriberState.PENDING else None


def _asking(channel: str, address: str, now: datetime) -> Subscriber | None:
    """Who has asked from this address and not confirmed yet, or is asked for again; locked."""
    address_hash = addresses.hash_on(channel, TRANSPORTS[channel].normalise(address))
    asking = Q(state=SubscriberState.PENDING) | Q(state=SubscriberState.ACTIVE, asked_again_at__isnull=False)
    found = Subscriber.objects.select_for_update().filter(asking, channel=channel, address_hash=address_hash)
    subscriber = found.first()
    return subscriber if subscriber and now < link_ends(subscriber) else None


def _spend_code(subscriber: Subscriber) -> Subscriber:
    Subscriber.objects.filter(pk=subscriber.pk).update(asked_again_at=None, confirm_due_at=None)
    return subscriber


def _begin(subscriber: Subscriber, now: datetime, ip: str) -> Subscriber:
    agreed = {key: value for key, value in subscriber.consent.items() if key != EARLIER}
    Subscriber.objects.filter(pk=subscriber.pk, state=SubscriberState.PENDING).update(
        state=SubscriberState.ACTIVE,
        confirmed_at=now,
        unsubscribed_at=None,
        confirm_due_at=None,
        consent={**agreed, "confirmed_at": now.isoformat(), "confirmed_ip": ip},
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

    The address goes, and what staff noted; its keyed hash stays, with when and on which wording they had agreed, since the proof
    is ours to give. The suppression list has it too, so that no file of older consents brings them back.
    """
    agreed = unconfirmed.proof(subscriber) or subscriber.consent
    kept = {key: value for key, value in agreed.items() if key not in ("ip", "network", "confirmed_ip")}
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
            subscriber.notes.all().delete()
            Delivery.objects.to(subscriber).filter(state=DeliveryState.PENDING).update(
                state=DeliveryState.SUPERSEDED, last_error=UNSUBSCRIBED, lease_until=None
            )
            _note_leaving(subscriber, now)
    subscriber.refresh_from_db()
    return subscriber


def _note_leaving(subscriber: Subscriber, now: datetime) -> None:
    suppression.suppress(channel=subscriber.channel, address_hash=subscriber.address_hash, reason=Suppressed.LEFT, now=now)


def unsubscribe_for(*, subscriber: Subscriber, actor: User, now: datetime) -> Subscriber:
    """The same by staff, for somebody who asked them; it stands in the log."""
    with transaction.atomic():
        audit.log(act="subscriber.unsubscribe", actor=actor, now=now, target=subscriber.public_id)
        return unsubscribe(subscriber=subscriber, now=now)


def erase(*, subscriber: Subscriber, now: datetime) -> None:
    """Forget them: the row, the consent, what was sent to it. The act itself stays in the log, under the random id, and the keyed
    hash on the suppression list, so that nobody subscribes them anew but they themselves."""
    with transaction.atomic():
        audit.log(act="subscriber.erase", actor_name="subscriber", now=now, target=subscriber.public_id)
        Endpoint.objects.filter(contact_hash=subscriber.address_hash).update(contact_hash="")
        subscriber.delete()
        _note_leaving(subscriber, now)


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
        "whole_page": wishes.is_the_page(wanted),
        "hears_of": sorted(kind.value for kind in wanted.kinds),
        "minimum_impact": wanted.minimum_impact,
        "rhythm": wanted.rhythm,
        "asked_at": subscriber.created_at.isoformat(),
        "asked_again_at": _iso(subscriber.asked_again_at),
        "asked_beside": subscriber.asked_beside,
        "confirmed_at": _iso(subscriber.confirmed_at),
        "unsubscribed_at": _iso(subscriber.unsubscribed_at),
        "consent": subscriber.consent,
        "notes_of_staff": [{"at": note.at.isoformat(), "words": note.words} for note in subscriber.notes.all()],
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
    """Forget who never confirmed within 7 days; answers how many, a bounded number a time.

    Who had agreed before and left is again what they were before somebody typed their address: that they left stays known.
    """
    old = Subscriber.objects.filter(state=SubscriberState.PENDING, created_at__lte=now - FORGET_UNCONFIRMED)
    with transaction.atomic():  # locked: nobody confirms between the choice and the deletion
        chosen = list(old.select_for_update().order_by("created_at")[:ERASE_BATCH])
        known = [one for one in chosen if one.confirmed_at or one.unsubscribed_at]
        Subscriber.objects.filter(pk__in={one.pk for one in chosen} - {one.pk for one in known}).delete()
        for subscriber in known:
            unconfirmed.end(subscriber)
    return len(chosen)
