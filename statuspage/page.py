"""All that the public may know, as frozen values: every query starts at `.published()`, every face is made from this."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Max, Prefetch, Q, QuerySet
from django.utils.translation import gettext_noop

from incidents import record, rollup
from incidents.facts import (
    AffectedFacts,
    AnnouncementFacts,
    ComponentFacts,
    EarlierText,
    GroupFacts,
    IncidentFacts,
    MaintenanceFacts,
    RedressFacts,
    Text,
    UpdateFacts,
)
from incidents.languages import by_language
from incidents.models import (
    AffectedComponent,
    Component,
    ComponentGroup,
    Correction,
    Incident,
    IncidentUpdate,
    RecordEntry,
    Redress,
)
from incidents.public_ids import ALPHABET
from incidents.words import ComponentStatus, IncidentStatus, Publication, SignatureKind
from probes.models import ProbeSchedule
from statuspage import page_planned, state_words
from statuspage.page_planned import affected_facts

FEED_LENGTH = 25
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
    """A component with its word. `note` says who reports it, where no probe does."""

    facts: ComponentFacts
    word: Text
    note: Text | None


@dataclass(frozen=True, slots=True)
class GroupNow:
    facts: GroupFacts
    components: tuple[ComponentNow, ...]

    @property
    def listed(self) -> tuple[ComponentNow, ...]:
        """Those a page lists: without what is shown only while something is wrong with it."""
        return tuple(component for component in self.components if not component.facts.is_hidden)

    @property
    def worst(self) -> str:
        return rollup.worst(component.facts.status for component in self.components)


@dataclass(frozen=True, slots=True)
class AffectedNow:
    """A component an incident names: as it is now on the home page; on the incident's own page as last stated, or at its worst
    once the incident is over."""

    name: Text
    status: str
    word: Text


@dataclass(frozen=True, slots=True)
class UpdateNow:
    facts: UpdateFacts
    phase: Text


@dataclass(frozen=True, slots=True)
class Heard:
    """Something said beside the words of the updates, under its heading."""

    heading: Text
    text: Text


@dataclass(frozen=True, slots=True)
class IncidentNow:
    facts: IncidentFacts
    phase: Text
    beside: tuple[Heard, ...]
    affected: tuple[AffectedNow, ...]
    updates: tuple[UpdateNow, ...]  # newest first
    promise: Promise | None


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
    open_incidents: tuple[IncidentNow, ...]  # newest word first
    promise: Promise | None
    recent: tuple[IncidentFacts, ...]  # the last 25 and all open ones, newest word first
    maintenances: tuple[MaintenanceFacts, ...] = ()  # announced and not over, the next one first
    announcements: tuple[AnnouncementFacts, ...] = ()  # shown now, pinned ones first

    @property
    def components(self) -> tuple[ComponentFacts, ...]:
        return tuple(component.facts for group in self.groups for component in group.components)

    @property
    def band(self) -> tuple[str, ...]:
        """One status a shape, in page order."""
        statuses = tuple(component.status for component in self.components)
        return statuses if len(statuses) <= BAND_LIMIT else tuple(group.worst for group in self.groups)

    @property
    def closed(self) -> tuple[IncidentFacts, ...]:
        return tuple(incident for incident in self.recent if not incident.is_open)


@dataclass(frozen=True, slots=True)
class IncidentPage:
    """One incident, for its own page: it says nothing about now, so it has one form. `record` is the entry of its last word."""

    identity: Identity
    incident: IncidentNow
    title: Text
    record: RecordPoint


def identity() -> Identity:
    address = urlsplit(settings.BASE_URL)
    number = int.from_bytes(hashlib.sha256(f"page {address.netloc}".encode()).digest())
    letters = [ALPHABET[number // len(ALPHABET) ** place % len(ALPHABET)] for place in range(12)]
    return Identity(
        id="".join(letters),
        name=settings.PROVIDER_NAME,
        url=settings.BASE_URL,
        host=address.hostname or "localhost",
        time_zone=settings.PAGE_TIME_ZONE,
        help_line=settings.HELP_LINE,
    )


def build_now(now: datetime) -> NowPage:
    """Everything about now, in a fixed number of queries. For rows and record to agree, call it inside one transaction."""
    head = record.head()
    components = [component_facts(component) for component in Component.objects.published()]
    recent = _recent_incidents()
    current = {component.public_id: component for component in components}
    open_incidents = tuple(_incident_now(incident, now, current) for incident in recent if incident.is_open)
    going_on = [incident.facts for incident in open_incidents]
    promises = [incident.promise for incident in open_incidents if incident.promise]
    return NowPage(
        identity=identity(),
        built_at=now,
        data_as_of=_newest_outcome(),
        updated_at=_last_change(head.seq, components, now),
        record=RecordPoint(head.seq, head.hash),
        groups=_grouped(components),
        worst=rollup.worst(component.status for component in components),
        sentence=state_words.headline(components, going_on),
        lead=state_words.lead(components, going_on, settings.HELP_LINE),
        action=state_words.action(components, going_on),
        count=state_words.counted(components),
        open_incidents=open_incidents,
        promise=min(promises, key=lambda promise: promise.at, default=None),
        recent=tuple(recent),
        maintenances=page_planned.live(),
        announcements=page_planned.announcements(now),
    )


def build_incident(public_id: str) -> IncidentPage:
    """A published incident's own page. Raises Incident.DoesNotExist."""
    return _incident_page(_incident_facts(_with_updates(Incident.objects.published()).get(public_id=public_id)))


