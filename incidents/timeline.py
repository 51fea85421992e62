"""What happens to components and incidents: what probes saw is taken over, what is published changes what is shown.

Every act here and in drafts takes the record's head as its first lock: one lock orders all writers, so no two can wait for each
other.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, breaking_glass, drafts, holding, notices, record, rollup, tracing, windows
from incidents.languages import by_language, in_all
from incidents.models import AffectedComponent, Component, Incident, IncidentUpdate, RecordEntry, StatusChange
from incidents.words import ComponentStatus, Impact, IncidentStatus, Publication, SignatureKind

log = logging.getLogger(__name__)

MACHINE = "probes"
_NO_TROUBLE = (ComponentStatus.OPERATIONAL, ComponentStatus.UNKNOWN, ComponentStatus.UNDER_MAINTENANCE)


# --- What probes saw ---------------------------------------------------------------------------


def observe(
    *,
    component: Component,
    status: str,
    since: datetime,
    now: datetime,
    evidence: Mapping[str, Any] | None = None,
    opens: bool = True,
) -> StatusChange | None:
    """Take over what probes confirmed: the component's public state, and a draft where trouble began.

    Not `opens`: the trouble was expected, or follows from another, so no draft is opened for it. Answers the change of the
    public state, if there was one. Doing it twice changes nothing.
    """
    with transaction.atomic():
        record.lock_head()
        component = Component.objects.select_for_update().get(pk=component.pk)
        if component.observed_status != status:
            component.observed_status, component.observed_since = status, since
            component.save(update_fields=["observed_status", "observed_since"])
        change = refresh_status(component=component, since=since, now=now)
        if status in _NO_TROUBLE:
            if status == ComponentStatus.OPERATIONAL:
                _drop_machine_drafts(component, now)
        elif not component.internal:
            _draft_trouble(component, status, since, now, evidence or {}, opens=opens)
        return change


def stop_observing(*, component: Component, now: datetime) -> StatusChange | None:
    """No enabled probe watches it any more: it shows what a person stated last."""
    with transaction.atomic():
        record.lock_head()
        component = Component.objects.select_for_update().get(pk=component.pk)
        component.observed_status, component.observed_since = "", None
        component.save(update_fields=["observed_status", "observed_since"])
        return refresh_status(component=component, since=now, now=now)


def refresh_status(*, component: Component, since: datetime, now: datetime) -> StatusChange | None:
    """Compute what the component shows and, if that differs, record it. The record's head must be locked.

    An internal component is never public: its state is kept, not recorded.
    """
    new, source = shown(component)
    if new == component.status:
        if source != component.status_source:
            component.status_source = source
            component.save(update_fields=["status_source"])
        return None
    change = None
    if not component.internal:
        change = StatusChange(
            component=component, old_status=component.status, new_status=new, source=source, at=now, since=since
        )
        entry = record.append(kind="component_status", data=record.status_change_data(change), texts={}, now=now)
        change.record_seq = entry.seq
        change.save()
    component.status, component.status_source, component.status_since = new, source, since
    component.save(update_fields=["status", "status_source", "status_since"])
    return change


def shown(component: Component) -> tuple[str, str]:
    """(status, source) by the precedence of the house, from the rows as they are."""
    override = component.overrides.standing().first()
    return rollup.shown(
        stated_by_incidents=stated_by_incidents(component),
        observed=component.observed_status,
        stated=component.stated_status,
        override=override.status if override else "",
        expected=windows.expected_of(component),
    )


def stated_by_incidents(component: Component) -> list[rollup.Stated]:
    """What each open published incident states last for the component."""
    newest: dict[int, rollup.Stated] = {}
    rows = (
        AffectedComponent.objects.filter(component=component, update__publication=Publication.PUBLISHED)
        .filter(update__incident__in=Incident.objects.unresolved())
        .select_related("update")
        .order_by("update__record_seq")
    )
    for row in rows:
        newest[row.update.incident_id] = rollup.Stated(row.new_status, overruled=row.overruled)
    return list(newest.values())


def _draft_trouble(
    component: Component, status: str, since: datetime, now: datetime, evidence: Mapping[str, Any], *, opens: bool
) -> None:
    """Open a draft for trouble that nobody has spoken of, or bring evidence and machine-written words up to date."""
    incident = drafts.open_incident_of(component)
    if incident is None:
        if opens:
            opened = drafts.open_draft(component=component, status=status, since=since, now=now, evidence=evidence)
            transaction.on_commit(partial(_tell, opened.incident, tracing.origin()))
        return
    incident.evidence = {**incident.evidence, component.code: {**evidence, "status": status, "since": record.timestamp(since)}}
    incident.save(update_fields=["evidence"])
    draft = incident.updates.drafts().first()
    if draft and drafts.is_untouched(draft):
        notice = notices.first_notice_for(status)
        if incident.publication == Publication.DRAFT and notice:
            AffectedComponent.objects.filter(update=draft, component=component).update(new_status=status)
            drafts.fill_from_notice(update=draft, notice=notice, component=component, now=now)


def _tell(incident: Incident, origin: str) -> None:
    with tracing.since(origin):
        log.info("A draft waits for a person: incident %s.", incident.public_id)


def _drop_machine_drafts(component: Component, now: datetime) -> None:
    """Trouble that nobody has spoken of is over: a first word about it would be untrue now. The rows and evidence stay."""
    drafted = Incident.objects.unresolved().filter(publication=Publication.DRAFT)
    for incident in drafted.filter(updates__affected__component=component).distinct():
        update = incident.updates.drafts().first()
        if update is None or drafts.has_person(incident) or not drafts.is_untouched(update):
            continue
        others = update.affected.exclude(component=component).exclude(component__observed_status__in=["", *_NO_TROUBLE])
        if not others.exists():
            drafts.discard(update=update, actor=None, now=now, reason="recovered before anything was said")


# --- Publishing --------------------------------------------------------------------------------


def mark_published(*, update: IncidentUpdate, actor: User | None, now: datetime, automatic: bool = False) -> RecordEntry:
    """Make a draft public in the record: its rows, its entry, and what the components show by it.

    Called by statuspage.publishing alone, inside its transaction with the head locked and the gates passed.
    """
    incident = update.incident
    affected = _frozen_affected(update)
    update.publication = Publication.PUBLISHED
    update.published_at = update.display_at = now
    update.published_by, update.automatic = actor, automatic
    update.holding = holding.languages_of(update)
    if update.status in IncidentStatus.closed():
        update.next_update_by = None
    _raise_impact(incident, update, _all_stated(incident, affected))
    entry = record.append(
        kind="incident_update",
        data=record.update_data(update, affected),
        texts=record.update_texts(update, affected),
        now=now,
    )
    update.record_seq = entry.seq
    update.save()
    _carry_to_incident(incident, update, now)
    if update.signature_kind == SignatureKind.BREAK_GLASS:
        breaking_glass.owe(update=update, now=now)
    if not incident.backfilled:  # what is over changes nothing that is shown now
        _show_stated(incident, affected, now)
    audit.log(
        act="update.publish",
        actor=actor,
        actor_name="publisher",
        now=now,
        target=update.public_id,
        details={"record_seq": entry.seq, "automatic": automatic, "reason": update.reason, "waived": update.waived},
    )
    return entry


def _show_stated(incident: Incident, affected: Sequence[AffectedComponent], now: datetime) -> None:
    """Bring what its components show up to what the incident says now."""
    for item in affected:
        component = item.component
        component.stated_status = item.new_status
        component.save(update_fields=["stated_status"])
    named = Component.objects.filter(affected__update__in=incident.updates.published()).distinct()
    for component in named:
        refresh_status(component=component, since=_since(component, incident, now), now=now)


def _since(component: Component, incident: Incident, now: datetime) -> datetime:
    """Since when a component is what it shows after this word: as probes date it, else the incident's start or this moment."""
    if component.observed_since:
        return component.observed_since
    return now if component.stated_status == ComponentStatus.OPERATIONAL else incident.started_at


