"""Promised times that passed without a word: the record says so, for the figures on trust."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from incidents import record
from incidents.models import Incident, MissedPromise


def record_missed(*, now: datetime) -> list[MissedPromise]:
    """Append each promise that has passed and is not appended yet. Run by the publisher each second; twice changes nothing."""
    said = MissedPromise.objects.filter(incident=OuterRef("pk"), promised_by=OuterRef("next_update_by"))
    late = Incident.objects.published().unresolved().filter(~Exists(said), next_update_by__lt=now)
    return [missed for pk in late.values_list("pk", flat=True) if (missed := _record(pk, now))]


def _record(incident_id: int, now: datetime) -> MissedPromise | None:
    with transaction.atomic():
        record.lock_head()
        incident = Incident.objects.get(pk=incident_id)
        promised_by = incident.next_update_by
        if promised_by is None or promised_by >= now or incident.missed_promises.filter(promised_by=promised_by).exists():
            return None  # someone spoke, or was faster
        data = {"incident": incident.public_id, "promised_by": promised_by}
        entry = record.append(kind="promise_missed", data=data, texts={}, now=now)
        return MissedPromise.objects.create(incident=incident, promised_by=promised_by, record_seq=entry.seq)
