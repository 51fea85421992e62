"""The bytes of every public file, from page objects. No disk and no database here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext, gettext_noop, override

from incidents.facts import ComponentFacts, Text
from incidents.languages import codes
from incidents.words import ComponentStatus
from statuspage import api_v2, clock_words, feeds, state_words
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
    }
    for language in codes():
        folder, prefix = folder_of(language), prefix_of(language)
        files[f"{folder}index.html"] = _home(page, language, form)
        files[f"{folder}history.atom"] = feeds.history(page, language=language, prefix=prefix, stale=stale)
        files[f"{folder}updates.atom"] = feeds.updates(page, language=language, prefix=prefix, stale=stale)
    return files


def standing() -> Files:
    """Files with one form that hang on no row: the subscription form, the page that says there is none."""
    files = {"404.html": _not_found()}
    for language in codes():
        files[f"{folder_of(language)}subscribe.html"] = render(
            "public/subscribe.html", language=language, path="/subscribe"
        ).encode()
    return files


def incident_files(page: IncidentPage, components: Sequence[ComponentFacts]) -> Files:
    """An incident's page in every language and its JSON, named as they lie in a shard."""
    public_id = page.incident.facts.public_id
    files = {f"{public_id}.json": api_v2.incident_json(page, components, language=codes()[0])}
    updates = page.incident.facts.updates
    newest = updates[0].body if updates else page.title
    for language in codes():
        html = render(
            "public/incident.html",
            language=language,
            path=f"/incidents/{public_id}",
            page=page,
            description=newest[language],
            shapes_used={item.status for item in page.incident.affected},
        )
        files[f"{folder_of(language)}{public_id}.html"] = html.encode()
    return files


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
    ):
        made_of.update(repr(value).encode())
    return made_of.hexdigest()[:16]


def _sources() -> Iterable[Path]:
    base: Path = settings.BASE_DIR
    yield from (base / "templates" / "public").glob("*.html")
    yield from (base / "statuspage" / "locale").glob("*/LC_MESSAGES/django.mo")
    yield from (base / "statuspage").glob("*.py")
    yield base / "incidents" / "statuspage_v2.py"
    yield base / "templates" / "base.html"
    yield base / "static" / "css" / "public.css"
    yield base / "static" / "js" / "freshness.js"


# --- Home --------------------------------------------------------------------------------------


def _home(page: NowPage, language: str, form: str) -> bytes:
    said = _said_when_stale(page) if form == STALE else _said_when_fresh(page)
    words = {key: text[language] if text else "" for key, text in said.items()}
    context: dict[str, Any] = {
        **words,
        "description": _description(page, words, language, form),
        "icon_status": _icon(page, form),
        "band_statuses": [ComponentStatus.UNKNOWN] * len(page.band) if form == STALE else page.band,
        "shapes_used": shapes_on(
            [*(part.status for part in page.components), *(item.status for one in page.open_incidents for item in one.affected)]
        ),
        "aged": _aged(page, language),
        "freshness": form,
        "built_at": page.built_at,
        "page": page,
    }
    return render("public/home.html", language=language, path="/", **context).encode()


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
    """One line for search results and chat previews, with its time."""
    with override(language):
        if form == STALE:
            return words["lead"]
        checked = gettext("Checked at %(time)s.") % {"time": clock_words.full(page.built_at, language)}
    return " ".join(part for part in (words["action"], words["lead"], checked) if part)


def _icon(page: NowPage, form: str) -> str:
    if form == STALE:
        return ComponentStatus.UNKNOWN
    if page.worst == ComponentStatus.OPERATIONAL and page.open_incidents:
        return ComponentStatus.DEGRADED_PERFORMANCE  # never the green circle beside an open incident
    return page.worst


def _aged(page: NowPage, language: str) -> dict[str, str]:
    """What the script shows on a copy older than 90 seconds. “%” stands for the state last known."""
    word = state_words.status_word(ComponentStatus.UNKNOWN)[language]
    sentence = state_words.stale_headline()[language]
    with override(language):
        title = gettext("%(name)s status") % {"name": page.identity.name}
        known = gettext("last known: %(state)s") % {"state": "%"}
    return {
        "title": f"{sentence}: {title}",
        "sentence": sentence,
        "lead": state_words.stale_lead(page.built_at)[language],
        "count": state_words.counted_when_stale(page.components)[language],
        "word": word,
        "worse": f"{word} ({known})",
    }


def _not_found() -> bytes:
    """One page in every language: who mistypes an address has told us no language."""
    said = []
    for code in codes():
        title = state_words.say(gettext_noop("Page not found"))[code]
        lead = state_words.say(gettext_noop("There is nothing at this address."))[code]
        link = state_words.say(gettext_noop("Status now"))[code]
        said.append({"code": code, "title": title, "lead": lead, "link": link, "href": f"{prefix_of(code)}/"})
    return render("public/404.html", language=codes()[0], path="/", languages_said=said).encode()
