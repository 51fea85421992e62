"""Subscribers as CSV: taken in with the proof that each agreed, given out to people who may, and every use in the audit log."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils.crypto import get_random_string

from incidents import audit
from incidents.languages import codes
from incidents.models import Component
from incidents.public_ids import ALPHABET
from subscribers import addresses, endpoints, suppression, wishes
from subscribers.models import Subscriber, SubscriberState
from subscribers.transports import TRANSPORTS
from subscribers.wishes import Wishes

NEEDED = ("channel", "address", "language", "consent_at", "consent_proof")
COLUMNS = (*NEEDED, "components")
GIVEN_OUT = (
    "id", "channel", "address", "language", "state", "components", "groups", "incidents", "hears_of", "minimum_impact", "rhythm",
    "asked_at", "confirmed_at", "consent",
)  # fmt: skip
SHOWN_ERRORS = 20
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class BadFile(ValueError):
    """Nothing was taken in. The message has a line for each error, with its place and what to change; no address."""


@dataclass(frozen=True, slots=True)
class TakenIn:
    """`known`: already subscribed, or left since they agreed. `barred`: on the suppression list."""

    added: int
    known: int
    barred: int


@dataclass(frozen=True, slots=True)
class _Row:
    channel: str
    normal: str
    language: str
    agreed_at: datetime
    proof: str
    components: Sequence[Component]


# --- In ------------------------------------------------------------------------------------------


def take_in(*, file: TextIO, actor: User, now: datetime) -> TakenIn:
    """Subscribe everybody in the file, or nobody: they agreed elsewhere, and each row says when and where the proof lies.

    Columns: channel, address, language, consent_at (ISO 8601 with a zone), consent_proof, and components (codes, spaces between;
    empty: the whole page). Raises BadFile.
    """
    text = file.read()
    rows = _rows(text, now)
    mark = hashlib.sha256(text.encode()).hexdigest()[:16]
    with transaction.atomic():
        ends = [_add(row, actor, mark, now) for row in rows]
        done = TakenIn(ends.count("added"), ends.count("known"), ends.count("barred"))
        details = {"file": mark, "added": done.added, "known": done.known, "barred": done.barred}
        audit.log(act="subscriber.import", actor=actor, now=now, details=details)
    return done


def take_in_one(*, row: Mapping[str, str], actor: User, now: datetime) -> str:
    """`take_in` of one row: “added”, “known” or “barred”. Raises ValueError with what to change."""
    components = {component.code: component for component in Component.objects.published()}
    read = _row(row, components, now)
    mark = f"one by {actor.get_username()}"
    with transaction.atomic():
        end = _add(read, actor, mark, now)
        audit.log(act="subscriber.import", actor=actor, now=now, details={"channel": read.channel, "outcome": end})
    return end


def _rows(text: str, now: datetime) -> list[_Row]:
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
    unknown = [name for name in reader.fieldnames or () if name not in COLUMNS]
    if missing or unknown:
        raise BadFile(
            f"The first line names the columns {', '.join(COLUMNS)}. Missing: {missing or 'none'}; unknown: {unknown or 'none'}."
        )
    components = {component.code: component for component in Component.objects.published()}
    rows, errors = [], []
    for row in reader:
        try:
            rows.append(_row(row, components, now))
        except ValueError as error:  # AddressError is one
            errors.append(f"Line {reader.line_num}: {error}")
    if errors:
        more = f"\nand {len(errors) - SHOWN_ERRORS} more" if len(errors) > SHOWN_ERRORS else ""
        raise BadFile("\n".join(errors[:SHOWN_ERRORS]) + more)
    return rows


def _row(row: Mapping[str, str | None], components: dict[str, Component], now: datetime) -> _Row:
    """Raises ValueError with what to change."""
    given = {name: (row.get(name) or "").strip() for name in COLUMNS}
    transport = TRANSPORTS.get(given["channel"])
    if transport is None:
        raise ValueError(f"channel is one of {', '.join(TRANSPORTS)}.")
    if given["language"] not in codes():
        raise ValueError(f"language is one of {', '.join(codes())}.")
    if len(given["consent_proof"]) < 5:
        raise ValueError("consent_proof says where the proof of consent lies.")
    try:
        agreed_at = datetime.fromisoformat(given["consent_at"])
    except ValueError:
        raise ValueError("consent_at is a time like 2026-11-28T09:30:00+03:00.") from None
    if agreed_at.tzinfo is None or agreed_at > now:
        raise ValueError("consent_at has a zone and lies in the past.")
    named = given["components"].split()
    if unknown := [code for code in named if code not in components]:
        raise ValueError(f"there is no service {', '.join(unknown)}.")
    normal = transport.normalise(given["address"])
    return _Row(
        given["channel"], normal, given["language"], agreed_at, given["consent_proof"][:200], [components[c] for c in named]
    )


def _add(row: _Row, actor: User, mark: str, now: datetime) -> str:
    address_hash = addresses.hash_on(row.channel, row.normal)
    known = Subscriber.objects.select_for_update().filter(channel=row.channel, address_hash=address_hash).first()
    left_since = known and known.unsubscribed_at and known.unsubscribed_at >= row.agreed_at
    if known and (known.state == SubscriberState.ACTIVE or left_since):
        return "known"
    if suppression.standing(now).filter(channel=row.channel, address_hash=address_hash, since__gt=row.agreed_at).exists():
        return "barred"
    if suppression.is_barred(channel=row.channel, address_hash=address_hash, now=now, by_owner=True):
        return "barred"
    agreed = row.agreed_at.isoformat()
    subscriber = known or Subscriber(channel=row.channel, address_hash=address_hash, public_id=get_random_string(12, ALPHABET))
    subscriber.address_encrypted = addresses.encrypt(row.normal)
    subscriber.domain, subscriber.language = TRANSPORTS[row.channel].domain_of(row.normal), row.language
    subscriber.state, subscriber.created_at, subscriber.confirmed_at = SubscriberState.ACTIVE, now, now
    subscriber.unsubscribed_at = subscriber.confirm_due_at = None
    subscriber.hard_bounces = 0
    subscriber.consent = {
        "asked_at": agreed,
        "confirmed_at": agreed,
        "by": "import",
        "proof": row.proof,
        "file": mark,
        "imported_at": now.isoformat(),
        "imported_by": actor.get_username(),
    }
    subscriber.save()
    suppression.forgive(subscriber=subscriber)
    wishes.take(subscriber, Wishes(components=row.components))
    if row.channel == "webhook":
        endpoints.make_for(subscriber)
    return "added"


# --- Out -----------------------------------------------------------------------------------------


def give_out(*, rows: QuerySet[Subscriber], actor: User, reason: str, now: datetime) -> Iterable[str]:
    """CSV, line by line; that it was taken, by whom, why and how many is written down before the first line."""
    chosen = list(rows.order_by("pk").values_list("pk", flat=True))
    audit.log(act="subscriber.export", actor=actor, now=now, details={"rows": len(chosen), "reason": reason[:200]})
    return _lines(chosen)


def _lines(chosen: Sequence[int]) -> Iterable[str]:
    yield _line(GIVEN_OUT)
    for start in range(0, len(chosen), 500):
        found = Subscriber.objects.filter(pk__in=chosen[start : start + 500]).order_by("pk")
        for subscriber in found.prefetch_related("subscriptions"):
            yield _line(_values(subscriber))


def _values(subscriber: Subscriber) -> list[str]:
    held = wishes.of(subscriber)
    return [
        subscriber.public_id,
        subscriber.channel,
        addresses.decrypt(subscriber.address_encrypted) if subscriber.address_encrypted else "",
        subscriber.language,
        subscriber.state,
        " ".join(component.code for component in held.components),
        " ".join(group.code for group in held.groups),
        " ".join(incident.public_id for incident in held.incidents),
        " ".join(sorted(kind.value for kind in held.kinds)),
        held.minimum_impact,
        held.rhythm,
        subscriber.created_at.isoformat(),
        subscriber.confirmed_at.isoformat() if subscriber.confirmed_at else "",
        json.dumps(subscriber.consent, sort_keys=True),
    ]


def _line(values: Iterable[str]) -> str:
    """A spreadsheet runs nothing that a field holds; a phone number keeps its plus behind an apostrophe."""
    written = io.StringIO()
    csv.writer(written).writerow([f"'{value}" if value.startswith(_FORMULA) else value for value in values])
    return written.getvalue()
