"""The bytes of every public file, from page objects. No disk and no database here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext, gettext_noop, override

from incidents import rollup
from incidents.facts import ComponentFacts, Text
from incidents.languages import codes
from incidents.words import ComponentStatus
from statuspage import api_v2, clock_words, pictures, plain_text, state_words, status_json
from statuspage.page import IncidentPage, NowPage, shapes_on
from statuspage.rendering import prefix_of, render

FRESH, STALE = "fresh", "stale"
Files = dict[str, bytes]  # path in its folder -> content


def folder_of(language: str) -> str:
    """Where a language's files lie: at the top for the first configured one, in sw/ for the next."""
    return prefix_of(language).lstrip("/") + "/" if prefix_of(language) else ""


def about_now(page: NowPage, form: str) -> Files:
    """Every file that speaks of now, in one of the two forms."""
    stale = form == STALE
    first = codes()[0]
    files = {
        "api/v2/summary.json": api_v2.summary_json(page, language=first, stale=stale),
        "api/v2/status.json": api_v2.status_json(page, language=first, stale=stale),
        "api/v1/status.json": status_json.status_json(page, stale=stale),
    }
    for language in codes():
        folder = folder_of(language)
        files[f"{folder}index.html"] = _home(page, language, form)
        files[f"{folder}poster.html"] = _poster(page, language, form)
        files[f"{folder}text.txt"] = plain_text.lines_of(page, language=language, stale=stale)
    return files


def incident_files(page: IncidentPage, components: Sequence[ComponentFacts]) -> Files:
    """An incident's page in every language and its JSON, named as they lie in a shard."""
    public_id = page.incident.facts.public_id
    files = {f"{public_id}.json": api_v2.incident_json(page, components, language=codes()[0])}
    facts = page.incident.facts
    for language in codes():
        own = pictures.of_incident(facts, language)
        html = render(
            "public/incident.html",
            language=language,
            path=f"/incidents/{public_id}",
            page=page,
            description=_newest_word(page, language),
            picture=own or pictures.OVER,
            picture_address=pictures.address_of_incident(facts, own, language) if own else "",
            share=_share(page, language),
            shapes_used=_shapes_of(page),
        )
        files[f"{folder_of(language)}{public_id}.html"] = html.encode()
        if page.reviewed.versions:
            html = render("public/review.html", language=language, path=f"/incidents/{public_id}/review", page=page)
            files[f"{folder_of(language)}{public_id}.review.html"] = html.encode()
    return files


def _newest_word(page: IncidentPage, language: str) -> str:
    """For chats: while it is open, of when it is and when the next one comes stand before it, as they cut the end."""
    facts = page.incident.facts
    words = str((facts.updates[0].body if facts.updates else page.title)[language])
    if not facts.is_open:
        return words
    with override(language):
        said = [gettext("As of %(time)s.") % {"time": clock_words.full(facts.last_word_at, language)}]
        if facts.next_update_by and not page.is_late:
            time = clock_words.near(facts.next_update_by, facts.last_word_at, language)
            said.append(gettext("Next update by %(time)s.") % {"time": time})
    return " ".join((*said, words))


def _shapes_of(page: IncidentPage) -> set[str]:
    stated = {item.status for update in page.incident.updates for item in update.affected}
    return stated | {item.status for item in page.incident.affected}


def _share(page: IncidentPage, language: str) -> str:
    """What a reader passes on: it says by itself whose word it is, of when, and where more stands."""
    facts = page.incident.facts
    said = page.action or state_words.say(gettext_noop("If money is missing, check your balance before you pay again."))
    with override(language):
        time = gettext("As of %(time)s.") % {"time": clock_words.full(facts.last_word_at, language)}
    address = f"{page.identity.url}{prefix_of(language)}/incidents/{facts.public_id}"
    return f"{page.identity.name}: {page.title[language]}. {said[language]} {time} {address}"


@cache
def fingerprint() -> str:
    """What files are made with, beside the rows: when it differs from the manifest's, everything is made anew."""
    made_of = hashlib.sha256()
    for path in sorted(_sources()):
        made_of.update(path.name.encode() + path.read_bytes())
    for value in (
        settings.PROVIDER_NAME,
        settings.HELP_LINE,
        settings.BASE_URL,
        settings.PAGE_TIME_ZONE,
        settings.LANGUAGES,
        settings.CONTACT,
        settings.PIN_WARNING,
        settings.ACCENT,
        settings.MARK,
        settings.UPTIME_RULE,
        settings.REVIEW_DAYS,
        settings.PICTURE_FONT,
        settings.COUNTRY,
        settings.LINKS,
        settings.NOINDEX,
    ):
        made_of.update(repr(value).encode())
    return made_of.hexdigest()[:16]


