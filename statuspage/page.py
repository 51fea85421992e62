"""All that the public may know, as frozen values: every query starts at `.published()`, every face is made from this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext_noop

from incidents import planned_words, record, rollup
from incidents.facts import (
    AffectedFacts,
    AnnouncementFacts,
    ComponentFacts,
    GroupFacts,
    IncidentFacts,
    MaintenanceFacts,
    Text,
    UpdateFacts,
)
from incidents.models import Component, Incident, RecordEntry, RecordHead
from incidents.public_ids import page_id
from incidents.statuspage_v2 import LISTED
from incidents.words import ComponentStatus, IncidentStatus
from statuspage import answers, clock_words, page_planned, page_reviews, reading, state_words
from statuspage.answers import Answer, StatementFacts
from statuspage.days import Days
from statuspage.page_beside import Heard, heard_beside
from statuspage.page_reviews import NOTHING_OWED, Reviewed
from statuspage.page_spread import SpreadRow, spread

FEED_LENGTH = 25
ANSWERS_SHOWN = timedelta(days=7)
BAND_LIMIT = 24  # above it the band shows one shape a group


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose page it is. `id` follows from the host, so it stays as long as the address does."""

    id: str
    name: str
    url: str
    host: str
    time_zone: str
    help_line: str


@dataclass(frozen=True, slots=True)
class RecordPoint:
    """The last entry of the record this was read at."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Promise:
    """When the next word is promised by; late once that has passed."""

    at: datetime
    late: bool


@dataclass(frozen=True, slots=True)
class ComponentNow:
    """A component with its word, how we know it, and its last 90 days (None: its history is not shown)."""

    facts: ComponentFacts
    word: Text
    source: Text
    days: Days | None


@dataclass(frozen=True, slots=True)
class GroupNow:
    facts: GroupFacts
    components: tuple[ComponentNow, ...]

    @property
    def under(self) -> GroupFacts | None:
        """The group it lies in, where there are two levels."""
        return self.facts.parent

    @property
    def listed(self) -> tuple[ComponentNow, ...]:
        """Those a page lists: without what is shown only while something is wrong with it."""
        return tuple(component for component in self.components if not component.facts.is_hidden)

    @property
    def worst(self) -> str:
        return rollup.worst(component.facts.status for component in self.components)

    @property
    def is_well(self) -> bool:
        return all(component.facts.is_operational for component in self.components)


@dataclass(frozen=True, slots=True)
class AffectedNow:
    """A component an incident names: as it is now on the home page; on the incident's own page as last stated, or at its worst
    once the incident is over."""

    name: Text
    status: str
    word: Text


@dataclass(frozen=True, slots=True)
class UpdateNow:
    """One public word: with what it says beside its text, and the states it stated."""

    facts: UpdateFacts
    phase: Text
    beside: tuple[Heard, ...]
    affected: tuple[AffectedNow, ...]


@dataclass(frozen=True, slots=True)
class IncidentNow:
    facts: IncidentFacts
    phase: Text
    beside: tuple[Heard, ...]
    affected: tuple[AffectedNow, ...]
    updates: tuple[UpdateNow, ...]  # newest first
    promise: Promise | None
    statements: tuple[StatementFacts, ...] = ()  # on money and data, newest first

    @property
    def said_of_safety(self) -> tuple[StatementFacts, ...]:
        """The same in the order of reading: what stands, what was taken back, what was said before."""
        return tuple(sorted(self.statements, key=lambda said: (not said.stands, said.taken_back is None)))

    @property
    def may_have_hit(self) -> bool:
        """May a payment have been touched by it?"""
        return bool(self.affected) and self.facts.status != IncidentStatus.FALSE_ALARM and not self.facts.is_gone

    @property
    def channels(self) -> Text | None:
        """Through which of them it was felt, where that was said."""
        stated = self.facts.last_said("channels")
        return state_words.channels(stated) if stated else None


@dataclass(frozen=True, slots=True)
class PlannedNow:
    """Announced work with its word, and the worst each service may show while it lasts."""

    facts: MaintenanceFacts
    phase: Text
    expected: tuple[AffectedNow, ...]
    updates: tuple[UpdateNow, ...]  # newest first


@dataclass(frozen=True, slots=True)
class NowPage:
    """The page about now. `built_at` is when the record was read; `data_as_of` the newest outcome of any probe."""

    identity: Identity
    built_at: datetime
    data_as_of: datetime | None
    updated_at: datetime
    record: RecordPoint
    groups: tuple[GroupNow, ...]
    worst: str
    sentence: Text
    lead: Text
    action: Text | None
    count: Text
    measured: Text | None  # which services our probes measure and which our staff report
    rule: Text  # how the percentages are made
    open_incidents: tuple[IncidentNow, ...]  # newest word first
    promise: Promise | None
    recent: tuple[IncidentFacts, ...]  # the last 25 and all open ones, newest word first
    maintenances: tuple[MaintenanceFacts, ...] = ()  # announced and not over, the next one first
    announcements: tuple[AnnouncementFacts, ...] = ()  # shown now, pinned ones first
    answers: tuple[Answer, ...] = ()  # to claims that circulate, the one that changed last first
    # For programs: the last 50 incidents, gone ones too, all open ones, what was said of money and data, and every answer.
    lately: tuple[IncidentFacts, ...] = ()
    statements: Mapping[str, tuple[StatementFacts, ...]] = field(default_factory=dict)
    all_answers: tuple[Answer, ...] = ()
    components: tuple[ComponentFacts, ...] = field(init=False, repr=False)  # of all groups, in page order

    def __post_init__(self) -> None:
        listed = tuple(component.facts for group in self.groups for component in group.components)
        object.__setattr__(self, "components", listed)

    @property
    def planned(self) -> tuple[PlannedNow, ...]:
        return tuple(planned_now(work, self.components) for work in self.maintenances)

    @property
    def band(self) -> tuple[str, ...]:
        """One status a shape, in page order."""
        statuses = tuple(component.status for component in self.components)
        return tuple(group.worst for group in self.groups) if self.is_long else statuses

    @property
    def is_long(self) -> bool:
        """More services than one looks over: what is well is folded, group by group."""
        return sum(len(group.components) for group in self.groups) > BAND_LIMIT

    @property
    def closed(self) -> tuple[IncidentFacts, ...]:
        return tuple(incident for incident in self.recent if not incident.is_open)


@dataclass(frozen=True, slots=True)
class IncidentPage:
    """One incident, for its own page: it says nothing about now, so it has one form. `record` is the entry of its last word.
    Only whether its review is late hangs on the clock (closing.reviews_turning).

    `action` is what to do as last stated, or what its worst state asks for; None once it is over. `spread` is how its services'
    states followed each other, a row a change, a state a service in the order of `incident.affected`; empty where there is
    nothing to see.
    """

    identity: Identity
    incident: IncidentNow
    title: Text
    record: RecordPoint
    action: Text | None
    month: str  # 2026-11, of its start, in the page's own zone
    spread: tuple[SpreadRow, ...]
    reviewed: Reviewed
    answers: tuple[Answer, ...]  # to claims about it
    merged: tuple[IncidentNow, ...]  # into it: their links lead here

    @property
    def promises(self) -> tuple[int, int]:
        """(kept, made) of the words that had been promised."""
        promised = [update for update in self.incident.facts.updates if update.promised_by]
        return sum(not update.lateness for update in promised), len(promised)

    @property
    def is_late(self) -> bool:
        """The word it promised did not come."""
        facts = self.incident.facts
        return bool(facts.is_open and facts.next_update_by and facts.next_update_by in facts.missed_promises)


def identity() -> Identity:
    address = urlsplit(settings.BASE_URL)
    return Identity(
        id=page_id(address.netloc),
        name=settings.PROVIDER_NAME,
        url=settings.BASE_URL,
        host=address.hostname or "localhost",
        time_zone=settings.PAGE_TIME_ZONE,
        help_line=settings.HELP_LINE,
    )


def build_now(now: datetime, *, head: RecordHead | None = None) -> NowPage:
    """Everything about now, in a fixed number of queries, in one transaction so that they agree. `head`: the record's in it."""
    head = head or record.head()
    rows = list(Component.objects.published())
    components = [reading.component_facts(row) for row in rows]
    lately = reading.recent_incidents(LISTED, head=head, components=components)
    recent = [one for place, one in enumerate(i for i in lately if not i.is_gone) if place < FEED_LENGTH or one.is_open]
    current = {component.public_id: component for component in components}
    said = answers.statements_of(incident.public_id for incident in lately)
    answered = answers.answers()
    open_incidents = tuple(
        replace(_incident_now(incident, now, current), statements=said.get(incident.public_id, ()))
        for incident in recent
        if incident.is_open
    )
    going_on = [incident.facts for incident in open_incidents]
    promises = [incident.promise for incident in open_incidents if incident.promise]
    return NowPage(
        identity=identity(),
        built_at=now,
        data_as_of=reading.newest_outcome(),
        updated_at=reading.last_change(head.seq, components, now),
        record=RecordPoint(head.seq, head.hash),
        groups=_grouped(components, reading.last_days(rows, now=now, head=head)),
        worst=rollup.worst(component.status for component in components),
        sentence=state_words.headline(components, going_on),
        lead=state_words.lead(components, going_on, settings.HELP_LINE),
        action=state_words.action(components, going_on),
        count=state_words.counted(components),
        measured=state_words.measured(components),
        rule=reading.rule_words(),
        open_incidents=open_incidents,
        promise=min(promises, key=lambda promise: promise.at, default=None),
        recent=tuple(recent),
        lately=tuple(lately),
        statements=said,
        all_answers=answered,
        maintenances=page_planned.live(),
        announcements=page_planned.announcements(now),
        answers=tuple(one for one in answered if now - one.changed_at < ANSWERS_SHOWN),
    )


