"""Pure: the deadlines that follow from an incident's timestamps, by profiles that are data (incidents/profiles/*.toml).

A clock only counts. What it asks for is filed by a person, who says so; nothing is sent anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Any

from dateutil.relativedelta import relativedelta

from incidents.words import Impact

# What a rule may count from; "filed.<code>" is when the filing of that code was handed in.
MOMENTS = (
    "first_customer_impact",
    "detected",
    "aware",
    "executive_informed",
    "classified_major",
    "first_public_update",
    "identified",
    "mitigated",
    "resolved",
    "review_published",
    "customers_told",
    "breach_aware",
    "planned_known",
    "planned_announced",
    "planned_start",
    "planned_end",
    "planned_finished",
)
# Under which conditions a rule applies. `cyber`: security related is not "no". `breach`: a breach record is open.
FLAGS = ("planned", "major", "cyber", "breach", "processor", "system_wide_important", "essential_entity")
DEPLOYMENT_FLAGS = ("processor", "system_wide_important", "essential_entity")  # what a provider is, whatever happened
AUDIENCES = ("regulator", "customers", "ourselves")
_SPANS = ("minutes", "hours", "days", "months", "business_days")
_SOON_AT_MOST = timedelta(hours=12)


class ProfileError(ValueError):
    """A profile's data cannot be used. The message names the profile, the rule and what to mend."""


class ClockState(StrEnum):
    NOT_STARTED = "not_started"
    RUNNING = "running"
    DUE = "due"  # the last quarter of its time, or at once where the rule names no number
    MET = "met"
    MISSED = "missed"  # not handed in when it was due, or handed in late


# --- Profiles ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time as rules state it; business days and months need a calendar."""

    minutes: int = 0
    hours: int = 0
    days: int = 0
    months: int = 0
    business_days: int = 0

    @property
    def fixed(self) -> timedelta:
        return timedelta(minutes=self.minutes, hours=self.hours, days=self.days)


@dataclass(frozen=True, slots=True)
class Term:
    """A span after (or before) the latest known of some moments. `unless_over_by`: the term counts only if it had not run out yet
    when that moment came."""

    of: tuple[str, ...]
    span: Span
    before: bool = False
    unless_over_by: str = ""


@dataclass(frozen=True, slots=True)
class Only:
    """The rule begins a span after a moment, and not at all if `unless` came first."""

    of: str
    span: Span
    unless: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One deadline. Of several terms the earliest counts. Without a span the source says “without delay”: due at once, never
    missed by the clock. `met_by` are moments that fulfil it without a filing."""

    code: str
    to: str
    what: str
    audience: str
    within: tuple[Term, ...]
    when: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    only: Only | None = None
    met_by: tuple[str, ...] = ()
    filed_as: str = ""
    rolls_to_noon: bool = False
    rolls_unless: str = ""
    note: str = ""
    draft: Mapping[str, str] = field(default_factory=dict)

    @property
    def filing(self) -> str:
        """The code under which it is handed in; two rules of which only one can apply share it."""
        return self.filed_as or self.code


@dataclass(frozen=True, slots=True)
class Profile:
    """A jurisdiction's rules. `weekend`: days without work, Monday is 0. `source` says where they were read, and how far."""

    code: str
    name: str
    on_by_default: bool
    source: str
    weekend: frozenset[int]
    rules: tuple[Rule, ...]


def parse_profile(data: Mapping[str, Any]) -> Profile:
    """A profile from its data. Raises ProfileError for whatever is missing, misspelt or unknown."""
    code = str(data.get("code", "?"))
    _known_keys(data, {"code", "name", "on_by_default", "source", "weekend", "deadline"}, code)
    rules = tuple(_rule(item, code) for item in _value(data, "deadline", code))
    codes = [rule.code for rule in rules]
    if len(set(codes)) < len(codes):
        raise ProfileError(f"{code}: two deadlines have the same code")
    for rule in rules:
        _check_moments(rule, {one.filing for one in rules}, code)
    return Profile(
        code=code,
        name=str(_value(data, "name", code)),
        on_by_default=bool(data.get("on_by_default", False)),
        source=str(_value(data, "source", code)),
        weekend=frozenset(data.get("weekend", (5, 6))),
        rules=rules,
    )


def _rule(data: Mapping[str, Any], profile: str) -> Rule:
    where = f"{profile}.{data.get('code', '?')}"
    _known_keys(data, set(Rule.__dataclass_fields__), where)
    rule = Rule(
        code=str(_value(data, "code", where)),
        to=str(_value(data, "to", where)),
        what=str(_value(data, "what", where)),
        audience=str(_value(data, "audience", where)),
        within=tuple(_term(item, where) for item in _value(data, "within", where)),
        when=tuple(data.get("when", ())),
        needs=tuple(data.get("needs", ())),
        only=_only(data["only"], where) if "only" in data else None,
        met_by=tuple(data.get("met_by", ())),
        filed_as=str(data.get("filed_as", "")),
        rolls_to_noon=bool(data.get("rolls_to_noon", False)),
        rolls_unless=str(data.get("rolls_unless", "")),
        note=str(data.get("note", "")),
        draft=dict(data.get("draft", {})),
    )
    if rule.audience not in AUDIENCES:
        raise ProfileError(f"{where}: audience is one of {', '.join(AUDIENCES)}")
    for flag in (name.removeprefix("not ") for name in (*rule.when, rule.rolls_unless) if name):
        if flag not in FLAGS:
            raise ProfileError(f"{where}: there is no condition {flag}")
    return rule