def _sources() -> Iterable[Path]:
    base: Path = settings.BASE_DIR
    yield from (base / "templates" / "public").glob("*.html")
    yield from (base / "statuspage" / "locale").glob("*/LC_MESSAGES/django.mo")
    yield from (base / "statuspage").glob("*.py")
    yield from (base / "statuspage" / "snapshot").glob("*.py")
    yield from (base / "statuspage" / "templatetags").glob("*.py")
    yield from (base / "incidents").glob("*.py")  # all: a list of those that speak here is soon one short
    yield base / "templates" / "base.html"
    yield from (base / "static" / "css").glob("public*.css")
    yield base / "static" / "js" / "freshness.js"


PLANNED_AHEAD = timedelta(days=7)  # what begins later is named, not told

# --- Home --------------------------------------------------------------------------------------


def _home(page: NowPage, language: str, form: str) -> bytes:
    said = _said_when_stale(page) if form == STALE else _said_when_fresh(page)
    words = {key: text[language] if text else "" for key, text in said.items()}
    going_on = [incident.facts for incident in page.open_incidents]
    planned, soon = page.planned, page.built_at + PLANNED_AHEAD
    picture = pictures.of_page(page.components, going_on, language=language, stale=form == STALE)
    context: dict[str, Any] = {
        **words,
        "description": _description(page, words, language, form),
        "icon_status": state_words.shape_of_page(page.components, going_on, stale=form == STALE),
        "picture": picture,
        "picture_address": pictures.address_of_page(picture, language),
        "band_statuses": [ComponentStatus.UNKNOWN] * len(page.band) if form == STALE else page.band,
        "shapes_used": shapes_on(
            [
                *(part.status for part in page.components),
                *(item.status for incident in page.open_incidents for item in incident.affected),
                *(item.status for work in page.planned for item in work.expected),
            ]
        ),
        "aged": _aged(page, language),
        "planned": [work for work in planned if work.facts.starts_at <= soon],
        "planned_later": [work for work in planned if work.facts.starts_at > soon],
        "more_open": _more_open(page, language),
        "share": _share_now(page, words, language, form),
        "freshness": form,
        "built_at": page.built_at,
        "page": page,
    }
    return render("public/home.html", language=language, path="/", **context).encode()


def _more_open(page: NowPage, language: str) -> str:
    """Above the stale sentence stands one open problem, so that what to do is seen below; how many more there are."""
    with override(language):
        n = len(page.open_incidents) - 1
        return gettext("and %(n)d more") % {"n": n} if n > 0 else ""


def _said_when_fresh(page: NowPage) -> Mapping[str, Text | None]:
    return {"sentence": page.sentence, "lead": page.lead, "action": page.action, "count": page.count}


def _said_when_stale(page: NowPage) -> Mapping[str, Text | None]:
    return {
        "sentence": state_words.stale_headline(),
        "lead": state_words.stale_lead(page.built_at),
        "action": state_words.stale_action(page.identity.help_line),
        "count": state_words.counted_when_stale(page.components),
    }


def _description(page: NowPage, words: Mapping[str, str], language: str, form: str) -> str:
    """One line for search results and chat previews. Its time and the next promise stand first: chats cut the end, and an old
    forward must look old."""
    if form == STALE:
        return words["lead"]
    with override(language):
        checked = gettext("Checked at %(time)s.") % {"time": clock_words.full(page.built_at, language)}
    promised = plain_text.promised(page, page.promise, language) if page.promise else ""
    return " ".join(part for part in (checked, promised, words["action"], words["lead"]) if part)


def _aged(page: NowPage, language: str) -> dict[str, str]:
    """What the script shows on a copy older than 90 seconds. “%” stands for the state last known."""
    word = state_words.status_word(ComponentStatus.UNKNOWN)[language]
    sentence = state_words.stale_headline()[language]
    with override(language):
        title = gettext("%(name)s status") % {"name": page.identity.name}
        known = gettext("last known: %(state)s") % {"state": "%"}
        todo = gettext("What to do")
        late = gettext("After that, this update is late.") if page.promise else ""
    return {
        "title": f"{sentence}: {title}",
        "sentence": sentence,
        "late": late,
        "lead": state_words.stale_lead(page.built_at)[language],
        "todo": todo,
        "action": state_words.stale_action(page.identity.help_line)[language],
        "more": _more_open(page, language),
        "count": state_words.counted_when_stale(page.components)[language],
        "word": word,
        "worse": f"{word} ({known})",
    }


