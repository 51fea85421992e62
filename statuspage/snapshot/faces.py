"""The parts programs read: API lists, feeds, badges, calendars, CAP. Each is made anew only when what it says has changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from incidents.facts import ComponentFacts, IncidentFacts
from incidents.languages import codes
from incidents.public_ids import PATTERN
from statuspage import api_v2, badges, cap, embed, entries, feeds, pictures, state_words
from statuspage.entries import Entry
from statuspage.page_lately import Lately
from statuspage.rendering import prefix_of
from statuspage.snapshot.building import FRESH, STALE, Files, folder_of
from statuspage.snapshot.parts import ARCHIVE, STANDING, Halves, Part, by_form, key_of, telling_of

FORMS = (FRESH, STALE)
_SERVICE = r"components/[a-zA-Z0-9_-]{1,60}"
_FEED = r"(?:history|updates)\.(?:atom|rss)|feed\.json"
# Addresses after a language's prefix, which are the files' names too: those about now, in two forms, and those with one.
ABOUT_NOW = re.compile(
    rf"/({_FEED}|picture\.png|favicon\.ico|cap\.atom|badge\.(?:svg|json|txt)|{_SERVICE}/badge\.(?:svg|json|txt))"
)
UNTRANSLATED = ("/sitemap.xml", "/robots.txt", "/embed/script.js")
FRAME = "/embed/frame"
KEPT = re.compile(
    rf"/(pictures/[a-z0-9_]{{1,30}}\.png|{_SERVICE}/(?:{_FEED})|maintenance\.ics|maintenance/{PATTERN}\.ics|cap/{PATTERN}-\d{{1,4}}\.cap)"
)


SINGLES = ("api", "feeds", "embed", "badge")  # all that tells at once what was said


def parts_of(said: Lately, *, only: Collection[str] | None = None, since: int = 0) -> dict[str, Part]:
    """All of them; what is not among them any more is gone. `only`: in a hurry, SINGLES, what belongs to services of these codes,
    and the messages of what was spoken of `since` this entry of the record."""
    by_language = {language: _listed(said, language) for language in codes()}
    # What else it holds stands in the record, which is told in a line.
    key = key_of(said.identity, said.record, telling_of(said.components), said.answers)
    found = {
        "api": Part(key, by_form(partial(_api_files, said))),
        "feeds": Part(key, by_form(partial(_feed_files, said, by_language))),
        "embed": Part(key, partial(_embed_files, said)),
        "badge": Part(key, by_form(partial(_badge_files, said))),
    }
    if only is None:
        found |= {
            "picture": _picture_part(said),
            **{f"image {one.public_id}": _image_part(one) for one in said.open_incidents},
            "calendar": Part(
                key_of(said.identity, said.maintenances, telling_of(said.components)), lambda _: _calendar_files(said)
            ),
        }
    for component in said.components:
        if only is None or component.code in only:
            found |= _of_component(said, component, by_language)
    for told in cap.told_of(said):
        if only is None or told.says_more_than(since):
            found[f"cap {told.thing.public_id}"] = Part(key_of(said.identity, told), _cap_maker(said, told))
    return found


# --- The API -------------------------------------------------------------------------------------


def _api_files(said: Lately, form: str) -> Files:
    return {f"api/v2/{name}": api_v2.list_json(name, said, language=codes()[0], stale=form == STALE) for name in api_v2.LISTS}


# --- Feeds ---------------------------------------------------------------------------------------

Listed = Mapping[str, Sequence[Entry]]  # kind of feed -> its entries


def _listed(said: Lately, language: str) -> Listed:
    every = entries.updates(said, language)
    return {"history": entries.history(said, language), "updates": every, "feed": every}


def _feed_files(said: Lately, by_language: Mapping[str, Listed], form: str) -> Files:
    files: Files = {}
    for language in codes():
        folder, prefix, stale = folder_of(language), prefix_of(language), form == STALE
        for name, (kind, write) in feeds.FEEDS.items():
            head = feeds.channel(said, kind, language=language, prefix=prefix, stale=stale)
            files[f"{folder}{name}"] = write(head, by_language[language][kind])
        alerts = feeds.channel(said, "cap", language=language, prefix=prefix, stale=stale)
        files[f"{folder}cap.atom"] = feeds.atom(alerts, cap.index(said, language))
    return files


def _of_component(said: Lately, component: ComponentFacts, by_language: Mapping[str, Listed]) -> dict[str, Part]:
    """Its feeds, made anew when an entry about it changes, and its badges, when its state does."""
    own = {
        language: {kind: entries.about(component.public_id, listed) for kind, listed in kinds.items()}
        for language, kinds in by_language.items()
    }
    name = (said.identity, component.code, component.name)

    def make_feeds(_: Collection[str]) -> Halves:
        files: Files = {}
        for language in codes():
            for file, (kind, write) in feeds.FEEDS.items():
                head = feeds.channel(said, kind, language=language, prefix=prefix_of(language), component=component)
                files[f"{folder_of(language)}components/{component.code}/{file}"] = write(head, own[language][kind])
        return {ARCHIVE: files}

    def make_badges(form: str) -> Files:
        return {
            f"{folder_of(language)}components/{component.code}/{file}": write(
                badges.of_component(component, language=language, stale=form == STALE)
            )
            for language in codes()
            for file, write in badges.WRITERS.items()
        }

    return {
        f"feeds {component.code}": Part(key_of(name, own), make_feeds),
        f"badge {component.code}": Part(key_of(name, component.status), by_form(make_badges)),
    }


# --- The picture of now --------------------------------------------------------------------------


def _picture_part(said: Lately) -> Part:
    """Drawn only when it changes; the favicon for browsers that read no SVG with it."""
    drawn = {
        form: {
            f"{folder_of(language)}picture.png": pictures.of_page(
                said.components, said.open_incidents, language=language, stale=form == STALE
            )
            for language in codes()
        }
        for form in FORMS
    }
    icons = {form: state_words.shape_of_page(said.components, said.open_incidents, stale=form == STALE) for form in FORMS}

    def make(form: str) -> Files:
        return {name: pictures.png(picture) for name, picture in drawn[form].items()} | {"favicon.ico": pictures.ico(icons[form])}

    return Part(key_of(drawn), by_form(make))


def _image_part(incident: IncidentFacts) -> Part:
    """The same of an open problem, beside links to it."""
    own = {language: pictures.of_incident(incident, language) for language in codes()}
    drawn = {f"{folder_of(language)}pictures/{incident.public_id}.png": picture for language, picture in own.items() if picture}
    return Part(key_of(drawn), lambda _: {ARCHIVE: {name: pictures.png(picture) for name, picture in drawn.items()}})


# --- Other sites, search engines -----------------------------------------------------------------


def _embed_files(said: Lately, forms: Collection[str]) -> Halves:
    """The frame in its forms. The script asks the API, so it has one."""
    frames: dict[str, Files] = {
        form: {
            f"{folder_of(language)}embed/frame.html": embed.frame(said, language=language, stale=form == STALE)
            for language in codes()
        }
        for form in forms
    }
    return {**frames, ARCHIVE: {"embed/script.js": embed.script()}}


def search(said: Lately, *, months: Iterable[str], reviewed: Collection[str]) -> dict[str, Part]:
    """What search engines read. `months`: those that have a page; `reviewed`: incidents whose review is public."""
    paths = ["/", *(f"/{name}" for name in ("history", "uptime", "answers", *STANDING))]
    paths += [f"/history/{month}" for month in sorted(months, reverse=True)]
    paths += [f"/components/{component.code}" for component in said.components]
    for incident in said.incidents:
        if not incident.is_gone:
            paths.append(f"/incidents/{incident.public_id}")
            paths += [f"/incidents/{incident.public_id}/review"] if incident.public_id in reviewed else []
    paths += [f"/maintenance/{work.public_id}" for work in said.maintenances]
    paths += [f"/answers/{answer.address}" for answer in said.answers]
    url = said.identity.url
    files = {"sitemap.xml": embed.sitemap(url, paths), "robots.txt": embed.robots(url)}
    return {"search": Part(key_of(url, paths), lambda _: {ARCHIVE: files})}


# --- Badges, calendars, CAP ----------------------------------------------------------------------


def _badge_files(said: Lately, form: str) -> Files:
    return {
        f"{folder_of(language)}{name}": write(badges.of_page(said, language=language, stale=form == STALE))
        for language in codes()
        for name, write in badges.WRITERS.items()
    }


def _calendar_files(said: Lately) -> Halves:
    """All of planned work; each piece's own lies beside its page."""
    from statuspage import ical  # 3 MB, of which the web processes, which seldom publish, have no need

    files: Files = {}
    for language in codes():
        prefix = prefix_of(language)
        files[f"{folder_of(language)}maintenance.ics"] = ical.calendar(
            said.identity,
            said.maintenances,
            said.components,
            language=language,
            prefix=prefix,
            path=f"{prefix}/maintenance.ics",
        )
    return {ARCHIVE: files}


def _cap_maker(said: Lately, told: cap.Told) -> Callable[[Collection[str]], Halves]:
    return lambda _: {ARCHIVE: {f"cap/{name}": content for name, content in cap.messages(said.identity, told).items()}}
