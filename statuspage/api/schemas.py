"""What the API takes: each field with its bounds, so that a wrong body is refused by name before anything is done."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeVar

from ninja import Schema
from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, StringConstraints

from incidents.languages import codes
from incidents.maintenance import Phase
from incidents.models import Component
from incidents.public_ids import PATTERN
from incidents.rebuttals import MEDIA, SHORT_FORMS, State, Verdict
from incidents.statements import Level
from incidents.words import Attribution, Channel, ComponentStatus, IncidentStatus
from statuspage.api.problems import unfit
from subscribers.transports import TRANSPORTS

NO_NUL = r"^[^\x00]*$"
Code = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,60}$")]
PublicId = Annotated[str, StringConstraints(pattern=f"^{PATTERN}$")]
Text = Annotated[str, StringConstraints(max_length=5000, pattern=NO_NUL)]
SubscriberId = Annotated[str, StringConstraints(pattern=r"^[0-9a-zA-Z]{12,32}$")]
Number = Annotated[int, Field(ge=1, le=2**62)]
Line = Annotated[str, StringConstraints(max_length=250, pattern=NO_NUL)]
Link = Annotated[str, StringConstraints(max_length=500, pattern=r"^(https?://[^\x00\s]+)?$")]


def _in_our_time(value: datetime) -> datetime:
    if not 2000 <= value.year <= 2100:
        raise ValueError("give a time of this century")
    return value.astimezone(UTC)


def _day_of_ours(value: date) -> date:
    if not 2000 <= value.year <= 2100:
        raise ValueError("give a day of this century")
    return value


def _configured(value: dict[str, Any]) -> dict[str, Any]:
    if unknown := sorted(set(value) - set(codes())):
        raise ValueError(f"there is no language {unknown[0][:20]!r} here; write in {', '.join(codes())}")
    return value


_example = dict.fromkeys(codes(), "…")
Moment = Annotated[AwareDatetime, AfterValidator(_in_our_time)]
Day = Annotated[date, AfterValidator(_day_of_ours)]
# By language. A language that is left out is missing, never filled from another.
Words = Annotated[dict[str, Text], AfterValidator(_configured), Field(examples=[_example])]
Title = Annotated[dict[str, Line], AfterValidator(_configured), Field(examples=[_example])]


class Body(Schema):
    """A key that is not known is an error: else a typing mistake would be a word that nobody said."""

    model_config = ConfigDict(extra="forbid")


class Stated(Body):
    component: Code
    status: ComponentStatus


# --- Incidents ---------------------------------------------------------------------------------


class UpdateFields(Body):
    """What an update says. A field that is left out stays as it is, in a new draft empty."""

    status: IncidentStatus | None = Field(None, description="The phase it puts the incident in.")
    body: Words | None = None
    affected: Annotated[list[Stated], Field(max_length=100)] | None = None
    next_update_by: Moment | None = Field(None, description="The promise; required until resolved.")
    deliver_notifications: bool | None = None
    what_to_do: Words | None = None
    who_affected: Words | None = None
    still_works: Words | None = None
    attribution: Attribution | None = None
    channels: list[Channel] | None = None
    areas: list[Annotated[int, Field(ge=1, le=47)]] | None = None
    share_affected: Annotated[int, Field(ge=0, le=1000)] | None = Field(None, description="In thousandths.")


class NewIncident(UpdateFields):
    """Without words, it is drafted in those of the signed notice for its first service's state."""

    affected: Annotated[list[Stated], Field(min_length=1, max_length=100)]
    name: Title | None = None
    since: Moment | None = Field(None, description="First customer impact; now, if left out.")


class UpdateEdit(UpdateFields):
    name: Title | None = Field(None, description="Of the incident, while nothing of it is public.")
    seen_at: datetime | None = Field(None, description="The updated_at that you read; refused if it changed since.")


class Reason(Body):
    reason: Line = ""


class Resend(Body):
    channel: str = Field("", pattern=f"^({'|'.join(TRANSPORTS)})?$", description="By this one; empty: by all.")


class NoticePublish(Body):
    component: Code
    reason: Line = Field("", description="Why the probes are wrong, where they disagree.")


# --- Planned work ------------------------------------------------------------------------------


class Expected(Body):
    component: Code
    status: ComponentStatus = Field(ComponentStatus.PARTIAL_OUTAGE, description="The worst it may show.")


class Times(Body):
    body: Words
    starts_at: Moment
    ends_at: Moment


class NewMaintenance(Times):
    name: Title
    expected: Annotated[list[Expected], Field(min_length=1, max_length=100)]
    recurrence: Annotated[str, StringConstraints(max_length=120, pattern=NO_NUL)] = Field("", examples=["FREQ=WEEKLY;BYDAY=SU"])
    automatic_start: bool = True
    automatic_end: bool = True
    deliver_notifications: bool = True


