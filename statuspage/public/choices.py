"""A subscriber's wishes, from the fields of a form and back into them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import QueryDict
from django.utils.translation import gettext, gettext_noop

from incidents import corrections
from incidents.facts import Text
from incidents.languages import to_read
from incidents.models import Component, ComponentGroup, Incident
from incidents.public_ids import PATTERN
from incidents.words import Impact
from subscribers import wishes
from subscribers.channels import CHANNELS
from subscribers.models import NewsKind, Payload, Rhythm, Subscriber
from subscribers.wishes import Wishes

KINDS = {
    NewsKind.INCIDENTS: gettext_noop("Problems"),
    NewsKind.PLANNED_WORK: gettext_noop("Planned work"),
    NewsKind.REBUTTALS: gettext_noop("Our answers to false claims"),
}
IMPACTS = {
    Impact.NONE: gettext_noop("Every problem"),
    Impact.MINOR: gettext_noop("When something is slow or partly not working, or worse"),
    Impact.MAJOR: gettext_noop("When a service does not work, or worse"),
    Impact.CRITICAL: gettext_noop("Only when almost nothing works"),
}
RHYTHMS = {Rhythm.EACH: gettext_noop("Each at once"), Rhythm.DIGEST: gettext_noop("Once a day, all in one")}
PAYLOADS = {Payload.HALI: gettext_noop("Ours, in every language"), Payload.STATUSPAGE: gettext_noop("As Statuspage sends it")}
LINK_NAMES = 200  # of what a link asks for that much is looked at
COMPONENT_FIELDS = ("component", "component_id", "subscriber[component_id]")
INCIDENT_FIELDS = ("incident", "incident_id", "subscriber[incident_id]")


Services = tuple[tuple[str, Text, tuple[tuple[str, Text], ...]], ...]  # (group's id, its name, ((service's id, its name), ...))


class UnknownChoice(Exception):
    """A service, group or incident that the public does not see."""


def offered() -> dict[str, str]:
    """Channels that can be asked for here, with their words; SMS only where it can be sent."""
    can = [name for name in CHANNELS if name in settings.CHANNELS and (name != "sms" or settings.SMS_KEY)]
    return {name: gettext(CHANNELS[name].words) for name in can}


def services() -> Services:
    """What the form that signs up lists; nothing while the database is away: the form stands all the same."""
    groups: dict[str, tuple[Text, list[tuple[str, Text]]]] = {}
    try:
        components = list(Component.objects.published())
    except DatabaseError:
        return ()
    for component in components:
        _, listed = groups.setdefault(component.group.public_id, (to_read(component.group.name), []))
        listed.append((component.public_id, to_read(component.name)))
    return tuple((public_id, name, tuple(listed)) for public_id, (name, listed) in groups.items())


def ticked(form: QueryDict) -> frozenset[str]:
    """Ids of groups and services as the form was sent, to show it again with nothing lost."""
    return frozenset(form.getlist("component")) | frozenset(form.getlist("group"))


def asked(form: QueryDict) -> Wishes:
    """What a form that signs up wants. Raises UnknownChoice."""
    components = _ids(form, COMPONENT_FIELDS)
    groups = _ids(form, ("group",))
    incidents = _ids(form, INCIDENT_FIELDS)
    found = Wishes(
        components=_public_components(components),
        groups=list(ComponentGroup.objects.filter(public_id__in=groups & _public_groups())) if groups else [],
        incidents=list(Incident.objects.published().filter(public_id__in=incidents)),
    )
    if len(found.components) < len(components) or len(found.groups) < len(groups) or len(found.incidents) < len(incidents):
        raise UnknownChoice
    return found


def _ids(form: QueryDict, names: Iterable[str]) -> set[str]:
    """Public ids under any of these names; nonsense raises UnknownChoice before it reaches the database."""
    found = {value for name in names for value in form.getlist(name) if value}
    if any(not re.fullmatch(PATTERN, value) for value in found):
        raise UnknownChoice
    return found


def _public_components(public_ids: Iterable[str]) -> list[Component]:
    return list(Component.objects.published().filter(public_id__in=list(public_ids)))


def _public_groups() -> set[str]:
    return {public_id for public_id in Component.objects.published().values_list("group__public_id", flat=True) if public_id}


def beside(also: str, subscriber: Subscriber) -> Wishes | None:
    """What a link asks for (`wishes.named`) and its reader does not follow yet; None for nothing the public sees."""
    ids = {one for one in also.split(",")[:LINK_NAMES] if re.fullmatch(PATTERN, one)}
    found = Wishes(
        components=_public_components(ids),
        groups=list(ComponentGroup.objects.filter(public_id__in=ids & _public_groups())),
        incidents=list(Incident.objects.published().filter(public_id__in=ids)),
    )
    if wishes.is_the_page(found) and also != wishes.ALL:
        return None
    return wishes.beside(wishes.of(subscriber), found)


def names(asked: Wishes | None, language: str) -> list[str]:
    """What it holds, in words; empty for None."""
    if asked is None:
        return []
    found = [to_read(group.name)[language] for group in asked.groups]
    found += [to_read(component.name)[language] for component in asked.components]
    found += [corrections.name_of(incident)[language] for incident in asked.incidents]
    return found or [gettext("All services")]


def changed(form: QueryDict, subscriber: Subscriber) -> Wishes:
    """What the subscriber's own page was left with. No service ticked means all: to hear nothing there is the other button."""
    held = wishes.of(subscriber)
    everything = bool(form.get("all"))
    known = {one for one in form.getlist("component") if re.fullmatch(PATTERN, one)}
    groups = {one for one in form.getlist("group") if re.fullmatch(PATTERN, one)} & _public_groups()
    kept = set(form.getlist("incident"))
    kinds = frozenset(kind for kind in NewsKind if form.get(f"kind_{kind.value}"))
    impact, rhythm = form.get("minimum_impact", ""), form.get("rhythm", "")
    return Wishes(
        components=[] if everything else _public_components(known),
        groups=[] if everything else list(ComponentGroup.objects.filter(public_id__in=groups)),
        incidents=[] if everything else [incident for incident in held.incidents if incident.public_id in kept],
        kinds=kinds if form.get("kinds_shown") else held.kinds,
        minimum_impact=impact if impact in Impact.values else held.minimum_impact,
        rhythm=rhythm if rhythm in Rhythm.values else held.rhythm,
    )


