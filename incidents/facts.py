"""Pure: what the public may know of the record, as plain values.

No draft, no internal reason, no evidence and no author's name has a place here, so none can reach a face.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from incidents import rollup
from incidents.maintenance import AT_WORK, OVER
from incidents.words import ComponentStatus, IncidentStatus

Text = Mapping[str, str]  # one entry a configured language


@dataclass(frozen=True, slots=True)
class GroupFacts:
    public_id: str
    code: str
    name: Text
    created_at: datetime
    parent: GroupFacts | None = None
    has_heading: bool = True  # without one its components stand by themselves


@dataclass(frozen=True, slots=True)
class ComponentFacts:
    """A component and what it shows. `watched` is whether probes measure it; else our staff report it."""

    public_id: str
    code: str
    name: Text
    description: Text
    group: GroupFacts
    status: str
    source: str
    since: datetime | None
    watched: bool
    created_at: datetime
    critical: bool = False
    only_show_if_degraded: bool = False
    showcase: bool = True
    start_date: date | None = None
    owner: str = ""
    channels: tuple[str, ...] = ()
    areas: tuple[int, ...] = ()

    @property
    def changed_at(self) -> datetime:
        return self.since or self.created_at

    @property
    def is_operational(self) -> bool:
        return self.status == ComponentStatus.OPERATIONAL

    @property
    def is_hidden(self) -> bool:
        return self.only_show_if_degraded and self.is_operational


@dataclass(frozen=True, slots=True)
class AffectedFacts:
    """What one update says of one component; the name is the one it had then. `group_name` is empty where it is in no group."""

    component_id: str
    name: Text
    group_name: Text
    old_status: str
    new_status: str


@dataclass(frozen=True, slots=True)
class EarlierText:
    """Words that were corrected: what was said until `corrected_at`, and what was wrong with it. `field`: one of those that
    incidents.corrections knows."""

    body: Text
    corrected_at: datetime
    reason: Text
    field: str = "body"


@dataclass(frozen=True, slots=True)
class RedressFacts:
    """Who may have been charged twice or late, how and by when it is made good, where to complain."""

    who: Text
    how: Text
    complain: Text
    good_by: date
    published_at: datetime
    earlier: tuple[EarlierText, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdateFacts:
    """One public word. `promised_by` is when the word before it promised this one.

    Its texts are as last corrected, `earlier` is what they said before, oldest first. What it does not state is empty."""

    public_id: str
    status: str
    body: Text
    display_at: datetime
    published_at: datetime
    next_update_by: datetime | None
    promised_by: datetime | None
    deliver_notifications: bool
    presigned: bool
    record_seq: int
    affected: tuple[AffectedFacts, ...]
    earlier: tuple[EarlierText, ...] = ()
    what_to_do: Text | None = None
    who_affected: Text | None = None
    still_works: Text | None = None
    attribution: str = ""
    channels: tuple[str, ...] = ()
    areas: tuple[int, ...] = ()
    share_affected: int | None = None  # thousandths
    holding: tuple[str, ...] = ()  # languages whose words are still to come: the first one's stand in their place
    share_source: str = ""

    @property
    def share(self) -> tuple[int, str] | None:
        """How many payments in thousandths, and what measured it: said together, or not at all."""
        return None if self.share_affected is None else (self.share_affected, self.share_source)

    @property
    def corrected_at(self) -> datetime | None:
        return self.earlier[-1].corrected_at if self.earlier else None

    @property
    def lateness(self) -> timedelta:
        """How much later than promised it came; zero when in time or when nothing was promised."""
        late = self.display_at - self.promised_by if self.promised_by else timedelta()
        return max(late, timedelta())


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """A published incident with its published updates, newest first."""

    public_id: str
    name: Text
    status: str
    impact: str
    started_at: datetime
    published_at: datetime
    monitoring_at: datetime | None
    resolved_at: datetime | None
    next_update_by: datetime | None
    updates: tuple[UpdateFacts, ...]
    identified_at: datetime | None = None
    mitigated_at: datetime | None = None
    reopened_at: datetime | None = None
    withdrawn_at: datetime | None = None
    follows: str = ""
    merged_into: str = ""
    backfilled: bool = False
    missed_promises: tuple[datetime, ...] = ()
    redress: tuple[RedressFacts, ...] = ()
    earlier_names: tuple[EarlierText, ...] = ()  # oldest first
    first_word_by_hand: datetime | None = None  # our first word was elsewhere, or not seen here: as a person set it
    impact_override: str = ""
    merged_at: datetime | None = None
    gone_words: Text = field(default_factory=dict)  # what is said instead of it, once it is gone

    @property
    def first_word_at(self) -> datetime:
        return self.first_word_by_hand or self.published_at

    @property
    def is_open(self) -> bool:
        return not self.is_gone and self.status not in IncidentStatus.closed()

    @property
    def is_gone(self) -> bool:
        """Its link stays and leads elsewhere: merged into another incident, or withdrawn."""
        return bool(self.merged_into or self.withdrawn_at)

    @property
    def gone_at(self) -> datetime | None:
        return self.withdrawn_at or self.merged_at

    @property
    def last_word_at(self) -> datetime:
        return self.updates[0].display_at if self.updates else self.published_at

    @property
    def last_change_at(self) -> datetime:
        """The last word, the last correction of one, or the end of all that is said here."""
        changed = [update.corrected_at for update in self.updates if update.corrected_at]
        changed += [text.corrected_at for text in self.earlier_names]
        return max([self.last_word_at, *changed, *([self.gone_at] if self.gone_at else [])])

    def last_said(self, field: str) -> Any:
        """What the newest update that states `field` says of it; None when none does."""
        said = (getattr(update, field) for update in self.updates)
        return next((value for value in said if value not in (None, "", ())), None)

    @property
    def month(self) -> str:
        """The month it became public in (UTC, 2026-11): where it is kept, for ever."""
        return f"{self.published_at.astimezone(UTC):%Y-%m}"

    @property
    def stated(self) -> tuple[AffectedFacts, ...]:
        """The last thing said of each component it names, in the order they were first named."""
        last: dict[str, AffectedFacts] = {}
        for update in reversed(self.updates):
            for item in update.affected:
                last[item.component_id] = item
        return tuple(last.values())

    @property
    def worst_stated(self) -> tuple[AffectedFacts, ...]:
        """The worst thing said of each component it names: what it was about, once it is over."""
        worst: dict[str, AffectedFacts] = {}
        for item in (item for update in reversed(self.updates) for item in update.affected):
            before = worst.get(item.component_id)
            if before is None or rollup.is_worse(item.new_status, before.new_status):
                worst[item.component_id] = item
        return tuple(worst.values())


@dataclass(frozen=True, slots=True)
class MaintenanceFacts:
    """Announced planned work with its published updates, newest first. `expected`: the worst each component may show, by id."""

    public_id: str
    name: Text
    phase: str
    starts_at: datetime
    ends_at: datetime
    announced_at: datetime
    published_at: datetime
    verifying_at: datetime | None
    finished_at: datetime | None
    overrun_at: datetime | None
    expected: Mapping[str, str]
    updates: tuple[UpdateFacts, ...]
    recurrence: str = ""
    earlier_dates: tuple[tuple[datetime, datetime], ...] = ()  # announced before, oldest first
    earlier_names: tuple[EarlierText, ...] = ()
    automatic_start: bool = False
    automatic_end: bool = False

    @property
    def is_live(self) -> bool:
        return self.phase not in OVER

    @property
    def is_at_work(self) -> bool:
        return self.phase in AT_WORK

    @property
    def is_late(self) -> bool:
        """It has run past its announced end, and goes on."""
        return self.is_live and self.overrun_at is not None

    @property
    def last_word_at(self) -> datetime:
        return self.updates[0].display_at if self.updates else self.published_at

    @property
    def last_change_at(self) -> datetime:
        """The last word, or the last correction of one."""
        corrected = [update.corrected_at for update in self.updates if update.corrected_at]
        return max([self.last_word_at, *corrected, *(text.corrected_at for text in self.earlier_names)])


@dataclass(frozen=True, slots=True)
class AnnouncementFacts:
    """A warning or a piece of news without an incident, while it is shown."""

    public_id: str
    title: Text
    body: Text
    starts_at: datetime
    ends_at: datetime | None
    pinned: bool
    published_at: datetime
    earlier: tuple[EarlierText, ...] = ()
