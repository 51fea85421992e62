"""What each kind of document forbids of itself: asked by the desk before publishing, and again by publishing under the lock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings

from incidents import announcements, document_gates, planned_work, rebutting, stating, withdrawing
from incidents.blockers import Blocker, standing
from incidents.models import Announcement, Correction, MaintenanceUpdate, Rebuttal, Redress, Review, Statement, Withdrawal
from incidents.models.publishable import Document
from incidents.words import Publication

_OF: dict[type[Document], Callable[[Any, datetime], list[Blocker]]] = {
    Announcement: lambda draft, now: announcements.blockers(draft, now=now),
    Correction: lambda draft, now: document_gates.of_correction(draft),
    MaintenanceUpdate: lambda draft, now: planned_work.blockers(draft, now=now),
    Rebuttal: lambda draft, now: rebutting.publishing_blockers(draft, now=now, signatories=settings.SPOKESPEOPLE),
    Redress: lambda draft, now: document_gates.of_redress(draft),
    Review: lambda draft, now: document_gates.of_review(draft, now=now),
    Statement: lambda draft, now: stating.blockers(draft, now=now),
    Withdrawal: lambda draft, now: withdrawing.blockers(draft),
}


def own(draft: Document, *, now: datetime) -> list[Blocker]:
    """What its own kind forbids, whatever is switched off here."""
    return _OF[type(draft)](draft, now)


def still_standing(draft: Document, *, now: datetime) -> list[Blocker]:
    """All that forbids the draft to go out here, its signature included; a document that is no draft has none."""
    if draft.publication != Publication.DRAFT:
        return []
    return standing(document_gates.blockers(draft, own(draft, now=now), now=now), off=settings.GATES_OFF)