def build_incident(public_id: str, *, now: datetime) -> IncidentPage:
    """A published incident's own page. Raises Incident.DoesNotExist."""
    for built in build_incidents([public_id], now=now):
        return built
    raise Incident.DoesNotExist(public_id)


def build_incidents(public_ids: Iterable[str], *, now: datetime, known: NowPage | None = None) -> list[IncidentPage]:
    """The pages of those of these incidents that are published, in a fixed number of queries. `known`: the page about now, where
    it was read in the same moment: what it tells of them is not read again."""
    rows = list(Incident.objects.published().filter(public_id__in=list(public_ids)).defer("evidence").order_by("id"))
    there = {incident.public_id: incident for incident in known.lately} if known else {}
    unread = [row.pk for row in rows if row.public_id not in there]
    if unread:
        read = reading.facts_of(reading.with_updates(Incident.objects.filter(pk__in=unread)))
        there |= {incident.public_id: incident for incident in read}
    found = [there[row.public_id] for row in rows]
    merged = reading.merged_into(rows)
    said = known.statements if known and not unread else answers.statements_of(incident.public_id for incident in found)
    reviewed = page_reviews.reviewed(rows, now=now)
    last = {incident.public_id: max((update.record_seq for update in incident.updates), default=0) for incident in found}
    answered = known.all_answers if known else answers.answers()
    hashes = dict(RecordEntry.objects.filter(seq__in=last.values()).values_list("seq", "hash"))
    return [
        _incident_page(
            incident,
            said.get(incident.public_id, ()),
            NOTHING_OWED if incident.is_gone else reviewed[incident.public_id],
            RecordPoint(seq := last[incident.public_id], hashes.get(seq, "")),
            tuple(answer for answer in answered if answer.now.incident == incident.public_id),
            tuple(_incident_now(one, None, {}) for one in merged.get(incident.public_id, ())),
        )
        for incident in found
    ]


