"""What staff tell each other beside the public words."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit
from incidents.drafts import TimelineError
from incidents.models import Incident, InternalNote


def add_note(*, incident: Incident, author: User, text: str, now: datetime) -> InternalNote:
    """Keep a note about an incident. It is never public. Raises TimelineError for an empty one."""
    if not text.strip():
        raise TimelineError("Write something, or leave it.")
    with transaction.atomic():
        audit.log(act="incident.note", actor=author, now=now, target=incident.public_id)
        return InternalNote.objects.create(incident=incident, author=author, at=now, text=text.strip())
