"""States in words, in every configured language: the word of each status and phase, and the sentences that say how things are.

English stands here, Kiswahili in locale/sw. A status is never glued into a sentence: each sentence is translated whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache

from django.utils.translation import gettext, gettext_noop, ngettext, override

from incidents import rollup
from incidents.facts import ComponentFacts, IncidentFacts, Text
from incidents.languages import codes
from incidents.places import COUNTIES
from incidents.statements import Role
from incidents.words import (
    ATTRIBUTION_WORDS,
    CHANNEL_WORDS,
    PHASE_WORDS,
    SHARE_WORDS,
    STATUS_WORDS,
    ComponentStatus,
    IncidentStatus,
    StatusSource,
)
from statuspage import clock_words

NAMED_AT_MOST = 5
LONGEST_LEAD = 110  # letters: on a phone of 360 pixels what to do and the next promise are seen below it, without scrolling

# (one service, some services, all of them): the headline when this is the worst state of any service.
_HEADLINES: dict[str, tuple[str, str, str]] = {
    ComponentStatus.MAJOR_OUTAGE: (
        gettext_noop("%(service)s is not working"),
        gettext_noop("Some services are not working"),
        gettext_noop("No service is working"),
    ),
    ComponentStatus.PARTIAL_OUTAGE: (
        gettext_noop("%(service)s is not working for some people"),
        gettext_noop("Some services are not working for some people"),
        gettext_noop("All services are failing for some people"),
    ),
    ComponentStatus.DEGRADED_PERFORMANCE: (
        gettext_noop("%(service)s is slow"),
        gettext_noop("Some services are slow"),
        gettext_noop("All services are slow"),
    ),
    ComponentStatus.DELAYED: (
        gettext_noop("%(service)s is delayed"),
        gettext_noop("Some services are delayed"),
        gettext_noop("All services are delayed"),
    ),
    ComponentStatus.UNKNOWN: (
        gettext_noop("We can’t confirm %(service)s"),
        gettext_noop("We can’t confirm some services"),
        gettext_noop("We can’t confirm any service"),
    ),
    ComponentStatus.UNDER_MAINTENANCE: (gettext_noop("Planned work is going on"),) * 3,
}
_OF_ONE: dict[str, str] = {
    ComponentStatus.OPERATIONAL: gettext_noop("%(service)s is working"),
    ComponentStatus.UNDER_MAINTENANCE: gettext_noop("Planned work on %(service)s is going on"),
}
_ACTIONS: dict[str, str] = {
    ComponentStatus.MAJOR_OUTAGE: gettext_noop(
        "Do not try again until this page says it is working. Do not give or take cash without an SMS."
    ),
    ComponentStatus.PARTIAL_OUTAGE: gettext_noop("Do not pay again. Wait for your SMS before you give or take cash."),
    ComponentStatus.DEGRADED_PERFORMANCE: gettext_noop("Do not send or pay again. Wait for your SMS."),
    ComponentStatus.DELAYED: gettext_noop("Do not send or pay again. Wait for your SMS."),
    ComponentStatus.UNKNOWN: gettext_noop("If a payment has not gone through, do not send it again. Wait for your SMS."),
    ComponentStatus.UNDER_MAINTENANCE: gettext_noop("If you have paid already, wait for your SMS."),
}


_SOURCES: dict[str, str] = {
    StatusSource.INCIDENT: gettext_noop("Our staff say so in an open problem"),
    StatusSource.MAINTENANCE: gettext_noop("Planned work, announced beforehand"),
    StatusSource.OVERRIDE: gettext_noop("Set by hand by our staff"),
    StatusSource.PROBES: gettext_noop("Measured by our probes"),
    StatusSource.SILENCE: gettext_noop("Our probes see nothing of it at present"),
    StatusSource.STATED: gettext_noop("Reported by our staff, not measured"),
}
_DEFINITIONS: dict[str, str] = {
    ComponentStatus.OPERATIONAL: gettext_noop("Payments go through in the usual time."),
    ComponentStatus.DELAYED: gettext_noop("Payments are accepted, but arrive late, or their SMS does."),
    ComponentStatus.DEGRADED_PERFORMANCE: gettext_noop("It answers, but slower than usual."),
    ComponentStatus.PARTIAL_OUTAGE: gettext_noop("It fails for some people, or some of the time."),
    ComponentStatus.MAJOR_OUTAGE: gettext_noop("Payments do not go through."),
    ComponentStatus.UNDER_MAINTENANCE: gettext_noop("Work on it that we announced before it began."),
    ComponentStatus.UNKNOWN: gettext_noop("We could not see it. It may be working. We never show this as working."),
}


def attribution(value: str) -> Text:
    return say(ATTRIBUTION_WORDS[value])


_ROLES: dict[str, str] = {
    Role.COMMS_LEAD: gettext_noop("Communications lead"),
    Role.HEAD_OF_SECURITY: gettext_noop("Head of security"),
    Role.OPERATIONS: gettext_noop("Head of operations"),
    Role.DATA_PROTECTION_OFFICER: gettext_noop("Data protection officer"),
    Role.CHIEF_FINANCIAL_SERVICES_OFFICER: gettext_noop("Chief financial services officer"),
}


def roles(values: Sequence[str]) -> Text:
    """Who signed, by what they are here; names of staff are not public."""
    words = [say(_ROLES[value]) for value in values]
    return {language: ", ".join(word[language] for word in words) for language in codes()}


def channels(values: Sequence[str]) -> Text:
    words = [say(CHANNEL_WORDS[value]) for value in values]
    return {language: ", ".join(word[language] for word in words) for language in codes()}


def areas(values: Sequence[int]) -> Text:
    """County names; they are the same in every language."""
    if len(values) == len(COUNTIES):
        return say(gettext_noop("Countrywide"))
    names = ", ".join(COUNTIES[code] for code in values)
    return say(gettext_noop("Counties: %(names)s"), names=names)


def share(thousandths: int, source: str = "") -> Text:
    """A share of payments, and of which; below one percent it is said with its decimal."""
    value = f"{thousandths / 10:.1f}" if thousandths < 10 else str(round(thousandths / 10))
    return say(SHARE_WORDS[source], share=f"{value} %")


def source_word(source: str, *, watched: bool) -> Text:
    """How we know a component's state."""
    if source == StatusSource.STATED and watched:
        source = StatusSource.PROBES
    return say(_SOURCES[source])