class Rescheduling(Times):
    expected: Annotated[list[Expected], Field(max_length=100)] | None = None


class MaintenanceStep(Body):
    status: Phase
    body: Words | None = Field(None, description="Without it, the words that were signed with the announcement.")
    deliver_notifications: bool = True


class MaintenanceEdit(Body):
    name: Title | None = None
    body: Words | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    expected: Annotated[list[Expected], Field(max_length=100)] | None = None
    deliver_notifications: bool | None = None
    seen_at: datetime | None = None


# --- Data and funds, claims --------------------------------------------------------------------


class NewStatement(Body):
    level: Level
    scope: Title | None = None
    as_of: Moment | None = None
    by: Moment | None = Field(None, description="When late payments are done; for the level on money.")


class NewClaim(Body):
    words: Text
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
    where: Annotated[str, StringConstraints(max_length=200, pattern=NO_NUL)]
    first_seen: Day
    link: Link = ""
    copies: Annotated[list[Link], Field(max_length=50)] = []
    reach: Annotated[int, Field(ge=0, le=2_000_000_000)] = 0
    harmful: bool = False
    asked_by_press: bool = False
    incident: PublicId | None = None


class ClaimStep(Body):
    to: State
    reason: Line = ""


class EvidenceIn(Body):
    what: Words
    dated: Day | None = None
    verified_by: Line = ""


class CorroborationIn(Body):
    body: Line
    said: Words
    dated: Day | None = None
    link: Link = ""
    checked_on: Day | None = None
    reachable: bool = True


class LegalBasisIn(Body):
    act: Line
    section: Line
    says: Words
    link: Link = ""
    read_by: Line = ""


class AnswerFields(Body):
    """An answer to a claim, as it reads."""

    fact_headline: Title
    claim_quote: Text
    claim_language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
    claim_where: Title
    claim_first_seen: Day
    verdict: Verdict | None = None
    what_is_true: Words = {}
    what_is_false: Words = {}
    why_it_spread: Words = {}
    evidence: Annotated[list[EvidenceIn], Field(max_length=50)] = []
    corroborations: Annotated[list[CorroborationIn], Field(max_length=50)] = []
    legal_basis: Annotated[list[LegalBasisIn], Field(max_length=50)] = []
    short_forms: dict[Annotated[str, StringConstraints(pattern=f"^({'|'.join(SHORT_FORMS)})$")], Words] = {}
    spokesperson: Annotated[str, StringConstraints(max_length=120, pattern=NO_NUL)] = ""
    spokesperson_role: Title = {}
    spoke_at: Day | None = None
    spoke_in: Annotated[str, StringConstraints(pattern=f"^({'|'.join(MEDIA)})?$")] = ""
    review_date: Day | None = None


class NewRebuttal(AnswerFields):
    incident: PublicId | None = None
    components: Annotated[list[Code], Field(max_length=100)] = []


class RebuttalEdit(AnswerFields):
    seen_at: datetime | None = None


# --- Services, subscribers ---------------------------------------------------------------------


class NewComponent(Body):
    code: Code
    group: Code
    name: Title
    description: Words = {}
    position: Annotated[int, Field(ge=1, le=32000)] = 1


class ComponentEdit(Body):
    name: Title | None = None
    description: Words | None = None
    position: Annotated[int, Field(ge=1, le=32000)] | None = None


class NewOverride(Body):
    status: ComponentStatus
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=NO_NUL)]
    expires_at: Moment


class NewSubscriber(Body):
    """Somebody who agreed elsewhere; the proof of it is named."""

    channel: Annotated[str, StringConstraints(pattern=f"^({'|'.join(TRANSPORTS)})$")]
    address: Annotated[str, StringConstraints(min_length=3, max_length=500, pattern=NO_NUL)]
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)?$")]
    consent_at: Moment
    consent_proof: Annotated[str, StringConstraints(min_length=5, max_length=200, pattern=NO_NUL)]
    components: Annotated[list[Code], Field(max_length=100)] = Field([], description="None: the whole page.")


# --- Between codes and rows --------------------------------------------------------------------

Row = TypeVar("Row", Stated, Expected)


def components_of(rows: list[Row] | None, field: str) -> dict[Component, str]:
    """{component: status} of what a body names. Raises Problem (422) for a code that is nobody's, or named twice."""
    listed = rows or []
    found = named([row.component for row in listed], field)
    if len(found) != len(listed):
        raise unfit(field, "a service is named twice.")
    return {component: row.status.value for component, row in zip(found, listed, strict=True)}


def named(wanted: list[str], field: str) -> list[Component]:
    """The components of these codes, in their order, each once. Raises Problem (422)."""
    by_code = {component.code: component for component in Component.objects.filter(code__in=wanted)}
    if missing := [code for code in wanted if code not in by_code]:
        raise unfit(field, f"there is no service {missing[0]}.")
    return [by_code[code] for code in dict.fromkeys(wanted)]
