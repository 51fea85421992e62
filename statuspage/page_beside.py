"""What an update or an incident says beside its words: who is affected, where, what still works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop

from incidents.facts import Text
from statuspage import state_words


@dataclass(frozen=True, slots=True)
class Heard:
    """Something said beside the words of the updates, under its heading. `field` is one of UpdateFacts: what_to_do, areas, …"""

    field: str
    heading: Text
    text: Text


def heard_beside(said: Callable[[str], Any]) -> tuple[Heard, ...]:
    """What was said beside the words, in the order of the page. `said` answers the value of a field; empty: nothing was."""
    found = [(field, heading, say, said(field)) for field, heading, say in _BESIDE]
    return tuple(
        Heard(field, state_words.say(heading), say(value)) for field, heading, say, value in found if value not in (None, "", ())
    )


_BESIDE: tuple[tuple[str, str, Callable[[Any], Text]], ...] = (
    ("what_to_do", gettext_noop("What to do"), lambda text: text),
    ("who_affected", gettext_noop("Who is affected"), lambda text: text),
    ("share", gettext_noop("How many payments"), lambda said: state_words.share(*said)),
    ("channels", gettext_noop("How you reach it"), state_words.channels),
    ("areas", gettext_noop("Where"), state_words.areas),
    ("still_works", gettext_noop("What still works"), lambda text: text),
    ("attribution", gettext_noop("Where the cause lies"), state_words.attribution),
)


def heading_of(field: str) -> Text | None:
    """Of what is said beside the words; None for the words themselves."""
    return next((state_words.say(heading) for name, heading, _ in _BESIDE if name == field), None)
