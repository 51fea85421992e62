"""The same request under the same key is done once, and each repeat gets the first answer.

Only what was done is kept: a refusal changed nothing, so its repeat is judged anew.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import DatabaseError, IntegrityError, transaction
from django.http import HttpRequest, HttpResponse

from statuspage.api.problems import Problem
from statuspage.models import IdempotencyKey, Token

log = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
LONGEST_KEY = 200
KEPT = timedelta(days=7)
AT_WORK = timedelta(seconds=60)  # nothing here takes longer
AT_ONCE = 200
OUR_FAULT = 500


def once(request: HttpRequest, token: Token, body: bytes, now: datetime, act: Callable[[], HttpResponse]) -> HttpResponse:
    """Do it, or answer what was answered before. Raises Problem (409) for a key of another request."""
    key = request.headers.get(HEADER, "")
    if not key or request.method in ("GET", "HEAD"):
        return act()
    if len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise Problem(400, "bad_key", f"{HEADER}: at most {LONGEST_KEY} printable ASCII characters.")
    fingerprint = hashlib.sha256(b"\0".join((str(request.method).encode(), request.get_full_path().encode(), body))).hexdigest()
    row, is_new = _claim(token, key, fingerprint, now)
    if not is_new:
        return _again(row, fingerprint, now)
    forget_old(now=now)
    answer = act()  # whatever breaks out of it broke in the middle: the row stays without an answer, and repeats are told so
    if answer.status_code != OUR_FAULT:  # in the middle too: it may have been done
        _keep(row, answer)
    return answer


def _keep(row: IdempotencyKey, answer: HttpResponse) -> None:
    """The answer for repeats; a refusal frees the key. Where neither can be, who asked gets the answer all the same."""
    try:
        if answer.status_code >= 300:
            row.delete()
        else:
            row.status, row.body = answer.status_code, answer.content.decode()
            row.save(update_fields=["status", "body"])
    except DatabaseError as error:
        log.warning("An answer is not kept under its key (%s); a repeat is told that we do not know.", type(error).__name__)


def _claim(token: Token, key: str, fingerprint: str, now: datetime) -> tuple[IdempotencyKey, bool]:
    try:
        with transaction.atomic():
            return IdempotencyKey.objects.create(token=token, key=key, fingerprint=fingerprint, asked_at=now), True
    except IntegrityError:
        row = IdempotencyKey.objects.filter(token=token, key=key).first()
        if row is None:  # the first one was refused just now, and its key is free again
            raise _at_work() from None
        return row, False


def _at_work() -> Problem:
    return Problem(409, "in_progress", "The first request of this key is being worked on.", headers={"Retry-After": "2"})


def _again(row: IdempotencyKey, fingerprint: str, now: datetime) -> HttpResponse:
    if row.fingerprint != fingerprint:
        raise Problem(409, "key_reused", f"{HEADER}: this key was used for another request. Take a new one.")
    if row.status is None and now - row.asked_at < AT_WORK:
        raise _at_work()
    if row.status is None:  # its process ended in the middle; doing it again might do it twice
        raise Problem(409, "outcome_unknown", "We do not know whether it was done. Look, and if not, ask again with a new key.")
    answer = HttpResponse(row.body, status=row.status, content_type="application/json; charset=utf-8")
    answer["Idempotency-Replayed"] = "true"
    answer["Cache-Control"] = "no-store"
    return answer


def forget_old(*, now: datetime) -> int:
    """Drop keys that are a week old, a bounded number a time; answers how many."""
    old = IdempotencyKey.objects.filter(asked_at__lte=now - KEPT).order_by("asked_at").values_list("pk", flat=True)
    gone, _ = IdempotencyKey.objects.filter(pk__in=list(old[:AT_ONCE])).delete()
    return gone