def months_of_incidents() -> dict[str, list[str]]:
    """{"2026-11": [public id, ...]} of every published incident."""
    months: dict[str, list[str]] = {}
    for public_id, published_at in Incident.objects.published().order_by("id").values_list("public_id", "published_at"):
        assert published_at is not None
        months.setdefault(f"{published_at.astimezone(UTC):%Y-%m}", []).append(public_id)
    return months


# --- From facts to what is shown ---------------------------------------------------------------


def _grouped(components: Sequence[ComponentFacts], rows_of_days: Mapping[str, Days]) -> tuple[GroupNow, ...]:
    groups: dict[str, list[ComponentFacts]] = {}
    for component in components:
        groups.setdefault(component.group.public_id, []).append(component)
    return tuple(
        GroupNow(members[0].group, tuple(component_now(part, rows_of_days.get(part.public_id)) for part in members))
        for members in groups.values()
    )


def component_now(component: ComponentFacts, days: Days | None) -> ComponentNow:
    source = state_words.source_word(component.source, watched=component.watched)
    return ComponentNow(component, state_words.status_word(component.status), source, days)


def _incident_now(incident: IncidentFacts, now: datetime | None, current: dict[str, ComponentFacts]) -> IncidentNow:
    promise = None
    if incident.is_open and incident.next_update_by:
        promise = Promise(incident.next_update_by, late=now is not None and now > incident.next_update_by)
    return IncidentNow(
        facts=incident,
        phase=state_words.phase_word(incident.status),
        beside=heard_beside(incident.last_said),
        affected=_affected_now(incident.stated if incident.is_open else incident.worst_stated, current),
        updates=tuple(map(update_now, incident.updates)),
        promise=promise,
    )