def build_incidents(public_ids: Iterable[str]) -> list[IncidentPage]:
    """The pages of those of these incidents that are published."""
    rows = _with_updates(Incident.objects.published().filter(public_id__in=list(public_ids)))
    return [_incident_page(_incident_facts(row)) for row in rows.order_by("id")]


def months_of_incidents() -> dict[str, list[str]]:
    """{"2026-11": [public id, ...]} of every published incident."""
    months: dict[str, list[str]] = {}
    for public_id, published_at in Incident.objects.published().order_by("id").values_list("public_id", "published_at"):
        assert published_at is not None
        months.setdefault(f"{published_at.astimezone(UTC):%Y-%m}", []).append(public_id)
    return months


# --- From rows to facts ------------------------------------------------------------------------


def component_facts(component: Component) -> ComponentFacts:
    return ComponentFacts(
        public_id=component.public_id,
        code=component.code,
        name=by_language(component.name),
        description=by_language(component.description),
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
    return GroupFacts(group.public_id, group.code, by_language(group.name), group.created_at, parent, group.has_heading)


def _recent_incidents() -> list[IncidentFacts]:
    """The last 25 by their newest word, and all that are open."""
    spoken = Max("updates__display_at", filter=Q(updates__publication=Publication.PUBLISHED))
    standing = Incident.objects.published().filter(merged_into=None, withdrawn_at=None)
    newest = standing.annotate(last_word=spoken).order_by("-last_word", "-id")
    chosen = list(newest.values_list("pk", flat=True)[:FEED_LENGTH])
    rows = _with_updates(standing.filter(Q(pk__in=chosen) | ~Q(status__in=IncidentStatus.closed())))
    return sorted(map(_incident_facts, rows.order_by("-id")), key=lambda incident: incident.last_word_at, reverse=True)


def _with_updates(incidents: QuerySet[Incident]) -> QuerySet[Incident]:
    """With published updates only; what is for staff is not even read."""
    affected = AffectedComponent.objects.select_related("component__group")
    corrections = Correction.objects.filter(publication=Publication.PUBLISHED).order_by("record_seq")
    updates = IncidentUpdate.objects.published().defer("reason")
    updates = updates.prefetch_related(Prefetch("affected", affected), Prefetch("corrections", corrections))
    redress = Redress.objects.filter(publication=Publication.PUBLISHED).order_by("record_seq")
    rows = incidents.defer("evidence").select_related("follows", "merged_into")
    return rows.prefetch_related(Prefetch("updates", updates), Prefetch("redress", redress), "missed_promises")


def _incident_facts(incident: Incident) -> IncidentFacts:
    rows = list(incident.updates.all())  # published, newest first, by the prefetch
    earlier: list[IncidentUpdate | None] = [*rows[1:], None][: len(rows)]
    assert incident.published_at is not None
    return IncidentFacts(
        public_id=incident.public_id,
        name=by_language(incident.name),
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
    )


def _redress_facts(redress: Redress) -> RedressFacts:
    assert redress.published_at is not None
    texts = (by_language(redress.who), by_language(redress.how), by_language(redress.complain))
    return RedressFacts(*texts, redress.good_by, redress.published_at)


def _update_facts(update: IncidentUpdate, before: IncidentUpdate | None) -> UpdateFacts:
    assert update.display_at is not None
    assert update.published_at is not None
    assert update.record_seq is not None
    return UpdateFacts(
        public_id=update.public_id,
        status=update.status,
        body=_body_now(update),
        display_at=update.display_at,
        published_at=update.published_at,
        next_update_by=update.next_update_by,
        promised_by=before.next_update_by if before else None,
        deliver_notifications=update.deliver_notifications,
        presigned=update.signature_kind == SignatureKind.NOTICE,
        record_seq=update.record_seq,
        affected=tuple(map(affected_facts, update.affected.all())),
        earlier=_earlier_texts(update),
        **update.more_words(),
        attribution=update.attribution,
        channels=tuple(update.channels),
        areas=tuple(update.areas),
        share_affected=update.share_affected,
    )


def _body_now(update: IncidentUpdate) -> Text:
    """As last corrected."""
    corrections = list(update.corrections.all())
    return by_language(corrections[-1].body if corrections else update.body)


def _earlier_texts(update: IncidentUpdate) -> tuple[EarlierText, ...]:
    corrections = list(update.corrections.all())
    bodies = [update.body, *(correction.body for correction in corrections)]
    return tuple(
        EarlierText(by_language(body), correction.published_at, by_language(correction.reason))
        for body, correction in zip(bodies, corrections, strict=False)
        if correction.published_at
    )


# --- From facts to what is shown ---------------------------------------------------------------


def _grouped(components: Sequence[ComponentFacts]) -> tuple[GroupNow, ...]:
    groups: dict[str, list[ComponentFacts]] = {}
    for component in components:
        groups.setdefault(component.group.public_id, []).append(component)
    return tuple(GroupNow(members[0].group, tuple(map(_component_now, members))) for members in groups.values())


def _component_now(component: ComponentFacts) -> ComponentNow:
    note = None if component.watched else state_words.say(gettext_noop("Reported by our staff, not measured"))
    return ComponentNow(component, state_words.status_word(component.status), note)


def _incident_now(incident: IncidentFacts, now: datetime | None, current: dict[str, ComponentFacts]) -> IncidentNow:
    promise = None
    if incident.is_open and incident.next_update_by:
        promise = Promise(incident.next_update_by, late=now is not None and now > incident.next_update_by)
    return IncidentNow(
        facts=incident,
        phase=state_words.phase_word(incident.status),
        beside=_beside(incident),
        affected=tuple(_affected_now(item, current) for item in (incident.stated if incident.is_open else incident.worst_stated)),
        updates=tuple(UpdateNow(update, state_words.phase_word(update.status)) for update in incident.updates),
        promise=promise,
    )


def _affected_now(item: AffectedFacts, current: dict[str, ComponentFacts]) -> AffectedNow:
    shown = current.get(item.component_id)
    status = shown.status if shown else item.new_status
    return AffectedNow(item.name, status, state_words.status_word(status))


def _incident_page(incident: IncidentFacts) -> IncidentPage:
    shown = _incident_now(incident, None, {})
    title = incident.name
    if incident.status == IncidentStatus.RESOLVED:
        title = state_words.say(gettext_noop("Fixed: %(problem)s"), problem=incident.name)
    elif incident.withdrawn_at:
        title = state_words.say(gettext_noop("Withdrawn: %(problem)s"), problem=incident.name)
    elif incident.status == IncidentStatus.FALSE_ALARM:
        title = state_words.say(gettext_noop("No problem found: %(problem)s"), problem=incident.name)
    seq = max((update.record_seq for update in incident.updates), default=0)
    entry_hash = RecordEntry.objects.filter(seq=seq).values_list("hash", flat=True).first()
    return IncidentPage(identity(), shown, title, RecordPoint(seq, entry_hash or ""))


def _beside(incident: IncidentFacts) -> tuple[Heard, ...]:
    """What was last said beside the words, in the order of the page."""
    found = [(heading, say(incident.last_said(field))) for field, heading, say in _BESIDE if incident.last_said(field)]
    return tuple(Heard(state_words.say(heading), text) for heading, text in found)


_BESIDE: tuple[tuple[str, str, Callable[[Any], Text]], ...] = (
    ("what_to_do", gettext_noop("What to do"), lambda text: text),
    ("who_affected", gettext_noop("Who is affected"), lambda text: text),
    ("share_affected", gettext_noop("How many payments"), state_words.share),
    ("channels", gettext_noop("How you reach it"), state_words.channels),
    ("areas", gettext_noop("Where"), state_words.areas),
    ("still_works", gettext_noop("What still works"), lambda text: text),
    ("attribution", gettext_noop("Where the cause lies"), state_words.attribution),
)


def _newest_outcome() -> datetime | None:
    newest: datetime | None = ProbeSchedule.objects.active().aggregate(at=Max("last_outcome_at"))["at"]
    return newest


def _last_change(seq: int, components: Sequence[ComponentFacts], now: datetime) -> datetime:
    """When anything public last changed: the record's last entry, or the youngest component before there is one."""
    at = RecordEntry.objects.filter(seq=seq).values_list("at", flat=True).first()
    return at or max((component.created_at for component in components), default=now)


def shapes_on(statuses: Iterable[str]) -> set[str]:
    """The shapes a page with these states draws: `unknown` is always among them, since an aged copy turns to it."""
    return {*statuses, ComponentStatus.UNKNOWN.value}