def measured(components: Sequence[ComponentFacts]) -> Text | None:
    """Which services our probes measure and which our staff report: the shorter list is named. None when there are none."""
    listed = [component for component in components if not component.is_hidden]
    watched = [component for component in listed if component.watched]
    reported = [component for component in listed if not component.watched]
    if not listed:
        return None
    if not watched:
        return say(gettext_noop("All services here are reported by our staff, not measured."))
    if not reported:
        return say(gettext_noop("All services here are measured by our probes."))
    few, words = (
        (watched, gettext_noop("Our probes measure %(services)s. All others are reported by our staff."))
        if len(watched) <= len(reported)
        else (reported, gettext_noop("Our staff report %(services)s. All others are measured by our probes."))
    )
    own = names_of(components)
    return say(words, services=named([own[component.public_id] for component in few]))


def named(names: Sequence[Text], at_most: int = NAMED_AT_MOST) -> Text:
    """A, B and C; of more than `at_most` (2 or more) the first ones and how many more."""
    if len(names) <= at_most:
        return joined(names)
    first = {code: ", ".join(name[code] for name in names[: at_most - 1]) for code in codes()}
    return say(gettext_noop("%(first)s and %(n)s more"), first=first, n=len(names) - at_most + 1)


def told_apart(listed: Sequence[tuple[Text, Text]], among: Iterable[tuple[Text, Text]] = ()) -> list[Text]:
    """Names of these services (name, name of its group), the group's behind it where `among` all of them several groups have a
    service of that name: one service in each of 47 counties."""
    first = codes()[0]
    groups = {(name[first], group.get(first, "")) for name, group in (*listed, *among)}
    times = Counter(name for name, _ in groups)
    return [
        {code: f"{name[code]} ({group[code]})" if times[name[first]] > 1 and group.get(code) else name[code] for code in codes()}
        for name, group in listed
    ]


def names_of(components: Sequence[ComponentFacts]) -> dict[str, Text]:
    """By public id, told apart."""
    pairs = [named_in_group(component) for component in components]
    return dict(zip((component.public_id for component in components), told_apart(pairs), strict=True))


def named_in_group(component: ComponentFacts) -> tuple[Text, Text]:
    return component.name, component.group.name if component.group.has_heading else {}


def definition(status: str) -> Text:
    return say(_DEFINITIONS[status])


def say(message: str, **values: str | int | Text) -> Text:
    """A message in every configured language; a value that is a text itself is taken in that language."""
    plain = _translated(message, codes())
    if not values:
        return plain
    return {
        code: words % {key: value if isinstance(value, str | int) else value[code] for key, value in values.items()}
        for code, words in plain.items()
    }


@cache
def _translated(message: str, languages: tuple[str, ...]) -> Text:
    """Catalogues do not change while a process runs, and a page says the same words for each of its services."""
    found = {}
    for code in languages:
        with override(code):
            found[code] = gettext(message)
    return found


def status_word(status: str) -> Text:
    return say(STATUS_WORDS[status])


def phase_word(status: str) -> Text:
    return say(PHASE_WORDS[status])


