"""All that the gates look at of an update, read from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from incidents import drafts, gates, stating, ticks, windows
from incidents.languages import by_language
from incidents.models import AffectedComponent, IncidentUpdate
from incidents.signing import signature_state
from incidents.words import ComponentStatus, Publication


def read(update: IncidentUpdate, *, now: datetime, affected: Sequence[AffectedComponent] | None = None) -> gates.UpdateFacts:
    """The facts of a draft as it would go out now; `affected`: with these states, which need not be saved."""
    incident = update.incident
    spoken = incident.publication == Publication.PUBLISHED
    affected = list(update.affected.select_related("component")) if affected is None else affected
    states = _states_after(update, affected)
    expected = windows.expected_now()
    return gates.UpdateFacts(
        is_draft=update.publication == Publication.DRAFT,
        incident_status=incident.status if spoken else None,
        has_been_monitored=incident.monitoring_at is not None,
        status=update.status,
        names=by_language(incident.name),
        bodies=by_language(update.body),
        affected=tuple(
            gates.StatedComponent(
                item.component.code,
                item.new_status,
                item.component.observed_status,
                item.component.internal,
                expected.get(item.component.code, ""),
            )
            for item in affected
        ),
        incident_has_components=bool(states),
        next_update_by=update.next_update_by,
        now=now,
        signature=signature_state(update),
        reason=update.reason,
        may_reopen=incident.may_reopen(now),
        backfilled=incident.backfilled,
        window_published=windows.may_speak_of(incident=incident, now=now, also=[item.component_id for item in affected]),
        still_stated=tuple(sorted(code for code, status in states.items() if status != ComponentStatus.OPERATIONAL)),
        more=update.more_words(),
        ticked=None if drafts.is_untouched(update) else ticks.ticked(update),
        duplicates_open=stating.duplicates_open(incident.public_id),
    )


def _states_after(update: IncidentUpdate, affected: Sequence[AffectedComponent]) -> dict[str, str]:
    """What the incident would state for each of its components if this update went out."""
    earlier = (
        AffectedComponent.objects.filter(update__incident=update.incident, update__publication=Publication.PUBLISHED)
        .select_related("component")
        .order_by("update__record_seq")
    )
    return {item.component.code: item.new_status for item in [*earlier, *affected]}
