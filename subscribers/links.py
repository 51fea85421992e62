"""Addresses of public pages that stand in mails, and the tokens in them.

A token is signed under the hash key, which never rotates: the link in a year-old mail must still stop the mails. What shows and
changes a subscriber's choices ends after 180 days, since old mails are forwarded. Each is good for one subscriber and one
purpose; it says nothing about the address.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from datetime import timedelta
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing

from incidents.languages import codes
from subscribers import addresses
from subscribers.models import Subscriber
from subscribers.rows import Reader

UNSUBSCRIBE = "unsubscribe"
MANAGE = "manage"
DAY = 86_400
MANAGE_HOLDS = timedelta(days=180)


def page_url(path: str, language: str) -> str:
    """The whole address of a page in a language; `path` begins with a slash and names no language."""
    prefix = "" if language == codes()[0] or language not in codes() else f"/{language}"
    return f"{settings.BASE_URL}{prefix}{path}"


def host() -> str:
    """The page's host: what Message-IDs and the List-Id end with."""
    return urlsplit(settings.BASE_URL).hostname or "localhost"


# --- Tokens ------------------------------------------------------------------------------------


class _Signer(signing.Signer):
    """Django's, with its key derived once instead of for each token: a long list of mails signs two links each."""

    def __init__(self, *, key: bytes, salt: str) -> None:
        super().__init__(key=key, sep=".", salt=salt)
        self._derived = hashlib.sha256(f"{salt}signer".encode() + key).digest()

    def signature(self, value: bytes | str, key: bytes | str | None = None) -> str:
        octets = value.encode() if isinstance(value, str) else value
        return base64.urlsafe_b64encode(hmac.digest(self._derived, octets, "sha256")).rstrip(b"=").decode("ascii")


class _DaySigner(_Signer, signing.TimestampSigner):
    """Dates a token by the day, so that a mail that is sent twice is the same mail."""

    def timestamp(self) -> str:
        return _day_in_letters(int(time.time()) // DAY)


@lru_cache(maxsize=4)
def _day_in_letters(day: int) -> str:
    return signing.b62_encode(day * DAY)


def token_for(subscriber: Subscriber | Reader, purpose: str) -> str:
    """Letters, digits, `-`, `_` and dots, 56 characters to stop: fits a path and, after `unsub+`, a mail address."""
    return _signer(purpose).sign(subscriber.public_id)


def public_id_in(token: str, purpose: str) -> str | None:
    """Whose token it is; None when we never wrote it, or when its time is over."""
    signer = _signer(purpose)
    try:
        return signer.unsign(token, max_age=MANAGE_HOLDS) if isinstance(signer, _DaySigner) else signer.unsign(token)
    except signing.BadSignature:  # SignatureExpired is one
        return None


def _signer(purpose: str) -> signing.Signer:
    return _signer_of(purpose, addresses.hash_key())


@lru_cache(maxsize=16)
def _signer_of(purpose: str, key: bytes) -> signing.Signer:
    kind = _DaySigner if purpose == MANAGE else _Signer
    return kind(key=key, salt=f"subscribers.links.{purpose}")


def confirm_token(subscriber: Subscriber) -> str:
    """The token of this asking: made anew from the row each time, so that a mail sent twice is the same mail.

    Only its hash is stored; the hash key, which makes it, is not in the database.
    """
    asked = f"{subscriber.public_id}|{subscriber.created_at.timestamp():.6f}"
    return base64.urlsafe_b64encode(addresses.keyed_digest("confirm", asked)[:24]).decode("ascii")


def confirm_code(subscriber: Subscriber) -> str:
    """Six digits of this asking, for channels where nobody presses a link. A few wrong ones end it."""
    asked = f"{subscriber.public_id}|{(subscriber.asked_again_at or subscriber.created_at).timestamp():.6f}"
    return f"{int.from_bytes(addresses.keyed_digest('confirm code', asked)[:8]) % 1_000_000:06d}"


# --- Links -------------------------------------------------------------------------------------


def confirm_url(subscriber: Subscriber) -> str:
    return page_url(f"/confirm/{confirm_token(subscriber)}", subscriber.language)


def unsubscribe_url(subscriber: Subscriber) -> str:
    return unsubscribe_url_of(token_for(subscriber, UNSUBSCRIBE), subscriber.language)


def unsubscribe_url_of(token: str, language: str) -> str:
    return page_url(f"/u/{token}", language)


def manage_url(subscriber: Subscriber) -> str:
    """Their own page, with what was asked for beside what they follow: pressed there, it is added."""
    return manage_url_of(manage_tail(subscriber), subscriber.language)


def manage_tail(subscriber: Subscriber) -> str:
    """What stands in the address of their own page behind `/manage/`."""
    also = f"?also={subscriber.asked_beside}" if subscriber.asked_beside else ""
    return f"{token_for(subscriber, MANAGE)}{also}"


def manage_url_of(token: str, language: str) -> str:
    return page_url(f"/manage/{token}", language)


def incident_url(public_id: str, language: str) -> str:
    return page_url(f"/incidents/{public_id}", language)
