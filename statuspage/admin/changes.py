"""What a form changed and what an event of the log says, in plain values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from i18nfield.strings import LazyI18nString

from incidents.languages import by_language
from incidents.models import AuditEvent

SECRETS = frozenset({"password", "password1", "password2", "usable_password"})


def of_form(form: Any) -> dict[str, dict[str, Any]]:
    """{field: {before, after}} of what a form changed; of a password only that it changed."""
    found = {}
    for name in form.changed_data:
        if name in SECRETS:
            found[name] = {"before": "…", "after": "…"}
        elif name in form.fields:
            found[name] = {"before": plain(form.initial.get(name)), "after": plain(form.cleaned_data.get(name))}
    return {name: change for name, change in found.items() if change["before"] != change["after"] or name in SECRETS}


def plain(value: Any) -> Any:
    """A value that JSON can hold, and a reader can read."""
    if isinstance(value, LazyI18nString):
        return by_language(value)
    if isinstance(value, models.Model):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return sorted((plain(one) for one in value), key=str)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


@dataclass(frozen=True)
class Told:
    """One event as the desk shows it. `changed`: (field, before, after); `facts`: what else it says."""

    at: datetime
    who: str
    act: str
    target: str
    address: str
    factor: str
    changed: list[tuple[str, str, str]]
    facts: list[tuple[str, str]]


def told(event: AuditEvent) -> Told:
    pairs = {name: value for name, value in event.details.items() if _is_change(value)}
    if set(event.details) >= {"before", "after"}:  # of words, by their hash
        pairs["words"] = event.details
    rest = {name: value for name, value in event.details.items() if name not in pairs and name not in ("before", "after")}
    return Told(
        at=event.at,
        who=event.actor_name,
        act=event.act,
        target=event.target,
        address=event.address,
        factor=event.factor,
        changed=[(name, in_words(value["before"]), in_words(value["after"])) for name, value in pairs.items()],
        facts=[(name, in_words(value)) for name, value in rest.items() if value not in ("", None, False, [])],
    )


def in_words(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {in_words(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(in_words(one) for one in value)
    return "–" if value in ("", None) else str(value)


def _is_change(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"before", "after"}
