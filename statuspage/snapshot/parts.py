"""Pages that are made anew only when something they say has changed: services, months, figures, statements.

A part is a few files under one key. While the key is the one the last generation was made with, nothing is rendered and the files
lie where they lay. So the cost of a change is that of the pages it touches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext, gettext_noop, override

from incidents import rebuttals, rollup, statuspage_v2
from incidents.facts import ComponentFacts, MaintenanceFacts
from incidents.languages import codes, to_read
from incidents.once import per_object
from incidents.words import ComponentStatus
from statuspage import (
    api_v2,
    clock_words,
    page_answers,
    page_components,
    page_history,
    page_uptime,
    pictures,
    reading,
    state_words,
    uptime_data,
)
from statuspage.page import Identity, NowPage, PlannedNow, planned_now, shapes_on
from statuspage.page_answers import AnswerPage
from statuspage.page_components import ComponentPage
from statuspage.page_history import MonthPage
from statuspage.page_uptime import UptimePage
from statuspage.public import choices
from statuspage.public.choices import Services
from statuspage.rendering import prefix_of, render
from statuspage.snapshot import building
from statuspage.snapshot.building import STALE, Files, folder_of

ARCHIVE = "archive"
GONE_WHEN_UNNAMED = ("component ", "feeds ", "badge ", "cap ", "image ")  # parts of whatever is not there any more
STANDING = ("subscribe", "definitions", "accessibility", "privacy", "record")
_WEEKDAYS = (
    gettext_noop("Mo"),
    gettext_noop("Tu"),
    gettext_noop("We"),
    gettext_noop("Th"),
    gettext_noop("Fr"),
    gettext_noop("Sa"),
    gettext_noop("Su"),
)

Halves = Mapping[str, Files]  # fresh, stale, archive -> files


@dataclass(frozen=True, slots=True)
class Part:
    """`make` renders its files, those about now in the given forms; it asks no database. `count`: how many problems a month
    lists."""

    key: str
    make: Callable[[Collection[str]], Halves]
    count: int = 0

    @property
    def stamped(self) -> str:
        return stamp(self.key)


def telling_of(components: Iterable[ComponentFacts]) -> str:
    """All that these services say, for a key."""
    return " ".join(map(_told, components))


@per_object
def _told(component: ComponentFacts) -> str:
    return repr(component)


def key_of(*values: Any) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]


def stamp(key: str) -> str:
    """With what pages are made with now: after an upgrade none of them is what it was."""
    return f"{key}.{building.fingerprint()}"


def is_made_with_this(stamped: str) -> bool:
    return stamped.endswith(f".{building.fingerprint()}")


def standing() -> dict[str, Part]:
    """Pages that hang on no row: only templates, texts and settings change them, and then everything is made anew. The one that
    signs up lists the services beside."""
    services = choices.services()
    return {
        "standing": Part("standing", _maker(_standing_files)),
        "subscribe": Part(key_of(services), _maker(_subscribe_files, services)),
        "pictures": Part("standing", _maker(_picture_files)),
    }


def components(page: NowPage, *, only: Collection[str] | None = None) -> dict[str, Part]:
    """One part a service (`only`: of these codes). What a clock alone changes (today's minutes) makes it anew once an hour."""
    built = page_components.build_components(page, only=only)
    hour = hour_of(page.built_at)
    return {
        f"component {code}": Part(key_of(one, hour), by_form(partial(_component_files, one, page.built_at)))
        for code, one in built.items()
    }


def planned(page: NowPage, works: Iterable[MaintenanceFacts]) -> dict[str, Part]:
    """One part a piece of announced work: its page and its calendar. What is older than those the page lists keeps both."""
    found = {}
    positions = statuspage_v2.positions_of(page.components)
    for work in works:
        built = planned_now(work, page.components)
        known = tuple(component for component in page.components if component.public_id in work.expected)
        placed = {component.public_id: positions[component.public_id] for component in known}
        key = key_of(built, page.identity, telling_of(known), placed)
        found[f"planned {work.public_id}"] = Part(key, _maker(_planned_files, built, page.identity, known, placed))
    return found


def answers(page: NowPage) -> dict[str, Part]:
    """One part an answer to a claim, and one for the list of them."""
    built = page_answers.build_answers(page.built_at, page.all_answers)
    found = {f"answer {one.answer.now.series}": Part(key_of(one), _maker(_answer_files, one)) for one in built}
    return found | {"answers": Part(key_of(built), _maker(_answers_files, built))}


def months(names: Iterable[str], page: NowPage, *, now: datetime) -> dict[str, Part]:
    """One part a month."""
    parts = {}
    known = [component.days for group in page.groups for component in group.components if component.days]
    for name in sorted(names):
        built = page_history.build_month(name, now=now, known=known)
        parts[f"month {name}"] = Part(key_of(built), _maker(_month_files, built, now), count=len(built.problems))
    return parts


def history(counts: Mapping[str, int]) -> dict[str, Part]:
    """The list of months. `counts`: how many problems stand in each."""
    return {"history": Part(key_of(sorted(counts.items())), _maker(_history_files, dict(counts)))}


def figures(now: datetime) -> dict[str, Part]:
    """The uptime page; made at most once an hour, since it looks at two quarters of all services."""
    return {"uptime": Part(hour_of(now), _maker(_uptime_files, page_uptime.build_uptime(now)))}


def hour_of(now: datetime) -> str:
    """With the day of the page's own zone, which may begin at a quarter or half of an hour."""
    return f"{now.astimezone(UTC):%Y-%m-%dT%H} {now.astimezone(clock_words.zone()):%Y-%m-%d}"


def _maker(make: Callable[..., Halves], *values: Any) -> Callable[[Collection[str]], Halves]:
    """Of files that have one form."""
    return lambda _: make(*values)


def by_form(make: Callable[[str], Files]) -> Callable[[Collection[str]], Halves]:
    """Of files about now: `make` renders them in one form."""
    return lambda forms: {form: make(form) for form in forms}


# --- Standing ------------------------------------------------------------------------------------


def _standing_files() -> Halves:
    files: Files = {"404.html": not_found(), "away.html": _away()}
    states = [{"status": status, "text": state_words.definition(status)} for status in rollup.WORST_FIRST]
    for language in codes():
        for name in (name for name in STANDING if name != "subscribe"):
            html = render(
                f"public/{name}.html",
                language=language,
                path=f"/{name}",
                states=states,
                verdicts=[tuple(map(to_read, told)) for told in rebuttals.VERDICTS.values()],
                rule=reading.rule_words(),
                shapes_used=ComponentStatus.values if name == "definitions" else (),
            )
            files[f"{folder_of(language)}{name}.html"] = html.encode()
    return {ARCHIVE: files}


def _subscribe_files(services: Services) -> Halves:
    return {
        ARCHIVE: {
            f"{folder_of(language)}subscribe.html": render(
                "public/subscribe.html", language=language, path="/subscribe", services=services
            ).encode()
            for language in codes()
        }
    }


def _picture_files() -> Halves:
    drawn = {language: pictures.standing(language) for language in codes()}
    return {
        ARCHIVE: {
            f"{folder_of(language)}pictures/{name}.png": pictures.png(picture)
            for language, named in drawn.items()
            for name, picture in named.items()
        }
    }


def not_found() -> bytes:
    return _in_every_language(gettext_noop("Page not found"), gettext_noop("There is nothing at this address."))


def _away() -> bytes:
    """What nginx shows of forms and the desk while the app is dead; it cannot know then whether an address is one."""
    lead = gettext_noop("Forms and sign-in do not answer now. Please try again in a few minutes. What you sent was not taken.")
    return _in_every_language(gettext_noop("We cannot show this now"), lead)


def _in_every_language(title: str, lead: str) -> bytes:
    """One page for all: who mistypes an address has told us no language."""
    said = []
    for code in codes():
        link = state_words.say(gettext_noop("Status now"))[code]
        words = {"title": state_words.say(title)[code], "lead": state_words.say(lead)[code]}
        said.append({"code": code, "link": link, "href": f"{prefix_of(code)}/", **words})
    return render("public/every_language.html", language=codes()[0], path="/", languages_said=said).encode()


# --- A service -----------------------------------------------------------------------------------


def _component_files(page: ComponentPage, built_at: datetime, form: str) -> Files:
    name = f"components/{page.component.facts.code}/page.html"
    return {f"{folder_of(language)}{name}": _component(page, built_at, language, form) for language in codes()}


def _component(page: ComponentPage, built_at: datetime, language: str, form: str) -> bytes:
    facts = page.component.facts
    stale = form == STALE
    sentence = state_words.unconfirmed(facts) if stale else state_words.headline_of(facts)
    action = state_words.stale_action(page.identity.help_line) if stale else state_words.action_of(facts.status)
    since = state_words.since(facts)[language]
    days = page.component.days
    shown = {span.status for one in days.bad for span in one.spans} if days else set()
    context: dict[str, Any] = {
        "page": page,
        "sentence": sentence[language],
        "lead": state_words.last_known(facts)[language] if stale else since,
        "since": since,
        "action": action[language] if action else "",
        "names_above": page_components.names_above(page.component),
        "channels": state_words.channels(facts.channels)[language] if facts.channels else "",
        "areas": state_words.areas(facts.areas)[language] if facts.areas else "",
        "bad_days": [{"day": one, "problem": page.problem_of(one.day)} for one in days.bad] if days else [],
        "shapes_used": shapes_on([facts.status, *shown, *(problem.status for problem in page.problems)]),
        "icon_status": ComponentStatus.UNKNOWN if stale else facts.status,
        "aged": _aged(page, language),
        "freshness": form,
        "built_at": built_at,
        "clockless": True,
    }
    return render("public/component.html", language=language, path=f"/components/{facts.code}", **context).encode()


def _aged(page: ComponentPage, language: str) -> dict[str, str]:
    """What the script shows on a copy that has been open for 90 seconds."""
    facts = page.component.facts
    word = state_words.status_word(ComponentStatus.UNKNOWN)[language]
    sentence = state_words.unconfirmed(facts)[language]
    with override(language):
        title = gettext("%(name)s status") % {"name": page.identity.name}
        known = gettext("last known: %(state)s") % {"state": "%"}
        todo = gettext("What to do")
    return {
        "title": f"{sentence}: {title}",
        "sentence": sentence,
        "lead": state_words.last_known(facts)[language],
        "todo": todo,
        "action": state_words.stale_action(page.identity.help_line)[language],
        "count": "",
        "word": word,
        "worse": f"{word} ({known})",
    }


# --- Planned work --------------------------------------------------------------------------------


def _planned_files(
    work: PlannedNow, whose: Identity, components: Sequence[ComponentFacts], positions: Mapping[str, int]
) -> Halves:
    from statuspage import ical  # 3 MB, of which the web processes, which seldom publish, have no need

    path = f"/maintenance/{work.facts.public_id}"
    machine = api_v2.planned_json(work.facts, whose, components, language=codes()[0], positions=positions)
    files: Files = {f"{path.removeprefix('/')}.json": machine}
    for language in codes():
        prefix, name = prefix_of(language), f"{folder_of(language)}{path.removeprefix('/')}"
        shapes = {item.status for item in work.expected}
        html = render("public/planned.html", language=language, path=path, work=work, shapes_used=shapes)
        files[f"{name}.html"] = html.encode()
        files[f"{name}.ics"] = ical.calendar(
            whose, [work.facts], components, language=language, prefix=prefix, path=f"{prefix}{path}.ics"
        )
    return {ARCHIVE: files}


# --- Answers to claims ---------------------------------------------------------------------------


def _answer_files(page: AnswerPage) -> Halves:
    address = page.answer.address
    said = page.answer.now
    return {
        ARCHIVE: {
            f"{folder_of(language)}answers/{address}.html": render(
                "public/answer.html",
                language=language,
                path=f"/answers/{address}",
                page=page,
                verdict_means=rebuttals.VERDICTS[said.verdict][1].get(language, rebuttals.VERDICTS[said.verdict][1]["en"]),
                share=_share_of_answer(page, language),
            ).encode()
            for language in codes()
        }
    }


def _share_of_answer(page: AnswerPage, language: str) -> str:
    """The fact and where it stands, never the claim; our own words for a post where there are any."""
    said = page.answer.now
    words = said.short_forms.get("post", {}).get(language) or f"{said.fact_headline[language]}. {said.what_is_true[language]}"
    return f"{settings.PROVIDER_NAME}: {words} {settings.BASE_URL}{prefix_of(language)}/answers/{page.answer.address}"


def _answers_files(pages: tuple[AnswerPage, ...]) -> Halves:
    return {
        ARCHIVE: {
            f"{folder_of(language)}answers.html": render(
                "public/answers.html", language=language, path="/answers", pages=pages
            ).encode()
            for language in codes()
        }
    }


# --- The past ------------------------------------------------------------------------------------


def _month_files(page: MonthPage, now: datetime) -> Halves:
    zone = clock_words.zone()
    anchors: set[int] = set()
    problems = []
    for problem in page.problems:
        day = problem.began_at.astimezone(zone).day
        problems.append(("" if day in anchors else f"d{day}", problem))
        anchors.add(day)
    states = {cell.status for week in page.weeks for cell in week if cell and cell.status}
    files = {}
    for language in codes():
        with override(language):
            weekdays = [(gettext(short), str(WEEKDAYS[number])) for number, short in enumerate(_WEEKDAYS)]
        html = render(
            "public/month.html",
            language=language,
            path=f"/history/{page.name}",
            page=page,
            problems=problems,
            weekdays=weekdays,
            as_of=min(now, page_history.end_of(page.name)),
            shapes_used=shapes_on([*states, *(problem.status for problem in page.problems)]),
        )
        files[f"{folder_of(language)}history/{page.name}.html"] = html.encode()
    return {ARCHIVE: files}


def _history_files(counts: Mapping[str, int]) -> Halves:
    years: dict[int, list[dict[str, Any]]] = {}
    for name in sorted(counts, reverse=True):
        first = page_history.first_of(name)
        years.setdefault(first.year, []).append({"name": name, "first": first, "problems": counts[name]})
    return {
        ARCHIVE: {
            f"{folder_of(language)}history.html": render(
                "public/history.html", language=language, path="/history", years=list(years.items())
            ).encode()
            for language in codes()
        }
    }


def _uptime_files(page: UptimePage) -> Halves:
    files = {"uptime.csv": page_uptime.csv_bytes(page, codes()[0])}
    for language in codes():
        data = uptime_data.script(page, language=language)
        files[f"{folder_of(language)}uptime.html"] = render(
            "public/uptime.html", language=language, path="/uptime", page=page, data_script=data
        ).encode()
    return {ARCHIVE: files}
