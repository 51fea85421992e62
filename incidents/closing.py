"""After the last word: where each review stands, and closing an incident for good, which is for staff.

Being resolved is never held up by any of it. A closed incident that comes back within a day is open again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from incidents import audit, figures, gates, record, stating
from incidents.blockers import Blocker, standing, waived
from incidents.drafts import TimelineError
from incidents.models import Incident, IncidentUpdate, Review
from incidents.words import IncidentStatus, Publication


class NotYet(TimelineError):
    """It cannot be closed yet; `blockers` say what to do. Nothing was changed."""

    def __init__(self, blockers: list[Blocker]) -> None:
        super().__init__(" ".join(blocker.message for blocker in blockers))
        self.blockers = blockers


# --- Reviews ---------------------------------------------------------------------------------------


def review_states(incidents: Iterable[Incident], *, now: datetime) -> dict[int, figures.Review]:
    """Where the review of each incident stands, by primary key. One query."""
    wanted = list(incidents)
    last = {review.incident_id: review for review in _published(wanted)}
    return {incident.pk: _state(incident, last.get(incident.pk), now) for incident in wanted}


def review_state(incident: Incident, *, now: datetime) -> figures.Review:
    return review_states([incident], now=now)[incident.pk]


def overdue_reviews(*, now: datetime) -> list[Incident]:
    """Resolved incidents whose review (or the cause it still owes) is overdue, the longest first. Two queries."""
    resolved = Incident.objects.published().filter(
        status__in=IncidentStatus.closed(), merged_into=None, withdrawn_at=None, closed_at=None
    )
    waiting = list(resolved.order_by("resolved_at"))
    states = review_states(waiting, now=now)
    late = (figures.ReviewState.OVERDUE, figures.ReviewState.CAUSE_OVERDUE)
    return [incident for incident in waiting if states[incident.pk].state in late]


def reviews_turning(*, since: datetime, now: datetime) -> set[str]:
    """Incidents (public ids) of which a review, or the cause one still owes, fell due after `since` and by `now`. Two queries,
    neither of which looks through all that was ever said."""
    owed = Review.objects.filter(publication=Publication.PUBLISHED, cause_due_at__gt=since, cause_due_at__lte=now)
    turning = Q(pk__in=list(owed.values_list("incident", flat=True)))
    for days in set(settings.REVIEW_DAYS.values()):
        first, last = since - timedelta(days=days), now - timedelta(days=days)
        of_these = Q(impact__in=[impact for impact, its_days in settings.REVIEW_DAYS.items() if its_days == days])
        turning |= of_these & Q(backfilled=False, resolved_at__gt=first, resolved_at__lte=last)
        said_then = IncidentUpdate.objects.filter(
            display_at__gt=first, display_at__lte=last
        ).order_by()  # its first word among them
        written_later = Q(backfilled=True, published_at__gt=first, published_at__lte=last, pk__in=said_then.values("incident"))
        turning |= of_these & written_later
    return set(Incident.objects.published().filter(turning).order_by().values_list("public_id", flat=True))


def _published(incidents: list[Incident]) -> Iterable[Review]:
    """Oldest version first, so that the last one stands."""
    reviews = Review.objects.filter(incident__in=incidents, publication=Publication.PUBLISHED)
    return reviews.only("incident_id", "published_at", "cause_known", "cause_due_at").order_by("record_seq")


def _state(incident: Incident, review: Review | None, now: datetime) -> figures.Review:
    return figures.review(
        resolved_at=incident.published_at if incident.backfilled else incident.resolved_at,
        impact=incident.impact,
        now=now,
        published_at=review.published_at if review else None,
        cause_known=review.cause_known if review else True,
        cause_due_at=review.cause_due_at if review else None,
        false_alarm=incident.status == IncidentStatus.FALSE_ALARM,
        days=settings.REVIEW_DAYS,
    )


# --- Closing ---------------------------------------------------------------------------------------


def close(*, incident: Incident, actor: User, now: datetime) -> Incident:
    """Say that nothing is owed any more. A second call changes nothing. Raises NotYet with all that forbids it."""
    with transaction.atomic():
        record.lock_head()
        incident = Incident.objects.get(pk=incident.pk)
        if incident.closed_at:
            return incident
        found = closing_blockers(incident, now=now)
        if forbidding := standing(found, off=settings.GATES_OFF):
            raise NotYet(forbidding)
        incident.closed_at, incident.closed_by = now, actor
        incident.save(update_fields=["closed_at", "closed_by"])
        details = {"waived": waived(found, off=settings.GATES_OFF)}
        audit.log(act="incident.close", actor=actor, now=now, target=incident.public_id, details=details)
    return incident


def closing_blockers(incident: Incident, *, now: datetime) -> list[Blocker]:
    """What still forbids closing it, whatever is switched off here."""
    if incident.publication != Publication.PUBLISHED or incident.status not in IncidentStatus.closed():
        return [Blocker("not_resolved", "status", "Only a resolved incident is closed: publish “resolved” first.")]
    if incident.merged_into_id or incident.withdrawn_at:
        return [Blocker("gone", "status", "It was merged or withdrawn: there is nothing to close.")]
    return gates.closing_blockers(
        gates.ClosingFacts(
            impact=incident.impact,
            level=stating.standing_level(incident),
            reviewed=figures.may_close(review_state(incident, now=now), impact=incident.impact),
        )
    )