def _frozen_affected(update: IncidentUpdate) -> list[AffectedComponent]:
    """What the update states, with the names and states of this moment kept in it."""
    affected = list(update.affected.select_related("component"))
    for item in affected:
        item.old_status = item.component.status
        item.name = in_all(by_language(item.component.name))
        item.overruled = _overruled(update, item)
        item.save(update_fields=["old_status", "name", "overruled"])
    return affected


def _overruled(update: IncidentUpdate, item: AffectedComponent) -> str:
    """What probes confirmed worse than what is stated, with a typed reason; "" where nothing was overruled."""
    observed = item.component.observed_status
    return observed if update.reason and observed and rollup.is_worse(observed, item.new_status) else ""


def _all_stated(incident: Incident, affected: Sequence[AffectedComponent]) -> list[str]:
    """What the incident says of every component it has named, once this word is public: those left out keep theirs."""
    stated: dict[int, str] = {}
    if incident.publication == Publication.PUBLISHED:
        rows = AffectedComponent.objects.filter(update__incident=incident, update__publication=Publication.PUBLISHED)
        stated |= rows.order_by("update__record_seq").values_list("component", "new_status")
    return list((stated | {item.component_id: item.new_status for item in affected}).values())


def _raise_impact(incident: Incident, update: IncidentUpdate, states: Sequence[str]) -> None:
    """A high-water mark, under what an operator set; a false alarm had none."""
    if update.status == IncidentStatus.FALSE_ALARM:
        incident.impact_computed = incident.impact = Impact.NONE
        return
    incident.impact_computed = rollup.impact(states, before=incident.impact_computed)
    incident.impact = incident.impact_override or incident.impact_computed


def _carry_to_incident(incident: Incident, update: IncidentUpdate, now: datetime) -> None:
    """The incident is what its last published update says. Reopened, it must be watched anew before it is over."""
    incident.publication = Publication.PUBLISHED
    incident.published_at = incident.published_at or now
    if update.published_by_id:
        incident.aware_at = incident.aware_at or now
    if incident.status in IncidentStatus.closed():
        incident.reopened_at, incident.resolved_at = now, None
        incident.monitoring_at, incident.mitigated_at = None, None
        incident.closed_at, incident.closed_by = None, None
    incident.status, incident.next_update_by = update.status, update.next_update_by
    if update.status == IncidentStatus.IDENTIFIED:
        incident.identified_at = incident.identified_at or now
    if update.status == IncidentStatus.MONITORING:
        incident.monitoring_at = incident.monitoring_at or now
        incident.mitigated_at = incident.mitigated_at or now
    if update.status in IncidentStatus.closed() and not incident.backfilled:
        incident.resolved_at = now
    incident.version += 1
    incident.save()
