"""From published rows to facts: every query of the public page starts here, at `.published()`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from itertools import count

from django.conf import settings
from django.db.models import Max, Prefetch, QuerySet
from django.utils.translation import gettext_noop

from incidents import corrections, exercise, intervals, uptime
from incidents.facts import ComponentFacts, GroupFacts, IncidentFacts, RedressFacts, Text, UpdateFacts
from incidents.languages import by_language, codes, to_read
from incidents.models import (
    AffectedComponent,
    Component,
    ComponentGroup,
    Correction,
    Incident,
    IncidentUpdate,
    RecordEntry,
    RecordHead,
    Redress,
)
from incidents.words import IncidentStatus, Publication, SignatureKind
from probes.models import ProbeSchedule
from statuspage import at_rest, clock_words, days, state_words
from statuspage.days import Days
from statuspage.page_planned import affected_facts

WORDS_AT_ONCE = 250


def component_facts(component: Component) -> ComponentFacts:
    """The same object as long as it says the same: what is made from it need not be compared word by word."""
    facts = _component_facts(component)
    known = _components.get(facts.public_id)
    if known == facts:
        return known
    if len(_components) >= KEPT_AT_MOST:
        _components.clear()
    _components[facts.public_id] = facts
    return facts


KEPT_AT_MOST = 4096
_components: dict[str, ComponentFacts] = {}  # by public id, as read last


def _component_facts(component: Component) -> ComponentFacts:
    return ComponentFacts(
        public_id=component.public_id,
        code=component.code,
        name=to_read(component.name),
        description=to_read(component.description),
        group=group_facts(component.group),
        status=component.status,
        source=component.status_source,
        since=component.status_since,
        watched=component.is_watched,
        created_at=component.created_at,
        critical=component.critical,
        only_show_if_degraded=component.only_show_if_degraded,
        showcase=component.showcase,
        start_date=component.start_date,
        owner=component.owner,
        channels=tuple(component.channels),
        areas=tuple(component.areas),
    )


def group_facts(group: ComponentGroup) -> GroupFacts:
    parent = group_facts(group.parent) if group.parent else None
    return GroupFacts(group.public_id, group.code, to_read(group.name), group.created_at, parent, group.has_heading)


def last_days(components: Sequence[Component], *, now: datetime, head: RecordHead) -> dict[str, Days]:
    """The last 90 days by public id of each component whose history is shown. Three queries, however many there are. `head`: the
    record's in the same moment."""
    zone = clock_words.zone()
    shown = intervals.shown(components=components, start=days.begin_of(now, zone), end=now, head=head)
    first, last = days.begin_of(now, zone).astimezone(zone).date(), now.astimezone(zone).date()
    return {
        component.public_id: _row_of_days(
            tuple(replace(piece, end=None) if piece.end == now else piece for piece in shown[component.pk]),
            (first, last),
            _settled(shown[component.pk], now),
            (settings.UPTIME_RULE, settings.PAGE_TIME_ZONE, component.start_date),
        )
        for component in components
        if component.showcase
    }


def _settled(pieces: Sequence[uptime.Interval], now: datetime) -> datetime:
    """The minute it is, so that a row is made once a minute; the very moment when something changed since it began."""
    minute = now.replace(second=0, microsecond=0)
    return now if any(piece.start > minute for piece in pieces) else minute


@lru_cache(maxsize=512)
def _row_of_days(
    pieces: tuple[uptime.Interval, ...],
    span: tuple[date, date],
    now: datetime,
    rule_zone_and_start: tuple[str, str, date | None],
) -> Days:
    """A row hangs on nothing else: of two hundred services a publication changes one or two."""
    rule_code, _, history_from = rule_zone_and_start
    first, last = span
    return days.row(
        pieces,
        first=first,
        last=last,
        zone=clock_words.zone(),
        now=now,
        rule=uptime.RULES[rule_code],
        history_from=history_from,
    )


def newest_outcome() -> datetime | None:
    """Of any probe."""
    newest: datetime | None = ProbeSchedule.objects.active().aggregate(at=Max("last_outcome_at"))["at"]
    return newest


def last_change(seq: int, components: Sequence[ComponentFacts], now: datetime) -> datetime:
    """When anything public last changed: the record's last entry, or the youngest component before there is one."""
    at = RecordEntry.objects.filter(seq=seq).values_list("at", flat=True).first()
    return at or max((component.created_at for component in components), default=now)


