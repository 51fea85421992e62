"""All that one refresh takes from the database, at one moment, and what of it has to be written."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from incidents import closing, record, record_export
from incidents.models import RecordEntry, RecordHead
from incidents.moments import one_moment
from statuspage import page as public
from statuspage.snapshot import building, choosing, swapping
from statuspage.snapshot.choosing import PagesChosen
from statuspage.snapshot.swapping import Kept, Manifest, RecordFile, Shard

log = logging.getLogger(__name__)

REBUILT_AFTER = 10.0  # seconds
RECORD_AT_ONCE = 2000  # entries of a long record written into its file by one refresh
RECORD_IN_A_HURRY = 100  # where its file is behind, on a first start, a publication does not wait for it


@dataclass(frozen=True)
class Month:
    """A month of incidents to write: those made now, those that stay as they were; `whole`: what all are made with, or ""."""

    made: Mapping[str, Kept]
    kept: Mapping[str, Kept]
    whole: str


@dataclass(frozen=True)
class Reading:
    """What a generation is made of. `waiting`: pages that are left to later ones; `of`: how many the archive has."""

    page: public.NowPage
    anew: bool  # nothing that lies on the disk is used
    redacted: bool
    incidents: Mapping[str, public.IncidentPage]  # those to write, by public id
    months: Mapping[str, Month]
    months_kept: Mapping[str, Shard]
    pages: PagesChosen
    record_before: RecordFile | None
    lines: list[str]  # new ones of the record's file
    waiting: int
    of: int
    owed: list[str]  # months that what was said touches, and that were not looked at


@dataclass(frozen=True)
class _Said:
    """What entries after the last generation's speak of: incidents and services, by public id."""

    incidents: set[str]
    services: set[str]
    redacted: bool


def read(where: Path, manifest: Manifest | None, *, now: datetime, force: bool, hurry: bool) -> Reading | None:
    """None when there is nothing to write."""
    with one_moment():
        head = record.head()
        if manifest and head.seq < manifest.built_from:
            log.error(
                "The record ends at %s, the page shows %s: nothing is swapped in. Was the database restored from a copy? Run "
                "`manage.py restore_check`. Is it meant to be another one? Run `manage.py write_snapshot --rebuild`.",
                head.seq,
                manifest.built_from,
            )
            return None
        if manifest and head.seq == manifest.built_from and head.hash != manifest.head:
            manifest = None  # the same number under another hash: this is not the record the page was made from
        due = manifest is None or force or head.seq != manifest.built_from or is_old(manifest, now) or is_behind(manifest)
        return _read_all(where, manifest, head, now, hurry) if due else None


def is_old(manifest: Manifest, now: datetime) -> bool:
    return abs(now.timestamp() - manifest.built_at) >= REBUILT_AFTER


def is_behind(manifest: Manifest) -> bool:
    """Something of it is still to be made."""
    record_is = manifest.record is None or manifest.record.seq < manifest.built_from
    return record_is or bool(manifest.waiting) or manifest.pages is None or not manifest.pages.gate


def _read_all(where: Path, manifest: Manifest | None, head: RecordHead, now: datetime, hurry: bool) -> Reading:
    page = public.build_now(now, head=head)
    said = _said_since(manifest) if manifest else _Said(set(), set(), True)  # what was redacted meanwhile is not known
    turned: set[str] = set()  # their review fell due, though nothing was said
    if manifest:
        turned = closing.reviews_turning(since=datetime.fromtimestamp(manifest.built_at, UTC), now=now)
    urgent = said.incidents | turned
    if manifest is None:
        urgent |= {incident.facts.public_id for incident in page.open_incidents}
    behind = manifest is None or bool(manifest.waiting) or manifest.pages is None or manifest.made_with != building.fingerprint()
    archive = _Archive(where, manifest, count=behind and not hurry)
    many = manifest is None and len(archive.waiting) + len(page.components) > choosing.AT_ONCE
    chosen = urgent | set(archive.waiting[: 0 if many or hurry else choosing.AT_ONCE])
    incidents = (
        {built.incident.facts.public_id: built for built in public.build_incidents(chosen, now=now, known=page)} if chosen else {}
    )
    months, touched = archive.months(incidents)
    owed = sorted({*(manifest.owed if manifest else ()), *(touched if said.incidents or turned else ())})
    services = said.services | {item for built in incidents.values() for item in _services_of(built)}
    pages = choosing.choose(
        where,
        manifest,
        page,
        owed=owed,
        services=services if hurry and not said.redacted else None,
        behind=behind,
        many=many,
        now=now,
    )
    before = manifest.record if manifest and not said.redacted else None
    done = before.seq if before else 0
    at_once = RECORD_IN_A_HURRY if hurry and before else RECORD_AT_ONCE
    return Reading(
        page=page,
        anew=manifest is None or not manifest.files,
        redacted=said.redacted,
        incidents=incidents,
        months=months,
        months_kept={month: shard for month, shard in archive.kept.items() if month not in months},
        pages=pages,
        record_before=before,
        lines=list(islice(record_export.lines(after=done), min(at_once, page.record.seq - done))),
        waiting=archive.left(incidents) + pages.waiting,
        of=archive.of + len(pages.before) + len(pages.made),
        owed=owed if pages.gate == "" and hurry else [],
    )


