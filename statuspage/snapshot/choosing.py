"""Which pages have to be made anew: those whose key differs, what was just said first, so many at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from statuspage import page_history, page_lately, page_planned, page_reviews
from statuspage.page import NowPage
from statuspage.snapshot import building, faces, parts, quarters, swapping
from statuspage.snapshot.parts import Part
from statuspage.snapshot.swapping import Manifest, Pages, PartEntry

AT_ONCE = 60  # pages, or small sets of them, that one refresh makes of what waits
MONTHS_AT_ONCE = 12
FIRST = ("standing", "subscribe", *faces.SINGLES)  # of an archive that has to be made; pictures take a quarter of a start


@dataclass(frozen=True)
class PagesChosen:
    """`kept_as_is`: no page need be made. Else `made` beside `kept`, out of what was `before`; `gate` "" while some wait."""

    gate: str
    kept_as_is: Pages | None
    made: Mapping[str, Part]
    kept: Mapping[str, PartEntry]
    before: Mapping[str, PartEntry]
    waiting: int


def choose(
    where: Path,
    manifest: Manifest | None,
    page: NowPage,
    *,
    owed: Collection[str],
    services: Collection[str] | None,
    behind: bool,
    many: bool,
    now: datetime,
) -> PagesChosen:
    """`owed`: months of history that what was said touches. `services`: in a hurry, those spoken of; only what was said is looked
    at. `behind`: not all of the archive is there, or it was made before an upgrade. `many`: nothing is there and much is to be
    made: the first of it only."""
    gate = _gate(page, now)
    pages = manifest.pages if manifest else None
    if pages and pages.gate == gate and not owed:
        return PagesChosen(gate, pages, {}, {}, {}, 0)
    before = _before(where, pages)
    if services is not None and before:
        found = _spoken_of(page, services, since=manifest.built_from if manifest else 0)
        return _chosen("", found, before, kept=before)
    if many:
        standing = {name: part for name, part in parts.standing().items() if name in FIRST}
        found = standing | faces.parts_of(page_lately.build_lately(page), only=())
        return _chosen("", found, before, kept=before, later=1)
    found, later = _all(page, before, owed, behind, now)
    kept = {name: entry for name, entry in before.items() if name in found or not name.startswith(parts.GONE_WHEN_UNNAMED)}
    return _chosen(gate, found, before, kept=kept, later=later)


def _gate(page: NowPage, now: datetime) -> str:
    """While this is the same and nothing is owed, no page needs a look: the record, hour and day, the services as entered."""
    return parts.key_of(building.fingerprint(), page.record, parts.hour_of(now), parts.telling_of(page.components))


def _before(where: Path, pages: Pages | None) -> dict[str, PartEntry]:
    if pages is None:
        return {}
    try:
        return swapping.read_parts(where, pages.version)
    except (OSError, ValueError):
        return {}


def _chosen(
    gate: str, found: Mapping[str, Part], before: Mapping[str, PartEntry], *, kept: Mapping[str, PartEntry], later: int = 0
) -> PagesChosen:
    changed = [name for name, part in found.items() if name not in before or before[name].key != part.stamped]
    changed.sort(key=lambda name: name not in FIRST)
    now = changed[:AT_ONCE]
    later += len(changed) - len(now)
    staying = {name: entry for name, entry in kept.items() if name not in now}
    return PagesChosen("" if later else gate, None, {name: found[name] for name in now}, staying, before, later)


def _spoken_of(page: NowPage, services: Collection[str], *, since: int) -> dict[str, Part]:
    codes = {component.code for component in page.components if component.public_id in services}
    return parts.components(page, only=codes) | faces.parts_of(page_lately.build_lately(page), only=codes, since=since)


def _all(
    page: NowPage, before: Mapping[str, PartEntry], owed: Collection[str], behind: bool, now: datetime
) -> tuple[dict[str, Part], int]:
    """(the parts that may have changed, how many months, quarters and old works are left to a later refresh)."""
    lately = page_lately.build_lately(page)
    found = parts.standing() | parts.components(page) | parts.planned(page, lately.maintenances) | parts.answers(page)
    found |= faces.parts_of(lately)
    older, older_left = _older_work(page, before, found) if behind else ({}, 0)
    found |= older
    if "uptime" not in before or before["uptime"].key != parts.stamp(parts.hour_of(now)):
        found |= parts.figures(now)
    known = {name.removeprefix("month "): entry for name, entry in before.items() if name.startswith("month ")}
    wanted = {page_history.month_of(now), *owed}
    made = {name for name, entry in known.items() if parts.is_made_with_this(entry.key)}
    waiting = page_history.months_with_incidents() | set(known) if behind else set()
    newest_first = sorted(waiting - made - wanted, reverse=True)
    months = parts.months({*wanted, *newest_first[:MONTHS_AT_ONCE]}, page, now=now)
    by_quarter, quarters_left = quarters.parts_of(page, before, owed, behind=behind, now=now)
    found |= by_quarter
    counts = {name: entry.count for name, entry in known.items()}
    counts |= {name.removeprefix("month "): part.count for name, part in months.items()}
    found |= faces.search(lately, months=counts, reviewed=page_reviews.published_of(one.public_id for one in lately.incidents))
    return found | months | parts.history(counts), len(newest_first[MONTHS_AT_ONCE:]) + quarters_left + older_left


def _older_work(page: NowPage, before: Mapping[str, PartEntry], listed: Collection[str]) -> tuple[dict[str, Part], int]:
    """(announced work that is on no list any more and has no page, or one from before an upgrade; how many are left to later)."""
    waiting = [
        public_id
        for public_id in page_planned.public_ids()
        if (name := f"planned {public_id}") not in listed and not (name in before and parts.is_made_with_this(before[name].key))
    ]
    return parts.planned(page, page_planned.of(waiting[:AT_ONCE])), len(waiting[AT_ONCE:])