def rule() -> uptime.Rule:
    """The rule of every percentage on the page."""
    return uptime.RULES[settings.UPTIME_RULE]


def rule_words() -> Text:
    """The rule in every language; in English where nobody has put it into a language."""
    sentence = rule().sentence
    return {code: sentence.get(code, sentence["en"]) for code in codes()}


def recent_incidents(length: int, *, head: RecordHead, components: Sequence[ComponentFacts]) -> list[IncidentFacts]:
    """The last so many by their newest word, gone ones too, and all that are open. `head` and `components` as they were read
    before."""
    public = Incident.objects.published()
    standing = public.standing()
    still_open = standing.filter(status__in=IncidentStatus.going_on()).order_by()  # found by their state, not by their beginning
    chosen = {*_spoken_of_last(length), *still_open.values_list("pk", flat=True)}
    over = at_rest.kept(head, components)
    known = {pk: over[pk] for pk in chosen if pk in over}
    unread = list(with_updates(public.filter(pk__in=chosen - set(known))))
    read = {row.pk: facts for row, facts in zip(unread, facts_of(unread), strict=True)}
    at_rest.keep(head, components, {pk: facts for pk, facts in (known | read).items() if not facts.is_open})
    by_number = sorted((known | read).items(), reverse=True)
    return sorted((facts for _, facts in by_number), key=lambda incident: incident.last_word_at, reverse=True)


def _spoken_of_last(length: int) -> list[int]:
    """The last so many incidents by their newest word, found from the newest on: as quick after years as on the first day."""
    # Without a join: the words lie in the order of the index, and few incidents are asked for.
    said = IncidentUpdate.objects.filter(publication=Publication.PUBLISHED).order_by("-display_at", "-incident_id")
    public = Incident.objects.published().order_by()
    found: dict[int, None] = {}
    for start in count(step=WORDS_AT_ONCE):
        words = list(said.values_list("incident_id", flat=True)[start : start + WORDS_AT_ONCE])
        shown = set(public.filter(pk__in=set(words)).values_list("pk", flat=True))
        found |= dict.fromkeys(incident for incident in words if incident in shown)
        if len(words) < WORDS_AT_ONCE or len(found) >= length:
            return list(found)[:length]
    raise AssertionError("count() has no end")


def with_updates(incidents: QuerySet[Incident]) -> QuerySet[Incident]:
    """With published updates only; what is for staff is not even read."""
    affected = AffectedComponent.objects.select_related("component__group")
    corrected = Correction.objects.filter(publication=Publication.PUBLISHED).order_by("record_seq")
    updates = IncidentUpdate.objects.published().defer("reason")
    updates = updates.prefetch_related(Prefetch("affected", affected), Prefetch("corrections", corrected))
    redress = Redress.objects.filter(publication=Publication.PUBLISHED).order_by("record_seq")
    redress = redress.prefetch_related(Prefetch("corrections", corrected))
    rows = incidents.defer("evidence").select_related("follows", "merged_into")
    return rows.prefetch_related(Prefetch("updates", updates), Prefetch("redress", redress), "missed_promises")


def merged_into(incidents: Iterable[Incident]) -> dict[str, list[IncidentFacts]]:
    """What was merged into each of these, by public id, in the order of their beginning. One query where nothing was."""
    found: dict[str, list[IncidentFacts]] = {}
    rows = with_updates(Incident.objects.published().filter(merged_into__in=list(incidents)))
    for facts in facts_of(rows.order_by("started_at", "id")):
        found.setdefault(facts.merged_into, []).append(facts)
    return found


def facts_of(incidents: Iterable[Incident]) -> list[IncidentFacts]:
    """Of rows from `with_updates`, in their order. One query where some were merged, else none."""
    rows = list(incidents)
    merged_at = _merged_at([row for row in rows if row.merged_into])
    return [_incident_facts(row, merged_at.get(row.public_id)) for row in rows]


