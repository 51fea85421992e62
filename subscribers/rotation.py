"""What is encrypted at rest, written anew under the newest key, in small transactions: killed anywhere, start again."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Model

from subscribers import addresses
from subscribers.models import Endpoint, Subscriber

BATCH = 500
ENCRYPTED: tuple[tuple[type[Model], str], ...] = (
    (Subscriber, "address_encrypted"),
    (Endpoint, "secret_encrypted"),
    (Endpoint, "old_secret_encrypted"),
)


def rotate_all() -> int:
    """How many values were written anew. Raises addresses.AddressUnreadable for one that no key opens."""
    return sum(_rotate(model, field) for model, field in ENCRYPTED)


def _rotate(model: type[Model], field: str) -> int:
    done, last = 0, 0
    while True:
        with transaction.atomic():
            rows = model._default_manager.select_for_update().filter(pk__gt=last).exclude(**{field: ""}).order_by("pk")
            found = list(rows.values_list("pk", field)[:BATCH])
            for pk, value in found:
                model._default_manager.filter(pk=pk).update(**{field: addresses.rotate(value)})
        if not found:
            return done
        done, last = done + len(found), found[-1][0]
