"""The page as about a kilobyte of plain lines, for old phones, call centres and whoever reads it out."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import shorten, wrap

from django.conf import settings
from django.utils.translation import gettext, ngettext, override

from incidents.facts import ComponentFacts
from incidents.languages import codes
from statuspage import clock_words, inert, state_words
from statuspage.answers import Answer
from statuspage.page import IncidentNow, NowPage, Promise
from statuspage.rendering import prefix_of

WIDTH = 44
LISTED = 8  # services that are not well
INCIDENTS = 3
ANSWERS = 2
LONGEST_WORD = 240  # characters of a problem's newest word


def lines_of(page: NowPage, *, language: str, stale: bool) -> bytes:
    """The whole text, ending with a line break."""
    with override(language):
        blocks = [list(block) for block in _blocks(page, language, stale)]
    text = "\n\n".join("\n".join(block) for block in blocks if block)
    return f"{inert.inert(text)}\n".encode()


def _blocks(page: NowPage, language: str, stale: bool) -> Iterator[Iterator[str]]:
    yield _head(page, language)
    yield _now(page, language, stale)
    yield _services(page, language, stale)
    for incident in page.open_incidents[:INCIDENTS]:
        yield _incident(page, incident, language)
    if (more := len(page.open_incidents) - INCIDENTS) > 0:
        yield iter(_wrapped(_more_open(more)))
    for answer in page.answers[:ANSWERS]:
        yield _answer(page, answer, language)
    yield _foot(page, language)


def _head(page: NowPage, language: str) -> Iterator[str]:
    yield from _wrapped(gettext("%(name)s status") % {"name": page.identity.name}, upper=True)
    yield clock_words.full(page.built_at, language)


def _now(page: NowPage, language: str, stale: bool) -> Iterator[str]:
    sentence = state_words.stale_headline() if stale else page.sentence
    action = state_words.stale_action(page.identity.help_line) if stale else page.action
    yield from _wrapped(sentence[language], upper=True)
    if stale:
        yield from _wrapped(state_words.stale_lead(page.built_at)[language])
    if action:
        yield from _wrapped(action[language])
    if page.promise:
        yield from _wrapped(promised(page, page.promise, language, stale=stale))


def promised(page: NowPage, promise: Promise, language: str, *, stale: bool = False) -> str:
    """When the next word comes, or that it is late. What nobody can make true any more, that we are at it, is not said in the
    stale form."""
    time = clock_words.near(promise.at, page.built_at, language)
    with override(language):
        said = [gettext("Next update by %(time)s.") % {"time": time}]
        if promise.late:
            said = [gettext("This update is late."), gettext("We promised it by %(time)s.") % {"time": time}]
            said += [] if stale else [gettext("We are still working on it.")]
        elif stale:
            said.append(gettext("After that, this update is late."))
    return " ".join(said)


def _services(page: NowPage, language: str, stale: bool) -> Iterator[str]:
    if stale:
        yield from _wrapped(state_words.counted_when_stale(page.components)[language])
        return
    unwell = [part for part in page.components if not part.is_operational]
    for component in unwell[:LISTED]:
        yield from _wrapped(_state_of(component, language))
    if len(unwell) > LISTED:
        yield from _wrapped(gettext("and %(n)d more") % {"n": len(unwell) - LISTED})
    if page.components:
        yield from _wrapped(page.count[language])


def _state_of(component: ComponentFacts, language: str) -> str:
    return f"{component.name[language]}: {state_words.status_word(component.status)[language]}"


def _incident(page: NowPage, incident: IncidentNow, language: str) -> Iterator[str]:
    yield from _wrapped(incident.facts.name[language], upper=True)
    for update in incident.updates[:1]:
        time = clock_words.near(update.facts.display_at, page.built_at, language)
        body = shorten(update.facts.body[language], LONGEST_WORD, placeholder=" …")
        yield from _wrapped(f"{time}: {update.phase[language]}. {body}")
    if still_works := incident.facts.last_said("still_works"):
        yield from _wrapped(f"{gettext('What still works')}: {shorten(still_works[language], LONGEST_WORD, placeholder=' …')}")

    for said in incident.said_of_safety:
        if said.stands:
            time = clock_words.near(said.as_of, page.built_at, language)
            yield from _wrapped(f"{gettext('Your money and your data')}: {said.body[language]} ({gettext('True as of')} {time})")
        elif said.taken_back:
            time = clock_words.near(said.taken_back.at, page.built_at, language)
            note = shorten(said.taken_back.note[language], LONGEST_WORD, placeholder=" …")
            yield from _wrapped(f"{gettext('Your money and your data')}: {gettext('Taken back:')} {time}. {note}")


def _more_open(number: int) -> str:
    return ngettext("One more problem is open.", "%(n)d more problems are open.", number) % {"n": number}


def _answer(page: NowPage, answer: Answer, language: str) -> Iterator[str]:
    """The fact, never the claim."""
    fact = answer.now.fact_headline[language]
    if answer.taken_back:
        yield from _wrapped(f"{gettext('Our answer')}: “{fact}”. {gettext('Taken back:')} {answer.taken_back.note[language]}")
        return
    true = shorten(answer.now.what_is_true[language], LONGEST_WORD, placeholder=" …")
    yield from _wrapped(f"{gettext('Our answer')}: {fact}. {true}")
    yield f"{page.identity.url}{prefix_of(language)}/answers/{answer.address}"


def _foot(page: NowPage, language: str) -> Iterator[str]:
    if page.identity.help_line:
        yield from _wrapped(f"{gettext('Help')}: {page.identity.help_line}")
    if settings.PIN_WARNING:
        yield from _wrapped(gettext("We will never ask for your PIN."))
    yield f"{page.identity.url}{prefix_of(language)}/text/"
    for code, name in settings.LANGUAGES:
        if code != language and code in codes():
            yield f"{name}: {page.identity.url}{prefix_of(code)}/text/"


def _wrapped(text: str, *, upper: bool = False) -> list[str]:
    """Long words, such as addresses, stay whole."""
    return wrap(text.upper() if upper else text, WIDTH, break_long_words=False, break_on_hyphens=False)
