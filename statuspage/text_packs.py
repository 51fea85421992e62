"""One update in every form that people copy: SMS, post, card to forward, USSD line, call-centre script, poster.

The words are the update's own, whole sentences first; only their number follows the room there is. Nothing is sent from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext, override

from incidents import components, corrections, rebuttals, short_words, stating
from incidents.languages import codes, to_read
from incidents.models import AffectedComponent, IncidentUpdate, Statement
from incidents.sms_length import measure, plain
from incidents.words import PHASE_WORDS, STATUS_WORDS, IncidentStatus
from statuspage import clock_words

LINK_COUNTS = 23  # letters that any link counts in a post
MOST = rebuttals.SHORT_FORMS
_URL = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True)
class Piece:
    """One text to copy: how long it is, in what, and whether that fits. `parts`: messages it is sent in, for an SMS."""

    kind: str
    text: str
    letters: int
    most: int
    parts: int = 1

    @property
    def fits(self) -> bool:
        return self.letters <= self.most


@dataclass(frozen=True, slots=True)
class Said:
    """What an update says in one language, as far as the forms need it. `next_by`: the promise in words, "" without one; `phase`:
    the incident's, as the public reads it; `advice`: those of the sentences after the first that tell people what to do."""

    language: str
    headline: str
    phase: str
    is_over: bool
    sentences: tuple[str, ...]
    advice: tuple[str, ...]
    states: tuple[tuple[str, str], ...]
    what_to_do: str
    still_works: str
    next_by: str
    at: str
    statements: tuple[str, ...]
    url: str
    pin: str


@dataclass(frozen=True, slots=True)
class Pack:
    """All forms in one language."""

    language: str
    said: Said
    pieces: tuple[Piece, ...]


def packs_of(update: IncidentUpdate, *, now: datetime) -> list[Pack]:
    """One pack a language. A draft's are made as if it went out now."""
    rows = Rows.of(update)
    return [_pack(said_in(rows, language, now), language) for language in codes()]


@dataclass(frozen=True, slots=True)
class Rows:
    """What is read of an update once for all languages. `names`: of all services."""

    update: IncidentUpdate
    words: Mapping[str, Mapping[str, str]]
    affected: Sequence[AffectedComponent]
    statements: Sequence[Statement]
    names: Sequence[Mapping[str, str]]

    @classmethod
    def of(cls, update: IncidentUpdate) -> Rows:
        return cls(
            update=update,
            words={field: to_read(text) for field, text in corrections.standing(update).items()},
            affected=list(update.affected.select_related("component")),
            statements=[row for row in stating.newest(update.incident).values() if not row.withdrawal],
            names=components.names(),
        )


def said_in(rows: Rows, language: str, now: datetime) -> Said:
    """What the update says in the language. Its own promise is taken out of the words: each form says it in its place."""
    update = rows.update
    at = update.display_at or now
    promise = update.next_update_by
    words = {field: text[language] for field, text in rows.words.items()}
    clock = clock_words.clock(promise, language) if promise else ""
    services = [name[language] for name in rows.names]
    body = short_words.without(short_words.sentences(words["body"]), clock, language, services)
    with override(language):
        return Said(
            language=language,
            headline=words["name"],
            phase=gettext(PHASE_WORDS[IncidentStatus(update.status)]),
            is_over=update.status in IncidentStatus.closed(),
            sentences=tuple(body),
            advice=tuple(short_words.advice(body[1:], language, services)),
            states=tuple(
                (to_read(item.component.name)[language], gettext(STATUS_WORDS[item.new_status])) for item in rows.affected
            ),
            what_to_do=words.get("what_to_do", ""),
            still_works=words.get("still_works", ""),
            next_by=gettext("Next update by %(time)s.") % {"time": clock_words.near(promise, at, language)} if promise else "",
            at=clock_words.full(at, language),
            statements=tuple(to_read(row.body)[language] for row in rows.statements),
            url=f"{settings.BASE_URL}{'' if language == codes()[0] else f'/{language}'}/incidents/{update.incident.public_id}",
            pin=gettext("We never ask for your PIN.") if settings.PIN_WARNING else "",
        )


def _pack(said: Said, language: str) -> Pack:
    with override(language):
        made = (("sms", sms(said)), ("ussd", ussd(said)), ("post", post(said)), ("card", card(said)), ("script", script(said)))
    return Pack(language, said, tuple(_piece(kind, text) for kind, text in made))