def _share_now(page: NowPage, words: Mapping[str, str], language: str, form: str) -> str:
    description = _description(page, words, language, form)
    return f"{page.identity.name}: {words['sentence']}. {description} {page.identity.url}{prefix_of(language)}/"


# --- The poster ----------------------------------------------------------------------------------

LISTED_ON_POSTER = 8  # services in one state; the others are counted


def _poster(page: NowPage, language: str, form: str) -> bytes:
    """One sheet in every language, this one first."""
    said = _said_when_stale(page) if form == STALE else _said_when_fresh(page)
    order = [language, *(code for code in codes() if code != language)]
    unwell = [] if form == STALE else [part for part in page.components if not part.is_operational]
    columns = [
        _column(status, there, order)
        for status in rollup.WORST_FIRST
        if (there := [part for part in unwell if part.status == status])
    ]
    context: dict[str, Any] = {
        "languages_said": [_said_on_poster(page, said, code) for code in order],
        "columns": columns,
        "band_statuses": [ComponentStatus.UNKNOWN] * len(page.band) if form == STALE else page.band,
        "shapes_used": shapes_on(part.status for part in page.components),
        "freshness": form,
        "built_at": page.built_at,
    }
    return render("public/poster.html", language=language, path="/poster", **context).encode()


def _column(status: str, there: Sequence[ComponentFacts], order: Sequence[str]) -> dict[str, Any]:
    """Which services are in a state, in each language of the sheet: (language, words), no words twice."""
    more = len(there) - LISTED_ON_POSTER
    rows = [part.name for part in there[:LISTED_ON_POSTER]]
    if more > 0:
        rows.append(state_words.say(gettext_noop("and %(n)d more"), n=more))
    return {
        "status": status,
        "word": _each_once(state_words.status_word(status), order),
        "rows": [_each_once(row, order) for row in rows],
    }


def _each_once(text: Text, order: Sequence[str]) -> list[tuple[str, str]]:
    return list({text[code]: (code, text[code]) for code in reversed(order)}.values())[::-1]


def _said_on_poster(page: NowPage, said: Mapping[str, Text | None], language: str) -> dict[str, Any]:
    sentence, action = said["sentence"], said["action"]
    assert sentence is not None
    with override(language):
        made = clock_words.full(page.built_at, language)
        foot = [gettext("Made at %(time)s.") % {"time": made}]
        following = ""
        if page.promise and not page.promise.late:
            time = clock_words.near(page.promise.at, page.built_at, language)
            following = gettext("Next update by %(time)s.") % {"time": time}
            foot.append(gettext("After %(time)s this sheet is old: take it down.") % {"time": time})
        else:
            foot.append(gettext("Tomorrow this sheet is old: take it down."))
        foot.append(gettext("How it is now stands at %(address)s") % {"address": f"{page.identity.url}{prefix_of(language)}/"})
        if page.identity.help_line:
            foot.append(gettext("or at %(help_line)s.") % {"help_line": page.identity.help_line})
        if settings.PIN_WARNING:
            foot.append(gettext("We will never ask for your PIN."))
    return {
        "code": language,
        "sentence": sentence[language],
        "action": action[language] if action else "",
        "next": following,
        "sure": [*_statements_on_poster(page, language), *_answers_on_poster(page, language)],
        "foot": " ".join(foot),
    }


def _statements_on_poster(page: NowPage, language: str) -> Iterable[str]:
    """What stands of money and data in the problem spoken of last, each with its time."""
    for said in (said for incident in page.open_incidents[:1] for said in incident.statements if said.stands):
        signed = f"{state_words.roles(said.signed_in)[language]}. " if said.signed_in else ""
        time = clock_words.near(said.as_of, page.built_at, language)
        with override(language):
            yield f"{said.body[language]} ({signed}{gettext('True as of')} {time})"


def _answers_on_poster(page: NowPage, language: str) -> Iterable[str]:
    """The fact of the newest answer, never the claim."""
    for answer in [answer for answer in page.answers if not answer.taken_back][:1]:
        with override(language):
            yield f"{gettext('Our answer')}: {answer.now.fact_headline[language]}."