def update_now(update: UpdateFacts) -> UpdateNow:
    """One public word as every face shows it."""
    return UpdateNow(
        facts=update,
        phase=state_words.phase_word(update.status),
        beside=heard_beside(lambda field: getattr(update, field)),
        affected=_affected_now(update.affected, {}),
    )


def planned_now(work: MaintenanceFacts, components: Sequence[ComponentFacts]) -> PlannedNow:
    expected = [
        (component, work.expected[component.public_id]) for component in components if component.public_id in work.expected
    ]
    own = state_words.names_of(components)
    return PlannedNow(
        facts=work,
        phase=state_words.say(planned_words.PHASE_WORDS[work.phase]),
        expected=tuple(AffectedNow(own[part.public_id], status, state_words.status_word(status)) for part, status in expected),
        updates=tuple(
            UpdateNow(update, state_words.say(planned_words.PHASE_WORDS[update.status]), (), ()) for update in work.updates
        ),
    )


def _affected_now(items: Sequence[AffectedFacts], current: dict[str, ComponentFacts]) -> tuple[AffectedNow, ...]:
    names = state_words.told_apart(
        [(item.name, item.group_name) for item in items], map(state_words.named_in_group, current.values())
    )
    shown = [current[item.component_id].status if item.component_id in current else item.new_status for item in items]
    return tuple(AffectedNow(name, status, state_words.status_word(status)) for name, status in zip(names, shown, strict=True))


def _incident_page(
    incident: IncidentFacts,
    said: tuple[StatementFacts, ...],
    reviewed: Reviewed,
    point: RecordPoint,
    answered: tuple[Answer, ...],
    merged: tuple[IncidentNow, ...],
) -> IncidentPage:
    shown = replace(_incident_now(incident, None, {}), statements=said)
    title = incident.name
    if incident.status == IncidentStatus.RESOLVED:
        title = state_words.say(gettext_noop("Fixed: %(problem)s"), problem=incident.name)
    elif incident.withdrawn_at:
        title = state_words.say(gettext_noop("Withdrawn: %(problem)s"), problem=incident.name)
    elif incident.status == IncidentStatus.FALSE_ALARM:
        title = state_words.say(gettext_noop("No problem found: %(problem)s"), problem=incident.name)
    return IncidentPage(
        identity=identity(),
        incident=shown,
        title=title,
        record=point,
        action=_incident_action(incident),
        month=f"{incident.started_at.astimezone(clock_words.zone()):%Y-%m}",
        spread=spread(incident),
        reviewed=reviewed,
        answers=answered,
        merged=merged,
    )


def _incident_action(incident: IncidentFacts) -> Text | None:
    if not incident.is_open:
        return None
    stated: Text | None = incident.last_said("what_to_do")
    return stated or state_words.action_of(rollup.worst(item.new_status for item in incident.stated))


def shapes_on(statuses: Iterable[str]) -> set[str]:
    """The shapes a page with these states draws: `unknown` is always among them, since an aged copy turns to it."""
    return {*statuses, ComponentStatus.UNKNOWN.value}
