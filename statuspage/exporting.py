"""Every row of ours as JSON lines, for whoever wants to go elsewhere or look for themselves: no secret, no address.

A line is {"model", "pk", "fields"}; the first one says what this is. Rows point to each other by pk.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date, datetime
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import connection, models, transaction
from i18nfield.strings import LazyI18nString

from incidents.languages import by_language
from incidents.models import RecordHead

FORMAT = 1
APPS = ("incidents", "probes", "subscribers", "statuspage")
# What opens something, or finds somebody: it stays here.
LEFT_OUT: dict[str, frozenset[str]] = {
    "auth.user": frozenset({"password"}),
    "statuspage.token": frozenset({"secret_hash", "mark"}),
    "subscribers.subscriber": frozenset({"address_encrypted", "address_hash", "confirm_token_hash"}),
    "subscribers.farewell": frozenset({"address_encrypted", "address_hash"}),
    "subscribers.suppression": frozenset({"address_hash"}),
    "subscribers.endpoint": frozenset({"secret_encrypted", "old_secret_encrypted", "contact_hash"}),
}
# Of this moment only: who types what, which form was posted, what was answered to whom.
NOT_KEPT = frozenset({"statuspage.formtoken", "statuspage.deskdraft", "statuspage.idempotencykey"})
MEASUREMENTS = frozenset({"probes.result", "probes.vantagebatch", "probes.latehour"})
CHUNK = 1000


def exported() -> list[type[models.Model]]:
    """The models, each after those it points to where that can be said."""
    ours = [model for label in APPS for model in apps.get_app_config(label).get_models()]
    return [Group, User, *(model for model in ours if model._meta.label_lower not in NOT_KEPT)]


def lines(*, now: datetime, measurements: bool = True) -> Iterator[str]:
    """All of it as it stands at one moment; on SQLite as it stands while it is read, since a reader must not hold up writers."""
    with _one_moment():
        head = RecordHead.objects.first()
        chosen = [model for model in exported() if measurements or model._meta.label_lower not in MEASUREMENTS]
        first = {
            "hali_export": FORMAT,
            "at": now.isoformat(timespec="seconds"),
            "record_seq": head.seq if head else 0,
            "models": [model._meta.label_lower for model in chosen],
        }
        yield json.dumps(first)
        for model in chosen:
            yield from map(_line, model._default_manager.order_by("pk").iterator(chunk_size=CHUNK))


def _line(row: models.Model) -> str:
    meta = row._meta
    unwanted = LEFT_OUT.get(meta.label_lower, frozenset())
    fields = {
        field.attname: _plain(field.value_from_object(row))
        for field in meta.concrete_fields
        if not field.primary_key and field.name not in unwanted
    }
    many = {field.name: [one.pk for one in field.value_from_object(row)] for field in meta.local_many_to_many}
    if isinstance(row, Group):
        many = {}  # permissions follow from the role's name: manage.py sync_roles
    elif isinstance(row, User):
        many.pop("user_permissions", None)
    return json.dumps({"model": meta.label_lower, "pk": row.pk, "fields": {**fields, **many}}, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, LazyI18nString):
        return by_language(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return value if isinstance(value, dict | list | str | int | float | bool | None) else str(value)


def _one_moment() -> AbstractContextManager[None]:
    return _repeatable() if connection.vendor == "postgresql" and not connection.in_atomic_block else nullcontext()


@contextmanager
def _repeatable() -> Iterator[None]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
