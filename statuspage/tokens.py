"""Tokens of the write API: made for an owner, taken by them once, found again by their secret, revoked.

Nobody but its owner ever sees a secret, so whoever makes tokens for others gains nothing by it: what a token writes is its
owner's, and its owner cannot sign it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.crypto import constant_time_compare, get_random_string

from incidents import audit
from incidents.models import Component
from incidents.public_ids import ALPHABET
from incidents.rights import SIGNED
from statuspage.models import Token

LONGEST = timedelta(days=366)
USED_EVERY = timedelta(minutes=1)  # how exactly its last use is kept: not a write for every request
_SECRET = re.compile(rf"hali_(?P<mark>[{ALPHABET}]{{12}})_[A-Za-z0-9_-]{{43}}", re.ASCII)


def _writing(noun: str) -> tuple[str, ...]:
    return tuple(f"{noun}.{verb}" for verb in ("add", "edit", "discard", "request_signature"))


# What a token may be for, and the acts that it needs. Signing is in none, so no token ever signs.
SCOPES: dict[str, tuple[str, ...]] = {
    "read": (),
    "incidents.write": _writing("update"),
    "incidents.publish": ("update.publish",),
    "notices.publish": ("update.publish",),
    "maintenance.write": (*_writing("maintenance_update"), "maintenance.end_series"),
    "maintenance.publish": ("maintenance_update.publish",),
    "statements.write": _writing("statement"),
    "statements.publish": ("statement.publish",),
    "rebuttals.write": (*_writing("rebuttal"), "claim.log", "claim.move", "rebuttal.step"),
    "rebuttals.publish": ("rebuttal.publish",),
    "components.write": ("component.add", "component.edit", "override.set", "override.end"),
    "measurements.write": ("probe.push",),
    "notifications.write": ("notification.stop", "notification.resend"),
    "subscribers.read": (),
    "subscribers.write": ("subscriber.import", "subscriber.unsubscribe"),
}
assert not {f"{noun}.sign" for noun in SIGNED} & {act for acts in SCOPES.values() for act in acts}


class TokenRefused(ValueError):
    """It is not made, taken or revoked; the message says what to change."""


def make(
    *,
    name: str,
    owner: User,
    scopes: Collection[str],
    expires_at: datetime,
    actor: User | None,
    now: datetime,
    components: Sequence[Component] = (),
    machine: str = "manage.py",
) -> Token:
    """A token without a secret yet: its owner takes it. Raises TokenRefused."""
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise TokenRefused(f"There is no scope {unknown[0]}: use {', '.join(SCOPES)}.")
    if not scopes:
        raise TokenRefused(f"Say what it is for: {', '.join(SCOPES)}.")
    if not now < expires_at <= now + LONGEST:
        raise TokenRefused("Say when it ends: after now, and within a year.")
    if not (owner.is_active and owner.is_staff):
        raise TokenRefused(f"{owner.get_username()} does not work at this desk: name who answers for what it writes.")
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,60}", name):
        raise TokenRefused("Name it in letters, digits and dashes, by what uses it: nightly-books.")
    try:
        with transaction.atomic():
            token = Token.objects.create(
                name=name, owner=owner, scopes=sorted(scopes), expires_at=expires_at, made_by=actor, made_at=now
            )
            token.components.set(components)
            details = {
                "owner": owner.get_username(),
                "scopes": token.scopes,
                "components": sorted(component.code for component in components),
                "expires_at": expires_at.isoformat(timespec="seconds"),
            }
            audit.log(act="token.make", actor=actor, actor_name=machine, now=now, target=name, details=details)
    except IntegrityError:
        raise TokenRefused(f"There is a token {name} already: take another name.") from None
    return token


def take(*, token: Token, actor: User | None, now: datetime, machine: str = "manage.py") -> str:
    """Its secret, for the first and only time; `actor` None: whoever has the command line. Raises TokenRefused."""
    if actor is not None and actor.pk != token.owner_id:
        raise TokenRefused(f"Only {token.owner.get_username()} takes this secret.")
    mark = get_random_string(12, ALPHABET)
    secret = f"hali_{mark}_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        fresh = Token.objects.filter(pk=token.pk, secret_hash="", revoked_at=None, expires_at__gt=now)
        if not fresh.update(mark=mark, secret_hash=_hash(secret), taken_at=now):
            raise TokenRefused("Its secret was taken already, or it has ended: make another.")
        audit.log(act="token.take", actor=actor, actor_name=machine, now=now, target=token.name)
    return secret


def revoke(*, token: Token, actor: User | None, now: datetime, machine: str = "manage.py") -> bool:
    """End it now; its owner may as well. False where it had been revoked already."""
    with transaction.atomic():
        if not Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now, revoked_by=actor):
            return False
        act = "token.give_up" if actor and actor.pk == token.owner_id else "token.revoke"
        audit.log(act=act, actor=actor, actor_name=machine, now=now, target=token.name)
    return True


def find(secret: str, *, now: datetime) -> Token | None:
    """Whose secret this is; None where it is nobody's, or holds no more. Notes that it was used."""
    shaped = _SECRET.fullmatch(secret)
    token = Token.objects.valid(now).select_related("owner").filter(mark=shaped["mark"]).first() if shaped else None
    if token is None or not constant_time_compare(token.secret_hash, _hash(secret)):
        return None
    unseen = Q(last_used_at=None) | Q(last_used_at__lte=now - USED_EVERY)
    Token.objects.filter(unseen, pk=token.pk).update(last_used_at=now)
    return token


def acts_of(token: Token) -> frozenset[str]:
    return frozenset(act for scope in token.scopes for act in SCOPES.get(scope, ()))


def _hash(secret: str) -> str:
    """The secret is 256 random bits: a plain hash of it cannot be tried out."""
    return hashlib.sha256(secret.encode()).hexdigest()