def _incident_facts(incident: Incident, merged_at: datetime | None) -> IncidentFacts:
    rows = list(incident.updates.all())  # published, newest first, by the prefetch
    earlier: list[IncidentUpdate | None] = [*rows[1:], None][: len(rows)]
    assert incident.published_at is not None
    corrected = sorted((one for row in rows for one in row.corrections.all()), key=lambda one: one.record_seq or 0)
    name = {"name": by_language(incident.name)}
    return IncidentFacts(
        public_id=incident.public_id,
        name=to_read(exercise.marked(corrections.now_said(name, corrected)["name"])),
        status=incident.status,
        impact=incident.impact,
        started_at=incident.started_at,
        published_at=incident.published_at,
        monitoring_at=incident.monitoring_at,
        resolved_at=incident.resolved_at,
        next_update_by=incident.next_update_by,
        updates=tuple(_update_facts(row, before) for row, before in zip(rows, earlier, strict=True)),
        identified_at=incident.identified_at,
        mitigated_at=incident.mitigated_at,
        reopened_at=incident.reopened_at,
        withdrawn_at=incident.withdrawn_at,
        follows=incident.follows.public_id if incident.follows else "",
        merged_into=incident.merged_into.public_id if incident.merged_into else "",
        backfilled=incident.backfilled,
        missed_promises=tuple(missed.promised_by for missed in incident.missed_promises.all()),
        redress=tuple(map(_redress_facts, incident.redress.all())),
        earlier_names=tuple(corrections.earlier(name, corrected)),
        first_word_by_hand=incident.first_public_update_at,
        impact_override=incident.impact_override,
        merged_at=merged_at,
        gone_words=_gone_words(incident),
    )


def _merged_at(merged: Sequence[Incident]) -> dict[str, datetime]:
    """By public id. The record knows it: the entry comes after the last word of each."""
    if not merged:
        return {}
    last = min(max((update.record_seq or 0 for update in row.updates.all()), default=0) for row in merged)
    entries = RecordEntry.objects.filter(kind="incident_merged", seq__gt=last)
    return {json.loads(body)["data"]["incident"]: at for body, at in entries.values_list("body", "at")}


def _gone_words(incident: Incident) -> Text:
    if incident.withdrawn_at:
        return state_words.say(gettext_noop("We took this back: it was no problem of our services."))
    if incident.merged_into:
        return state_words.say(gettext_noop("This is part of another problem."))
    return {}


def _redress_facts(redress: Redress) -> RedressFacts:
    assert redress.published_at is not None
    originals, corrected = corrections.said(redress), list(redress.corrections.all())
    words = {field: to_read(text) for field, text in corrections.now_said(originals, corrected).items()}
    earlier = tuple(corrections.earlier(originals, corrected))
    return RedressFacts(words["who"], words["how"], words["complain"], redress.good_by, redress.published_at, earlier)


def _update_facts(update: IncidentUpdate, before: IncidentUpdate | None) -> UpdateFacts:
    assert update.display_at is not None
    assert update.published_at is not None
    assert update.record_seq is not None
    said = {"body": by_language(update.body), **update.more_words()}
    now = corrections.now_said(said, update.corrections.all())
    return UpdateFacts(
        public_id=update.public_id,
        status=update.status,
        display_at=update.display_at,
        published_at=update.published_at,
        next_update_by=update.next_update_by,
        promised_by=before.next_update_by if before else None,
        deliver_notifications=update.deliver_notifications,
        presigned=update.signature_kind == SignatureKind.NOTICE,
        record_seq=update.record_seq,
        affected=tuple(map(affected_facts, update.affected.all())),
        earlier=tuple(corrections.earlier(said, update.corrections.all())),
        **{field: to_read(text) for field, text in now.items()},
        attribution=update.attribution,
        channels=tuple(update.channels),
        areas=tuple(update.areas),
        share_affected=update.share_affected,
        holding=_still_holding(update),
        share_source=update.share_source,
    )


def bodies(updates: Iterable[int]) -> dict[int, Text]:
    """{id: words as last corrected} of these published updates. Two queries."""
    corrected = Correction.objects.filter(publication=Publication.PUBLISHED).order_by("record_seq")
    rows = IncidentUpdate.objects.published().filter(pk__in=list(updates)).defer("reason")
    return {row.pk: _body_now(row) for row in rows.prefetch_related(Prefetch("corrections", corrected))}


def _still_holding(update: IncidentUpdate) -> tuple[str, ...]:
    """Languages whose holding text no correction has replaced."""
    said, now = by_language(update.body), _body_now(update)
    return tuple(code for code in update.holding if said[code] == now[code])


def _body_now(update: IncidentUpdate) -> Text:
    """As last corrected."""
    return corrections.now_said({"body": by_language(update.body)}, update.corrections.all())["body"]
