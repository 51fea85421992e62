"""Breach records: somebody may have seen personal data. For staff; statements on data and funds hang on them."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, record
from incidents.drafts import TimelineError
from incidents.models import Breach, Incident


def open_breach(*, incident: Incident, reason: str, actor: User, now: datetime) -> Breach:
    """Open a breach record. Statements follow by statuspage.grounds.

    Raises TimelineError without a reason.
    """
    if not reason.strip():
        raise TimelineError("Say what was seen.")
    with transaction.atomic():
        record.lock_head()
        breach = Breach.objects.create(incident=incident, reason=reason.strip(), opened_by=actor, opened_at=now)
        audit.log(act="breach.open", actor=actor, now=now, target=incident.public_id, details={"reason": breach.reason})
    return breach


def close_breach(*, breach: Breach, finding: str, actor: User, now: datetime) -> Breach:
    """Close it with what it turned out to be; statements may be signed anew. Twice changes nothing.

    Raises TimelineError without a finding.
    """
    if not finding.strip():
        raise TimelineError("Say what it turned out to be.")
    with transaction.atomic():
        record.lock_head()
        still_open = Breach.objects.filter(pk=breach.pk, closed_at=None)
        if still_open.update(closed_at=now, closed_by=actor, finding=finding.strip()):
            details = {"finding": finding.strip()}
            audit.log(act="breach.close", actor=actor, now=now, target=breach.incident.public_id, details=details)
    return Breach.objects.get(pk=breach.pk)
