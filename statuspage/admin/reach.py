"""Who is affected and what still works, as a writer picks them: the words that stand for a choice, in every language."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from django.utils.translation import gettext_noop

from incidents.facts import Text
from incidents.languages import by_language
from incidents.models import Component
from incidents.words import ComponentStatus
from statuspage import state_words

UNKNOWN, SOME, PLACES, BANKS, PHONES, OWN = "unknown", "some", "places", "banks", "phones", "own"
_WORDS = {
    UNKNOWN: gettext_noop("We are still finding out"),
    SOME: gettext_noop("Some people"),
    PLACES: gettext_noop("People in some places"),
    BANKS: gettext_noop("Customers of some banks"),
    PHONES: gettext_noop("People with some kinds of phone"),
}
CHOICES = [("", "Choose one"), *_WORDS.items(), (OWN, "In own words…")]


def words_of(choice: str) -> Text | None:
    """The words a choice stands for; None for own words."""
    return state_words.say(_WORDS[choice]) if choice in _WORDS else None


def choice_of(said: Mapping[str, str], states: Iterable[str]) -> str:
    """The choice whose words these are. Nothing said yet: what the states suggest."""
    if not any(said.values()):
        return SOME if ComponentStatus.PARTIAL_OUTAGE in set(states) else UNKNOWN
    return next((choice for choice in _WORDS if words_of(choice) == dict(said)), OWN)


def still_working(components: Collection[Component], codes: Collection[str]) -> dict[str, str]:
    """The names of the chosen services in each language, with commas between."""
    names = [by_language(component.name) for component in components if component.code in codes]
    return {language: ", ".join(name[language] for name in names if name[language]) for language in by_language({})}


def named_in(said: Mapping[str, str], components: Iterable[Component]) -> list[str]:
    """Codes of the services whose names these words hold."""
    parts = {part.strip() for text in said.values() for part in text.split(",")}
    return [one.code for one in components if parts & {name for name in by_language(one.name).values() if name}]