def _said_since(manifest: Manifest) -> _Said:
    incidents: set[str] = set()
    services: set[str] = set()
    redacted = False
    for kind, body in RecordEntry.objects.filter(seq__gt=manifest.built_from).values_list("kind", "body"):
        data = json.loads(body)["data"]
        incidents |= {data["incident"]} if data.get("incident") else set(data.get("incidents", ()))
        incidents |= {data["into"]} if data.get("into") else set()  # it tells what was merged into it
        services |= {data["component"]} if isinstance(data.get("component"), str) else set()
        redacted = redacted or kind == "redaction"
    return _Said(incidents, services, redacted)


def _services_of(built: public.IncidentPage) -> set[str]:
    return {item.component_id for update in built.incident.facts.updates for item in update.affected}


class _Archive:
    """The pages of incidents: what is kept, and what waits to be made, newest first. It is counted only while something waits."""

    def __init__(self, where: Path, manifest: Manifest | None, *, count: bool) -> None:
        self.made_with = building.fingerprint()
        self.generation = swapping.current_generation(where)
        self.kept = dict(manifest.shards) if manifest else {}
        self.waiting: list[str] = []
        self.expected: dict[str, list[str]] | None = None
        self.of = sum(shard.incidents for shard in self.kept.values())
        self.before = manifest.waiting if manifest else 0
        if count:
            self._count()

    def _count(self) -> None:
        self.expected = public.months_of_incidents()
        self.of = sum(map(len, self.expected.values()))
        for month, public_ids in sorted(self.expected.items(), reverse=True):
            shard = self.kept.get(month)
            if shard and shard.made_with == self.made_with and shard.incidents >= len(public_ids):
                continue
            there = self._there(month)
            waiting = [one for one in reversed(public_ids) if one not in there or there[one].made_with != self.made_with]
            self.waiting += waiting
            if shard and not waiting:
                self.kept[month] = replace(shard, made_with=self.made_with)

    def _there(self, month: str) -> dict[str, Kept]:
        if month not in self.kept or self.generation is None:
            return {}
        try:
            return swapping.read_month(self.generation, month)
        except (OSError, ValueError) as error:
            log.warning("The incidents of %s are made anew (%s).", month, error)
            return {}

    def months(self, incidents: Mapping[str, public.IncidentPage]) -> tuple[dict[str, Month], set[str]]:
        """(the months to write, the months of history in which these incidents stand, and stood)."""
        by_month: dict[str, dict[str, Kept]] = {}
        for public_id, built in incidents.items():
            by_month.setdefault(built.incident.facts.month, {})[public_id] = Kept(built.month, self.made_with)
        found, touched = {}, set()
        for month, made in by_month.items():
            there = self._there(month)
            touched |= {one.began for one in made.values()} | {there[one].began for one in made if one in there}
            kept = {public_id: one for public_id, one in there.items() if public_id not in made}
            found[month] = Month(made, kept, self._whole(month, made, kept))
        return found, touched

    def _whole(self, month: str, made: Collection[str], kept: Mapping[str, Kept]) -> str:
        if self.expected is not None:
            all_there = len(made) + len(kept) >= len(self.expected.get(month, ()))
            return self.made_with if all_there and all(one.made_with == self.made_with for one in kept.values()) else ""
        shard = self.kept.get(month)
        return shard.made_with if shard else self.made_with

    def left(self, incidents: Mapping[str, public.IncidentPage]) -> int:
        if self.expected is None:
            return self.before
        return sum(1 for public_id in self.waiting if public_id not in incidents)
