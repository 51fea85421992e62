"""How soon and how reliably we spoke of late, as the dashboard tells it. Two queries, however long the past."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from incidents.figures import Word
from incidents.models import Incident, IncidentUpdate
from incidents.words import Publication
from statuspage import trust

LOOKED_BACK = timedelta(days=30)
AT_MOST = 200  # incidents, the latest


@dataclass(frozen=True)
class Measures:
    """`first_word`: the median from the first evidence to the first public word; `signature`: from asking for one to having it;
    None where nothing was measured. Incidents that were written down later count nowhere."""

    first_word: timedelta | None
    promises_kept: int
    promises_made: int
    signature: timedelta | None


def of_late(now: datetime) -> Measures:
    recent = Incident.objects.filter(publication=Publication.PUBLISHED, backfilled=False, published_at__gte=now - LOOKED_BACK)
    incidents = list(recent.order_by("-published_at").only("detected_at", "started_at", "published_at", "resolved_at")[:AT_MOST])
    said = IncidentUpdate.objects.filter(incident__in=incidents, publication=Publication.PUBLISHED)
    words: defaultdict[int, list[Word]] = defaultdict(list)
    waits = []
    for key, at, next_by, asked_at, signed_at in said.values_list(
        "incident_id", "display_at", "next_update_by", "signature_requested_at", "signed_at"
    ):
        if at:
            words[key].append(Word(at, next_by))
        if asked_at and signed_at:
            waits.append(max((signed_at - asked_at).total_seconds(), 0.0))
    spoken = [
        trust.Spoken(one.detected_at or one.started_at, one.published_at, one.resolved_at, False, tuple(words[one.pk]))
        for one in incidents
        if one.published_at
    ]
    found = trust.measure(spoken, now=now, reviews_overdue=0)
    waited = timedelta(seconds=median(waits)) if waits else None
    return Measures(found.first_word, found.promises_kept, found.promises_made, waited)
