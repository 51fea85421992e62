"""The log of every act of staff and of machines in their place: appended in the act's transaction, if the person may do it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from incidents import rights
from incidents.models import AuditEvent


@dataclass(frozen=True, slots=True)
class Door:
    """By which way a person came in: their address, and the second factor of their sign-in (“none” without one)."""

    address: str = ""
    factor: str = ""


@dataclass(frozen=True, slots=True)
class ByToken:
    """A machine that acts for a person: the token's name, and the acts it may do; the person's own rights still bound it."""

    name: str
    acts: frozenset[str]


_door: ContextVar[Callable[[], Door]] = ContextVar("door", default=Door)
_token: ContextVar[ByToken | None] = ContextVar("token", default=None)


@contextmanager
def through(door: Callable[[], Door]) -> Iterator[None]:
    """What is done inside came in by this door, which is looked at when something is logged."""
    token = _door.set(door)
    try:
        yield
    finally:
        _door.reset(token)


@contextmanager
def by_token(token: ByToken) -> Iterator[None]:
    """What is done inside is done with this token: each line of the log names it, and acts beyond it are refused."""
    before = _token.set(token)
    try:
        yield
    finally:
        _token.reset(before)


def log(
    *,
    act: str,
    now: datetime,
    actor: User | None = None,
    actor_name: str = "",
    target: str = "",
    details: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Append one event. Machines have no `actor` and give their `actor_name`.

    Raises rights.NotPermitted where the actor's roles, or the token they came with, do not hold the act: an act and its line are
    one transaction, so nothing of it is kept.
    """
    rights.require(actor, act)
    token = _token.get()
    if token and actor and act not in token.acts:
        raise rights.NotPermitted(f"The token {token.name} is not for this ({act}).")
    door = _door.get()() if actor else Door()  # a reader who acts on their own subscription leaves no address here
    return AuditEvent.objects.create(
        at=now,
        actor=actor,
        actor_name=actor.get_username() if actor else actor_name,
        act=act,
        target=target[:120],
        details={**(details or {}), **({"token": token.name} if token else {})},
        address=door.address,
        factor=door.factor,
    )