def shown(subscriber: Subscriber, language: str) -> dict[str, Any]:
    """The same as the fields of the page show it."""
    held = wishes.of(subscriber)
    components = {component.pk for component in held.components}
    followed_groups = {group.pk for group in held.groups}
    groups: dict[int, dict[str, Any]] = {}
    for component in Component.objects.published():
        group = groups.setdefault(
            component.group_id,
            {
                "public_id": component.group.public_id,
                "name": to_read(component.group.name)[language],
                "chosen": component.group_id in followed_groups,
                "components": [],
            },
        )
        name = to_read(component.name)[language]
        group["components"].append({"public_id": component.public_id, "name": name, "chosen": component.pk in components})
    return {
        "follows_all": not (held.components or held.groups or held.incidents),
        "groups": list(groups.values()),
        "incidents": [{"public_id": one.public_id, "name": corrections.name_of(one)[language]} for one in held.incidents],
        "kinds": [(kind.value, gettext(words), kind in held.kinds) for kind, words in KINDS.items()],
        "impacts": [(impact.value, gettext(words), impact == held.minimum_impact) for impact, words in IMPACTS.items()],
        "rhythms": [(rhythm.value, gettext(words), rhythm == held.rhythm) for rhythm, words in RHYTHMS.items()]
        if subscriber.channel == "email"
        else [],
    }