def joined(texts: Sequence[Text]) -> Text:
    """A, B and C"""
    if len(texts) < 2:
        return texts[0] if texts else dict.fromkeys(codes(), "")
    first = {code: ", ".join(text[code] for text in texts[:-1]) for code in codes()}
    return say(gettext_noop("%(first)s and %(last)s"), first=first, last=texts[-1])


def _paragraph(sentences: Iterable[Text]) -> Text:
    listed = list(sentences)
    return {code: " ".join(text[code] for text in listed) for code in codes()}


def counted(components: Sequence[ComponentFacts]) -> Text:
    """11 of 16 services are working"""
    working, total = sum(component.is_operational for component in components), len(components)
    said = {}
    for code in codes():
        with override(code):
            template = ngettext(
                "%(working)d of %(total)d service is working", "%(working)d of %(total)d services are working", total
            )
            said[code] = template % {"working": working, "total": total}
    return said


def counted_when_stale(components: Sequence[ComponentFacts]) -> Text:
    return say(gettext_noop("None of %(total)d services confirmed"), total=len(components))


def shape_of_page(components: Sequence[ComponentFacts], open_incidents: Sequence[IncidentFacts], *, stale: bool) -> str:
    """The state whose shape stands for the whole page: the worst; never the green circle beside an open incident."""
    if stale:
        return ComponentStatus.UNKNOWN.value
    worst = rollup.worst(component.status for component in components)
    return ComponentStatus.DEGRADED_PERFORMANCE.value if worst == ComponentStatus.OPERATIONAL and open_incidents else worst


def headline(components: Sequence[ComponentFacts], open_incidents: Sequence[IncidentFacts]) -> Text:
    """The one sentence. The worst state wins; nothing is called working while a published incident is open."""
    worst = rollup.worst(component.status for component in components)
    if worst == ComponentStatus.OPERATIONAL:
        return _headline_without_trouble(components, open_incidents)
    there = [component for component in components if component.status == worst]
    one, some, all_of_them = _HEADLINES[worst]
    if len(there) == 1:
        return say(one, service=names_of(components)[there[0].public_id])
    return say(all_of_them if len(there) == len(components) else some)


def _headline_without_trouble(components: Sequence[ComponentFacts], open_incidents: Sequence[IncidentFacts]) -> Text:
    if not open_incidents:
        return say(gettext_noop("Everything is working") if components else gettext_noop("No services are listed yet"))
    if all(incident.status == IncidentStatus.MONITORING for incident in open_incidents):
        return say(gettext_noop("It is working again. We are watching it"))
    return say(gettext_noop("We are looking into a problem"))


def lead(components: Sequence[ComponentFacts], open_incidents: Sequence[IncidentFacts], help_line: str) -> Text:
    """What the headline leaves out: which services are in which state, and who says so. Where that would be long, those in the
    worst state, and how many more there are: every list of services says the rest."""
    worst = rollup.worst(component.status for component in components)
    if worst == ComponentStatus.OPERATIONAL:
        return _lead_without_trouble(components, open_incidents, help_line)
    own = names_of(components)
    by_status = {status: [part for part in components if part.status == status] for status in rollup.WORST_FIRST}
    working = by_status.pop(ComponentStatus.OPERATIONAL)
    if len(by_status[worst]) == 1 and worst not in (ComponentStatus.UNDER_MAINTENANCE, ComponentStatus.UNKNOWN):
        del by_status[worst]  # the headline names it
    silent = by_status.pop(ComponentStatus.UNKNOWN)
    groups = [(status, there) for status, there in by_status.items() if there]
    groups += [(ComponentStatus.UNKNOWN.value, silent)] if silent else []
    others = [say(gettext_noop("Other services are working."))] if working else []
    return _short_enough(_leads(groups, own, others))


def _leads(groups: Sequence[tuple[str, Sequence[ComponentFacts]]], own: Mapping[str, Text], others: list[Text]) -> Iterable[Text]:
    """From all there is to say to the shortest form."""
    yield _paragraph([*(_of_state(*group, own) for group in groups), *others])
    if not groups:
        return
    first, *rest = groups
    left_out = _counted_only(rest, own)
    for at_most in range(NAMED_AT_MOST, 1, -1):
        yield _paragraph([_of_state(*first, own, at_most), *(left_out or others)])


def _counted_only(groups: Sequence[tuple[str, Sequence[ComponentFacts]]], own: Mapping[str, Text]) -> list[Text]:
    """How many services are in these states. Those of which nothing is known are never among those that are not as usual."""
    sentences = []
    for message, there in (
        (gettext_noop("Not as usual: %(n)s other services."), [one for one in groups if one[0] != ComponentStatus.UNKNOWN]),
        (gettext_noop("Not confirmed: %(n)s services."), [one for one in groups if one[0] == ComponentStatus.UNKNOWN]),
    ):
        n = sum(len(parts) for _, parts in there)
        sentences += [say(message, n=n)] if n > 1 else [_of_state(*group, own) for group in there]
    return sentences


