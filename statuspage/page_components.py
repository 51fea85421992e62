"""One service's own page: its state, its 90 days, the problems that named it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext_noop

from incidents import corrections, rollup
from incidents.facts import Text
from incidents.languages import to_read
from incidents.models import IncidentUpdate
from incidents.words import IncidentStatus
from statuspage import clock_words, days, page_responses, state_words
from statuspage.page import ComponentNow, Identity, NowPage
from statuspage.page_responses import Responses

LISTED = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """A published incident as a line of a list. `status` is the worst it stated: of one service, or of all it named."""

    public_id: str
    name: Text
    phase: Text
    status: str
    began_at: datetime
    over_at: datetime | None
    services: tuple[Text, ...] = ()
    noted: Text | None = None  # what is to be known of its time in the figures

    def touches(self, day: date) -> bool:
        zone = clock_words.zone()
        begin = self.began_at.astimezone(zone).date()
        return begin <= day and (self.over_at is None or self.over_at.astimezone(zone).date() >= day)


@dataclass(frozen=True, slots=True)
class ComponentPage:
    """It has no clock of its own: it is made anew when something it says changes, and at the start of a day."""

    identity: Identity
    component: ComponentNow
    rule: Text
    problems: tuple[Problem, ...]  # of the last 90 days and all open ones, newest first
    responses: Responses | None  # None: nothing was measured

    def problem_of(self, day: date) -> Problem | None:
        """The one to link a bad day to."""
        return next((problem for problem in self.problems if problem.touches(day)), None)


def build_components(page: NowPage, *, only: Collection[str] | None = None) -> dict[str, ComponentPage]:
    """Every service's page by its code (`only`: those of these codes), in a fixed number of queries."""
    wanted = [part for group in page.groups for part in group.components if only is None or part.facts.code in only]
    problems = problems_by_component(page.built_at, None if only is None else [part.facts.public_id for part in wanted])
    responses = page_responses.build_responses(page.built_at, None if only is None else [part.facts.public_id for part in wanted])
    return {
        component.facts.code: ComponentPage(
            identity=page.identity,
            component=component,
            rule=page.rule,
            problems=tuple(problems.get(component.facts.public_id, ())[:LISTED]),
            responses=responses.get(component.facts.public_id),
        )
        for component in wanted
    }


_ROW = (
    "affected__component__public_id",
    "affected__new_status",
    "incident__public_id",
    "incident__name",
    "incident__status",
    "incident__started_at",
    "incident__resolved_at",
    "incident__backfilled",
)
_NO_PROBLEM = gettext_noop("There was no problem: the time it was shown stays counted.")
_WRITTEN_LATER = gettext_noop("Written down after it was over: its time is counted.")


def noted(status: str, *, backfilled: bool) -> Text | None:
    """What stands beside the figures of a false alarm, and of what was written down afterwards."""
    if status == IncidentStatus.FALSE_ALARM:
        return state_words.say(_NO_PROBLEM)
    return state_words.say(_WRITTEN_LATER) if backfilled else None


def problems_by_component(now: datetime, only: Sequence[str] | None = None) -> Mapping[str, Sequence[Problem]]:
    """{component: its problems, newest first}: of the last 90 days, and all that are open; `only` of these services."""
    since = days.begin_of(now, clock_words.zone())
    said = IncidentUpdate.objects.published().filter(
        incident__merged_into=None, incident__withdrawn_at=None, affected__isnull=False
    )
    if only is not None:
        said = said.filter(affected__component__public_id__in=only)
    recent = said.filter(incident__started_at__gte=since)
    still_open = said.exclude(incident__status__in=IncidentStatus.closed())
    found: dict[tuple[str, str], Problem] = {}
    corrected = corrections.names()
    for row in (*recent.values_list(*_ROW), *still_open.filter(incident__started_at__lt=since).values_list(*_ROW)):
        component, status, public_id, name, phase, began_at, over_at, backfilled = row
        before = found.get((component, public_id))
        if before is None or rollup.is_worse(status, before.status):
            over = over_at if phase in IncidentStatus.closed() else None
            found[component, public_id] = Problem(
                public_id,
                to_read(corrected.get(public_id) or name),
                state_words.phase_word(phase),
                status,
                began_at,
                over,
                noted=noted(phase, backfilled=backfilled),
            )
    by_component: defaultdict[str, list[Problem]] = defaultdict(list)
    for (component, _), problem in sorted(found.items(), key=lambda item: item[1].began_at, reverse=True):
        by_component[component].append(problem)
    return by_component


def names_above(component: ComponentNow) -> tuple[Text, ...]:
    """The groups it lies in, the outer one first."""
    group = component.facts.group
    return (group.parent.name, group.name) if group.parent else (group.name,)