def _term(data: Mapping[str, Any], where: str) -> Term:
    _known_keys(data, {"of", "before", "unless_over_by", *_SPANS}, where)
    of = _value(data, "of", where)
    return Term(
        of=(of,) if isinstance(of, str) else tuple(of),
        span=_span(data),
        before=bool(data.get("before", False)),
        unless_over_by=str(data.get("unless_over_by", "")),
    )


def _only(data: Mapping[str, Any], where: str) -> Only:
    _known_keys(data, {"of", "unless", *_SPANS}, where)
    return Only(str(_value(data, "of", where)), _span(data), str(_value(data, "unless", where)))


def _span(data: Mapping[str, Any]) -> Span:
    return Span(**{name: int(data[name]) for name in _SPANS if name in data})


def _value(data: Mapping[str, Any], key: str, where: str) -> Any:
    if key not in data:
        raise ProfileError(f"{where}: {key} is missing")
    return data[key]


def _known_keys(data: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(set(data) - known):
        raise ProfileError(f"{where}: there is no key {', '.join(unknown)}")


def _check_moments(rule: Rule, filings: set[str], profile: str) -> None:
    named = [*rule.met_by, *rule.needs]
    for term in rule.within:
        named += [*term.of, *([term.unless_over_by] if term.unless_over_by else [])]
    named += [rule.only.of, rule.only.unless] if rule.only else []
    known = {*MOMENTS, *(f"filed.{filing}" for filing in filings)}
    if unknown := sorted(set(named) - known):
        raise ProfileError(f"{profile}.{rule.code}: there is no moment {', '.join(unknown)}")


# --- Deadlines -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Situation:
    """What the clocks look at. `moments` by the names in MOMENTS; `filed` by filing code; `flags` out of FLAGS."""

    moments: Mapping[str, datetime]
    flags: frozenset[str] = frozenset()
    filed: Mapping[str, datetime] = field(default_factory=dict)
    holidays: frozenset[date] = frozenset()

    def at(self, moment: str) -> datetime | None:
        if moment.startswith("filed."):
            return self.filed.get(moment.removeprefix("filed."))
        return self.moments.get(moment)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A clock. `due_at` None: it has not started, or the source names no number (`without_delay`)."""

    profile: str
    rule: Rule
    state: ClockState
    starts_at: datetime | None
    due_at: datetime | None
    met_at: datetime | None

    @property
    def without_delay(self) -> bool:
        return self.starts_at is not None and self.due_at is None

    @property
    def late_by(self) -> timedelta:
        """How late it was handed in; zero when in time, not handed in, or without a number."""
        late = self.met_at - self.due_at if self.met_at and self.due_at else timedelta()
        return max(late, timedelta())


def flags(
    *,
    planned: bool = False,
    impact: str = Impact.NONE,
    security: str = "unknown",
    breach: bool = False,
    deployment: Iterable[str] = (),
) -> frozenset[str]:
    """The conditions of an incident: security related counts unless it was answered with “no”; a deployment adds what it is
    (`processor`, `system_wide_important`, `essential_entity`)."""
    facts = {
        "planned": planned,
        "major": impact in (Impact.MAJOR, Impact.CRITICAL),
        "cyber": security != "no" and not planned,
        "breach": breach,
    }
    return frozenset(name for name, holds in facts.items() if holds) | frozenset(deployment)


def chosen(profiles: Mapping[str, Profile], codes: Iterable[str] | None) -> list[Profile]:
    """The profiles a deployment switched on; None: those that are on by default. Raises ProfileError for an unknown code."""
    if codes is None:
        return [profile for profile in profiles.values() if profile.on_by_default]
    if unknown := sorted(set(codes) - set(profiles)):
        raise ProfileError(f"There is no profile {', '.join(unknown)}; there are {', '.join(sorted(profiles))}.")
    return [profiles[code] for code in codes]


def deadlines(profiles: Iterable[Profile], situation: Situation, *, zone: tzinfo, now: datetime) -> list[Deadline]:
    """Every clock that applies, the most pressing first: missed, due, running, then met, then not started."""
    found = [
        deadline
        for profile in profiles
        for rule in profile.rules
        if (deadline := _deadline(profile, rule, situation, zone, now)) is not None
    ]
    return sorted(found, key=_pressing)


_ORDER = (ClockState.MISSED, ClockState.DUE, ClockState.RUNNING, ClockState.MET, ClockState.NOT_STARTED)


def _pressing(deadline: Deadline) -> tuple[bool, int, datetime, str]:
    """Missed and handed in late needs no hurry any more: it stands with the met ones."""
    state = ClockState.MET if deadline.met_at else deadline.state
    when = deadline.due_at or deadline.starts_at or datetime.max.replace(tzinfo=UTC)
    return deadline.met_at is not None, _ORDER.index(state), when, deadline.rule.code


def _deadline(profile: Profile, rule: Rule, situation: Situation, zone: tzinfo, now: datetime) -> Deadline | None:
    if not _applies(rule, situation):
        return None
    met_at = _met_at(rule, situation)
    starts_at = _starts_at(rule, situation)
    if starts_at is None or any(situation.at(moment) is None for moment in rule.needs):
        return Deadline(profile.code, rule, ClockState.NOT_STARTED, None, None, met_at)
    due_at, allowed = _due(profile, rule, situation, zone)
    state = _state(now=now, starts_at=starts_at, due_at=due_at, allowed=allowed, met_at=met_at)
    return Deadline(profile.code, rule, state, starts_at, due_at, met_at)


def _applies(rule: Rule, situation: Situation) -> bool:
    for name in rule.when:
        if (name.removeprefix("not ") in situation.flags) == name.startswith("not "):
            return False
    if rule.only is None:
        return True
    began, ended = situation.at(rule.only.of), situation.at(rule.only.unless)
    return not (began and ended and ended <= began + rule.only.span.fixed)


def _met_at(rule: Rule, situation: Situation) -> datetime | None:
    found = [situation.filed.get(rule.filing), *(situation.at(moment) for moment in rule.met_by)]
    return min((moment for moment in found if moment), default=None)


def _starts_at(rule: Rule, situation: Situation) -> datetime | None:
    """The earliest moment that any term counts from; not before what `only` waits for."""
    froms = [moment for term in rule.within if (moment := _counts_from(term, situation))]
    if not froms:
        return None
    if rule.only is None:
        return min(froms)
    began = situation.at(rule.only.of)
    return max(min(froms), began + rule.only.span.fixed) if began else None


def _counts_from(term: Term, situation: Situation) -> datetime | None:
    """A term that ends before planned work runs from when the work was known."""
    moment = _latest(term, situation)
    return situation.at("planned_known") if term.before and moment else moment


def _latest(term: Term, situation: Situation) -> datetime | None:
    return max((moment for name in term.of if (moment := situation.at(name))), default=None)


def _due(profile: Profile, rule: Rule, situation: Situation, zone: tzinfo) -> tuple[datetime | None, timedelta]:
    """When it is due, and how much time the rule gives; (None, 0) where the source names no number."""
    ends = [(end, abs(end - start)) for start, end in _ends(profile, rule, situation, zone)]
    if not ends:
        return None, timedelta()
    due_at, allowed = min(ends)
    if rule.rolls_to_noon and rule.rolls_unless not in situation.flags:
        due_at = _rolled(due_at, profile, situation, zone)
    return due_at, allowed


def _ends(profile: Profile, rule: Rule, situation: Situation, zone: tzinfo) -> list[tuple[datetime, datetime]]:
    found = []
    for term in rule.within:
        start = _latest(term, situation)
        if start is None or term.span == Span():
            continue
        end = _shifted(start, term, profile, situation, zone)
        cut = situation.at(term.unless_over_by) if term.unless_over_by else None
        if cut is None or cut <= end:
            found.append((start, end))
    return found


def _shifted(start: datetime, term: Term, profile: Profile, situation: Situation, zone: tzinfo) -> datetime:
    direction = -1 if term.before else 1
    moved = start + direction * term.span.fixed
    if term.span.months:  # in the place's calendar: the same day and clock time a month on
        moved = (moved.astimezone(zone) + relativedelta(months=direction * term.span.months)).astimezone(UTC)
    left = term.span.business_days
    while left:
        moved = (moved.astimezone(zone) + timedelta(days=direction)).astimezone(UTC)
        left -= _is_working_day(moved, profile, situation, zone)
    return moved


def _is_working_day(moment: datetime, profile: Profile, situation: Situation, zone: tzinfo) -> bool:
    day = moment.astimezone(zone).date()
    return day.weekday() not in profile.weekend and day not in situation.holidays


def _rolled(due_at: datetime, profile: Profile, situation: Situation, zone: tzinfo) -> datetime:
    """On a weekend or holiday: noon of the next working day."""
    if _is_working_day(due_at, profile, situation, zone):
        return due_at
    moved = due_at
    while not _is_working_day(moved, profile, situation, zone):
        moved = (moved.astimezone(zone) + timedelta(days=1)).astimezone(UTC)
    return datetime.combine(moved.astimezone(zone).date(), time(12), zone).astimezone(UTC)


def _state(
    *, now: datetime, starts_at: datetime, due_at: datetime | None, allowed: timedelta, met_at: datetime | None
) -> ClockState:
    if met_at is not None:
        return ClockState.MET if due_at is None or met_at <= due_at else ClockState.MISSED
    if now < starts_at:
        return ClockState.NOT_STARTED
    if due_at is None:
        return ClockState.DUE
    if now > due_at:
        return ClockState.MISSED
    if now >= due_at - min(allowed / 4, _SOON_AT_MOST):
        return ClockState.DUE
    return ClockState.RUNNING
