"""Set-up that tests of the write API share: a token of somebody in a role, and a client that shows it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from incidents.models import Component
from statuspage import tokens
from statuspage.models import Token
from statuspage.roles import AUTHOR
from tests.statuspage.desk import someone

WORDS = {"en": "Payments are late. Please wait for your SMS.", "sw": "Malipo yanachelewa. Tafadhali subiri SMS yako."}
NAME = {"en": "Payments are late", "sw": "Malipo yanachelewa"}


class Machine:
    """Asks with a token."""

    def __init__(self, token: Token, secret: str) -> None:
        self.token, self.secret, self._client = token, secret, Client()

    @property
    def owner(self) -> User:
        return self.token.owner

    def ask(self, method: str, path: str, body: Any = None, key: str = "", **headers: str) -> Any:
        given = {"Authorization": f"Bearer {self.secret}", **({"Idempotency-Key": key} if key else {}), **headers}
        data = "" if body is None else json.dumps(body, default=str)
        return self._client.generic(method, f"/api/v1{path}", data, "application/json", headers=given)

    def get(self, path: str) -> Any:
        return self.ask("GET", path).json()

    def post(self, path: str, body: Any = None, key: str = "") -> Any:
        return self.ask("POST", path, body, key)


def machine(
    *scopes: str, role: str = AUTHOR, owner: User | None = None, components: Sequence[Component] = (), name: str = "books"
) -> Machine:
    """A machine with all scopes, or those named, of somebody in a role."""
    now = timezone.now()
    owner = owner or someone(role)
    token = tokens.make(
        name=name,
        owner=owner,
        scopes=scopes or tuple(tokens.SCOPES),
        expires_at=now + timedelta(days=1),
        actor=None,
        now=now,
        components=components,
    )
    return Machine(token, tokens.take(token=token, actor=owner, now=now))


def an_incident(code: str = "stk-push", **fields: Any) -> dict[str, Any]:
    """A whole first word about a service that is in trouble."""
    return {
        "name": NAME,
        "body": WORDS,
        "affected": [{"component": code, "status": "delayed"}],
        "next_update_by": (timezone.now() + timedelta(minutes=30)).isoformat(),
        **fields,
    }
