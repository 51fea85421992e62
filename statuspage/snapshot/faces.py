"""The parts programs read: API lists, feeds, badges, calendars, CAP. Each is made anew only when what it says has changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence

from incidents.facts import ComponentFacts
from incidents.languages import codes
from incidents.public_ids import PATTERN
from statuspage import api_v2, badges, cap, embed, entries, feeds, pictures
from statuspage.entries import Entry
from statuspage.page_lately import Lately
from statuspage.rendering import prefix_of
from statuspage.snapshot.building import FRESH, STALE, Files, folder_of
from statuspage.snapshot.parts import ARCHIVE, STANDING, Halves, Part, key_of

FORMS = (FRESH, STALE)
_SERVICE = r"components/[a-zA-Z0-9_-]{1,60}"
_FEED = r"(?:history|updates)\.(?:atom|rss)|feed\.json"
# Addresses after a language's prefix, which are the files' names too: those about now, in two forms, and those with one.
ABOUT_NOW = re.compile(rf"/({_FEED}|picture\.png|cap\.atom|badge\.(?:svg|json|txt)|{_SERVICE}/badge\.(?:svg|json|txt))")
UNTRANSLATED = ("/sitemap.xml", "/robots.txt", "/embed/script.js")
FRAME = "/embed/frame"
KEPT = re.compile(
    rf"/(pictures/[a-z_]{{1,30}}\.png|{_SERVICE}/(?:{_FEED})|maintenance\.ics|maintenance/{PATTERN}\.ics|cap/{PATTERN}-\d{{1,4}}\.cap)"
)


SINGLES = ("api", "feeds", "embed", "badge")  # all that tells at once what was said


def parts_of(said: Lately, *, only: Collection[str] | None = None) -> dict[str, Part]:
    """All of them; what is not among them any more is gone. `only`: in a hurry, SINGLES and what belongs to services of these
    codes."""
    by_language = {language: _listed(said, language) for language in codes()}
    key = key_of(said)
    found = {
        "api": Part(key, lambda: _api_files(said)),
        "feeds": Part(key, lambda: _feed_files(said, by_language)),
        "embed": Part(key_of(said.identity, said.components, said.open_incidents), lambda: _embed_files(said)),
        "search": Part(key_of(*_addresses(said)), lambda: _search_files(said)),
        "badge": Part(key_of(said.identity, said.components, said.open_incidents), lambda: _badge_files(said)),
        "picture": _picture_part(said),
        "calendar": Part(key_of(said.identity, said.maintenances, said.components), lambda: _calendar_files(said)),
    }
    for component in said.components:
        if only is None or component.code in only:
            found |= _of_component(said, component, by_language)
    if only is not None:
        return {name: part for name, part in found.items() if name in SINGLES or " " in name}
    for told in cap.told_of(said):
        found[f"cap {told.thing.public_id}"] = Part(key_of(said.identity, told), _cap_maker(said, told))
    return found


# --- The API -------------------------------------------------------------------------------------


def _api_files(said: Lately) -> Halves:
    return {
        form: {f"api/v2/{name}": api_v2.list_json(name, said, language=codes()[0], stale=form == STALE) for name in api_v2.LISTS}
        for form in FORMS
    }


# --- Feeds ---------------------------------------------------------------------------------------

Listed = Mapping[str, Sequence[Entry]]  # kind of feed -> its entries


def _listed(said: Lately, language: str) -> Listed:
    every = entries.updates(said, language)
    return {"history": entries.history(said, language), "updates": every, "feed": every}


def _feed_files(said: Lately, by_language: Mapping[str, Listed]) -> Halves:
    halves: dict[str, Files] = {form: {} for form in FORMS}
    for form, files in halves.items():
        for language in codes():
            folder, prefix, stale = folder_of(language), prefix_of(language), form == STALE
            for name, (kind, write) in feeds.FEEDS.items():
                head = feeds.channel(said, kind, language=language, prefix=prefix, stale=stale)
                files[f"{folder}{name}"] = write(head, by_language[language][kind])
            alerts = feeds.channel(said, "cap", language=language, prefix=prefix, stale=stale)
            files[f"{folder}cap.atom"] = feeds.atom(alerts, cap.index(said, language))
    return halves


def _of_component(said: Lately, component: ComponentFacts, by_language: Mapping[str, Listed]) -> dict[str, Part]:
    """Its feeds, made anew when an entry about it changes, and its badges, when its state does."""
    own = {
        language: {kind: entries.about(component.public_id, listed) for kind, listed in kinds.items()}
        for language, kinds in by_language.items()
    }
    name = (said.identity, component.code, component.name)

    def make_feeds() -> Halves:
        files: Files = {}
        for language in codes():
            for file, (kind, write) in feeds.FEEDS.items():
                head = feeds.channel(said, kind, language=language, prefix=prefix_of(language), component=component)
                files[f"{folder_of(language)}components/{component.code}/{file}"] = write(head, own[language][kind])
        return {ARCHIVE: files}

    def make_badges() -> Halves:
        return {
            form: {
                f"{folder_of(language)}components/{component.code}/{file}": write(
                    badges.of_component(component, language=language, stale=form == STALE)
                )
                for language in codes()
                for file, write in badges.WRITERS.items()
            }
            for form in FORMS
        }

    return {
        f"feeds {component.code}": Part(key_of(name, own), make_feeds),
        f"badge {component.code}": Part(key_of(name, component.status), make_badges),
    }


# --- The picture of now --------------------------------------------------------------------------


def _picture_part(said: Lately) -> Part:
    """Drawn only when it changes."""
    drawn = {
        form: {
            f"{folder_of(language)}picture.png": pictures.of_page(
                said.components, said.open_incidents, language=language, stale=form == STALE
            )
            for language in codes()
        }
        for form in FORMS
    }
    return Part(
        key_of(drawn),
        lambda: {form: {name: pictures.png(picture) for name, picture in named.items()} for form, named in drawn.items()},
    )


# --- Other sites, search engines -----------------------------------------------------------------


def _embed_files(said: Lately) -> Halves:
    """The frame in its two forms. The script asks the API, so it has one."""
    frames: dict[str, Files] = {
        form: {
            f"{folder_of(language)}embed/frame.html": embed.frame(said, language=language, stale=form == STALE)
            for language in codes()
        }
        for form in FORMS
    }
    return {**frames, ARCHIVE: {"embed/script.js": embed.SCRIPT.encode()}}


def _addresses(said: Lately) -> Sequence[Sequence[str]]:
    return [
        [component.code for component in said.components],
        [incident.public_id for incident in said.incidents],
        [work.public_id for work in said.maintenances],
    ]


def _search_files(said: Lately) -> Halves:
    standing = [f"/{name}" for name in ("history", "uptime", *STANDING)]
    return {ARCHIVE: {"sitemap.xml": embed.sitemap(said, standing), "robots.txt": embed.robots(said.identity.url)}}


# --- Badges, calendars, CAP ----------------------------------------------------------------------


def _badge_files(said: Lately) -> Halves:
    return {
        form: {
            f"{folder_of(language)}{name}": write(badges.of_page(said, language=language, stale=form == STALE))
            for language in codes()
            for name, write in badges.WRITERS.items()
        }
        for form in FORMS
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


def _cap_maker(said: Lately, told: cap.Told) -> Callable[[], Halves]:
    return lambda: {ARCHIVE: {f"cap/{name}": content for name, content in cap.messages(said.identity, told).items()}}
