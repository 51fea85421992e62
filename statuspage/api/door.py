"""What stands before every address of the API: the token, its scope, how often it asks, and answers given before.

A cookie counts for nothing here, so there is nothing to forge across sites.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, IntegrityError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.utils import timezone
from ninja.decorators import decorate_view

from incidents import audit
from incidents.models import Component
from statuspage import tokens
from statuspage.api import idempotency
from statuspage.api.problems import Problem, respond
from statuspage.doors import client_of
from statuspage.models import Token

log = logging.getLogger(__name__)

LONGEST_BODY = 256 * 1024
MINUTE = 60
WRONG_TOKENS = 30  # a minute from one address
GIVEN_UP = {"40001", "40P01", "55P03", "SQLITE_BUSY", "SQLITE_LOCKED"}
View = Callable[..., HttpResponse]
Operation = TypeVar("Operation", bound=Callable[..., Any])
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the token, and the moment. Its owner is the author of whatever it writes."""

    token: Token
    now: datetime

    @property
    def owner(self) -> User:
        return self.token.owner

    def require(self, permission: str) -> None:
        """Its owner must hold a permission, for what no act of the log guards: reading."""
        if not self.owner.has_perm(permission):
            raise Problem(403, "forbidden", f"{self.owner.get_username()}, who owns this token, may not see this.")

    def require_components(self, named: Iterable[Component]) -> None:
        """All of these must be its own; a token for certain services speaks of nothing else, and not of the page as a whole."""
        allowed = set(self.token.components.values_list("pk", flat=True))
        if not allowed:
            return
        listed = list(named)
        others = sorted({component.code for component in listed if component.pk not in allowed})
        if others or not listed:
            what = ", ".join(others) or "the page as a whole"
            raise Problem(403, "other_component", f"The token {self.token.name} does not speak of {what}.")

    def may_speak_of(self, named: Iterable[Component]) -> bool:
        try:
            self.require_components(named)
        except Problem:
            return False
        return True

    def own(self, rows: QuerySet[Row], naming: QuerySet[Any], leads_to: str) -> QuerySet[Row]:
        """Of a list, what the token may speak of: rows that name services of its own and no other. `naming`: rows that each
        join one thing, by the field `leads_to`, and one `component`."""
        allowed = self.token.components.values("pk")
        if not self.token.components.exists():
            return rows
        theirs = naming.exclude(component__in=allowed)
        return rows.filter(pk__in=naming.filter(component__in=allowed).values(leads_to)).exclude(pk__in=theirs.values(leads_to))


def caller(request: HttpRequest) -> Caller:
    """Whom `guarded` let in."""
    found = getattr(request, "api_caller", None)
    if not isinstance(found, Caller):
        raise Problem(401, "no_token", "Send the header Authorization: Bearer <token>.")
    return found


def guarded(*scopes: str) -> Callable[[Operation], Operation]:
    """For an operation: it is for tokens with one of these scopes (none named: any token)."""

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            now = timezone.now()
            try:
                body = _body_of(request)
                token = _token_of(request, now)
                _count(token)
                _require_scope(token, scopes)
                request.api_caller = Caller(token, now)  # type: ignore[attr-defined]
                door = audit.Door(address=client_of(request)[:45], factor="token")
                with audit.through(lambda: door), audit.by_token(audit.ByToken(token.name, tokens.acts_of(token))):
                    return idempotency.once(request, token, body, now, lambda: view(request, *args, **kwargs))
            except Problem as problem:
                return respond(problem)
            except DatabaseError as error:
                return respond(unreachable(error))

        return answer

    return decorate_view(decorate)


def unreachable(error: DatabaseError) -> Problem:
    log.error("The API could not ask the database (%s).", type(error).__name__)
    return Problem(503, "try_again", "It could not be done now: try again in some seconds.", headers={"Retry-After": "5"})


def is_undone(error: DatabaseError) -> bool:
    """Whether the database gave a transaction up by itself (a deadlock, a lock not had in time, a row that somebody else made
    first), so that nothing of it is kept.

    Any other failure in the middle of a write may have come at COMMIT or after it, and then it is done all the same.
    """
    cause = error.__cause__
    said = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    return isinstance(error, IntegrityError) or said in GIVEN_UP


def broken_off(error: DatabaseError) -> Problem:
    log.error("The database broke off in the middle of a write through the API (%s).", type(error).__name__)
    return Problem(
        500, "outcome_unknown", "The database broke off in the middle. Look whether it was done, and if not, ask again."
    )


def _body_of(request: HttpRequest) -> bytes:
    try:
        body = request.read(LONGEST_BODY + 1) if request.method not in ("GET", "HEAD") else b""
    except (UnreadablePostError, RequestDataTooBig):
        raise Problem(400, "unreadable", "The body broke off.") from None
    if len(body) > LONGEST_BODY:
        raise Problem(413, "too_large", f"The body is larger than {LONGEST_BODY // 1024} KB.")
    request._body = body  # read by us, bounded; ninja finds it here
    return body


def _token_of(request: HttpRequest, now: datetime) -> Token:
    """By the header alone: what a browser sends by itself proves nothing here."""
    client = client_of(request)
    tried = f"api-wrong:{hashlib.sha256(client.encode()).hexdigest()[:24]}:{int(now.timestamp()) // MINUTE}"
    if int(cache.get(tried, 0)) >= WRONG_TOKENS:
        raise _too_often("Too many wrong tokens came from here.")
    kind, _, secret = str(request.headers.get("Authorization", "")).partition(" ")
    if not secret or kind.lower() != "bearer":
        raise _unproven("no_token", "Send the header Authorization: Bearer <token>.")
    token = tokens.find(secret.strip(), now=now)
    if token is None:
        _add_one(tried)
        raise _unproven("bad_token", "This token is not known, or it was revoked, or it has ended: ask a page admin for another.")
    return token


def _unproven(code: str, detail: str) -> Problem:
    return Problem(401, code, detail, headers={"WWW-Authenticate": 'Bearer realm="hali"'})


def _require_scope(token: Token, scopes: tuple[str, ...]) -> None:
    if scopes and not set(scopes) & set(token.scopes):
        raise Problem(403, "scope", f"The token {token.name} has not the scope {' or '.join(scopes)}.")


def _count(token: Token) -> None:
    """So many requests a minute of a token, over all web workers."""
    key = f"api-rate:{token.pk}:{int(timezone.now().timestamp()) // MINUTE}"
    if _add_one(key) > settings.API_RATE:
        raise _too_often(f"The token {token.name} asked more than {settings.API_RATE} times in a minute.")


def _add_one(key: str) -> int:
    cache.add(key, 0, 2 * MINUTE)
    try:
        return int(cache.incr(key))
    except ValueError:  # it lapsed in between
        return 1


def _too_often(detail: str) -> Problem:
    return Problem(429, "too_often", detail, headers={"Retry-After": str(MINUTE)})