def _piece(kind: str, text: str) -> Piece:
    if kind == "sms":
        length = measure(text)
        return Piece(kind, text, length.letters, length.most, length.parts)
    if kind == "post":
        return Piece(kind, text, post_length(text), MOST[kind])
    return Piece(kind, text, len(text), MOST[kind])


def post_length(text: str) -> int:
    """Letters of a post, each link counted as posts count it."""
    return len(_URL.sub("x" * LINK_COUNTS, text))


# --- The forms ---------------------------------------------------------------------------------


def sms(said: Said) -> str:
    """One message: who speaks, what is so, what to do, when the next word comes, where to read on; as subscribers get it."""
    first, *others = said.sentences or ("",)
    whats = short_words.what_is_so(first, name=said.headline, states=said.states, phase=said.phase, is_over=said.is_over)
    to_do = [*short_words.sentences(said.what_to_do), *said.advice]
    frames = short_words.of_update(whats, to_do, said.next_by, urlsplit(settings.BASE_URL).netloc)
    return short_words.one_message(
        plain(f"{settings.PROVIDER_NAME}:"),
        (([plain(one) for one in together], plain(end)) for together, end in frames),
        [plain(one) for one in (*to_do, *others)],
        "",
        lambda text: measure(text).fits_one,
    )


def ussd(said: Said) -> str:
    """A line for a menu: no link, since nobody can follow it there."""
    sentences = [plain(one) for one in _first_words(said)]
    return _fit("", sentences, plain(said.next_by), lambda text: len(text) <= MOST["ussd"])


def post(said: Said) -> str:
    tail = f"{said.next_by}\n{said.url}" if said.next_by else said.url
    return _fit(f"{settings.PROVIDER_NAME}:", _first_words(said), tail, lambda text: post_length(text) <= MOST["post"])


def card(said: Said) -> str:
    """To forward: its time stands in it, so that an old one looks old."""
    lines = [f"*{said.headline}*", *(f"- {name}: {word}" for name, word in said.states)]
    tail = [said.next_by, gettext("As of %(time)s.") % {"time": said.at}, said.url, said.pin]
    head, foot = "\n".join(lines), "\n".join(line for line in tail if line)
    advice = [said.what_to_do] if said.what_to_do else []
    return _fit(f"{head}\n", [*said.sentences, *advice], f"\n{foot}", lambda text: len(text) <= MOST["card"])


def script(said: Said) -> str:
    """What an agent on the phone reads out, part by part; what they may say of data and money stands in it."""
    when = said.next_by or gettext("We have no time for the next word yet.")
    parts = [
        f"{gettext('What to do')}: {said.what_to_do}" if said.what_to_do else "",
        f"{gettext('What still works')}: {said.still_works}" if said.still_works else "",
        "\n".join(f"- {name}: {word}" for name, word in said.states),
        f"{gettext('If they ask when it will be fixed')}: {gettext('We do not know yet.')} {when}",
        f"{gettext('If they ask about data or money, say only this')}: {' '.join(said.statements)}" if said.statements else "",
        said.pin,
        gettext("As of %(time)s.") % {"time": said.at},
    ]
    tail = "".join(f"\n\n{part}" for part in parts if part)
    return _fit(f"{said.headline.rstrip('.')}.", said.sentences, tail, lambda text: len(text) <= MOST["script"])


def _first_words(said: Said) -> list[str]:
    """The headline where the words do not begin with the service by themselves, then the advice, then the rest."""
    advice = [said.what_to_do] if said.what_to_do else []
    first = said.sentences[:1] or (f"{said.headline.rstrip('.')}.",)
    return [*first, *advice, *said.sentences[1:]]


def _fit(head: str, sentences: Sequence[str], tail: str, fits: Callable[[str], bool]) -> str:
    """As many whole sentences between head and tail as there is room for; of the first one, as many words."""
    chosen: list[str] = []
    for sentence in sentences:
        if not fits(_joined(head, [*chosen, sentence], tail)):
            break
        chosen.append(sentence)
    if chosen or not sentences:
        return _joined(head, chosen, tail)
    words = sentences[0].split()
    while len(words) > 1 and not fits(_joined(head, [" ".join(words) + "..."], tail)):
        words.pop()
    return _joined(head, [" ".join(words) + "..."], tail)


def _joined(head: str, middle: Sequence[str], tail: str) -> str:
    """Parts with one space between them; none beside a line break, which a part brings along."""
    text = ""
    for part in (head, " ".join(middle), tail):
        if part:
            text += part if not text or text.endswith("\n") or part.startswith("\n") else f" {part}"
    return text