def _short_enough(forms: Iterable[Text]) -> Text:
    """The first of these that is short in every language, else the last."""
    for form in forms:
        if all(len(words) <= LONGEST_LEAD for words in form.values()):
            break
    return form


def _of_state(status: str, there: Sequence[ComponentFacts], own: Mapping[str, Text], at_most: int = NAMED_AT_MOST) -> Text:
    """Which services are in a state, as a sentence."""
    if status == ComponentStatus.UNKNOWN:
        return _silence(there, own, at_most)
    names = named([own[component.public_id] for component in there], at_most)
    return say(gettext_noop("%(state)s: %(services)s."), state=status_word(status), services=names)


def _silence(silent: Sequence[ComponentFacts], own: Mapping[str, Text], at_most: int) -> Text:
    """Unknown: our probes are silent. Another thing than stale, so another text."""
    if len(silent) == 1 and silent[0].since:
        since = {code: clock_words.full(silent[0].since, code) for code in codes()}
        return say(
            gettext_noop("Our probes have seen nothing of %(service)s since %(time)s. It may be working."),
            service=own[silent[0].public_id],
            time=since,
        )
    return say(
        gettext_noop("Our probes see nothing of %(services)s. They may be working."),
        services=named([own[component.public_id] for component in silent], at_most),
    )


def _lead_without_trouble(components: Sequence[ComponentFacts], open_incidents: Sequence[IncidentFacts], help_line: str) -> Text:
    if open_incidents:
        names = [incident.name for incident in open_incidents]
        return _short_enough(named(names, at_most) for at_most in range(NAMED_AT_MOST, 1, -1))
    if not components:
        return say(gettext_noop("Services appear here as soon as they are entered at the desk."))
    watched = any(component.watched for component in components)
    found = (
        gettext_noop("Our probes and our staff found no problems.") if watched else gettext_noop("Our staff found no problems.")
    )
    if not help_line:
        return say(found)
    call = say(gettext_noop("If something is not working for you, call %(help_line)s."), help_line=help_line)
    return _paragraph([say(found), call])


def action(components: Sequence[ComponentFacts], open_incidents: Sequence[IncidentFacts]) -> Text | None:
    """What to do: as last stated in an open incident, else what its worst state asks for; None when there is nothing to do."""
    stated = next((said for incident in open_incidents if (said := incident.last_said("what_to_do"))), None)
    if stated:
        return dict(stated)
    worst = rollup.worst(component.status for component in components)
    if worst in _ACTIONS:
        return say(_ACTIONS[worst])
    return say(gettext_noop("If money is missing, check your balance before you pay again.")) if open_incidents else None


def action_of(status: str) -> Text | None:
    """What a service in this state asks of people; None while it works."""
    return say(_ACTIONS[status]) if status in _ACTIONS else None


def headline_of(component: ComponentFacts) -> Text:
    """One service's state as a sentence."""
    if component.status in (ComponentStatus.OPERATIONAL, ComponentStatus.UNDER_MAINTENANCE):
        return say(_OF_ONE[component.status], service=component.name)
    return say(_HEADLINES[component.status][0], service=component.name)


def unconfirmed(component: ComponentFacts) -> Text:
    """The same when this page cannot be renewed."""
    return say(_HEADLINES[ComponentStatus.UNKNOWN][0], service=component.name)


def since(component: ComponentFacts) -> Text:
    time = {code: clock_words.full(component.changed_at, code) for code in codes()}
    return say(gettext_noop("Since %(time)s."), time=time)


def last_known(component: ComponentFacts) -> Text:
    """What a service's page says when it cannot be renewed."""
    time = {code: clock_words.full(component.changed_at, code) for code in codes()}
    return say(
        gettext_noop("Last known: %(state)s, since %(time)s. We are not able to say how it is now."),
        state=status_word(component.status),
        time=time,
    )


def stale_headline() -> Text:
    return say(gettext_noop("We can’t confirm right now"))


def stale_lead(last_confirmed: datetime) -> Text:
    """Stale: we cannot read our own record."""
    time = {code: clock_words.full(last_confirmed, code) for code in codes()}
    return say(
        gettext_noop("This page could last be confirmed at %(time)s. Services may be working."),
        time=time,
    )


def stale_action(help_line: str) -> Text:
    sentences = [say(_ACTIONS[ComponentStatus.UNKNOWN])]
    if help_line:
        sentences.append(say(gettext_noop("Or call %(help_line)s."), help_line=help_line))
    return _paragraph(sentences)
