"""After the database came back from a copy: readers have seen words that it does not hold.

Whoever published on top of it would write another history under the same numbers. So the publisher, whose snapshot keeps the
record's file, holds the record before it does anything else; nothing is added until a person has decided
(`manage.py restore_check`).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from incidents import record
from incidents.models import RecordEntry
from incidents.models.record import GENESIS
from statuspage import snapshot

FILE = Path("current") / "archive" / "record" / "record.jsonl"


@dataclass(frozen=True)
class Gap:
    """The record ends at `ends` with what readers have seen; they saw it up to `seen`. `lost` are the lines after it."""

    ends: int
    seen: int
    lost: tuple[dict[str, Any], ...]


def hold_if_behind() -> None:
    """Raise record.RecordHeld, and hold the record, when this host's page shows entries of it that it does not have.

    One query while all is well. Another database than the page's, whose first entry is another, is not a restored one.
    """
    manifest = snapshot.current()
    if manifest is None or manifest.built_from == 0 or _has(manifest.built_from, manifest.head):
        return
    first = next(_lines(snapshot.directory() / FILE), None)
    if first is None or not _has(1, first["hash"]):
        return
    why = why_held(manifest.built_from)
    record.hold(why)
    raise record.RecordHeld(why)


def why_held(seen: int) -> str:
    return f"The database is older than the page, which shows entry {seen}: run `manage.py restore_check` on the page's host."


def _has(seq: int, wanted: str) -> bool:
    return RecordEntry.objects.filter(seq=seq, hash=wanted).exists()


def find_gap(path: Path) -> Gap | None:
    """What the file says that the record does not; None when the record holds all of it.

    Raises ValueError for a file that does not hold by its own rule (docs/record.md), or that is of another record.
    """
    ends, seen, previous = 0, 0, GENESIS
    lost: list[dict[str, Any]] = []
    ours = RecordEntry.objects.order_by("seq").values_list("hash", flat=True).iterator(chunk_size=2000)
    for line in _lines(path):
        seen += 1
        if line["seq"] != seen or hashlib.sha256(line["body"].encode()).hexdigest() != line["hash"]:
            raise ValueError(f"line {seen} of {path} does not hold")
        if json.loads(line["body"])["previous"] != previous:
            raise ValueError(f"line {seen} of {path} does not follow the one before it")
        previous = line["hash"]
        if not lost and next(ours, "") == line["hash"]:
            ends = seen
        else:
            lost.append(line)
    if seen and ends == 0:
        raise ValueError(f"{path} is of another record: not even its first entry is ours")
    return Gap(ends, seen, tuple(lost)) if lost else None


def go_on_without(gap: Gap, *, path: Path, reason: str, now: datetime) -> Path:
    """Let the record go on from where the copy ends, and say so in it: how far readers had seen it, under which hash, and why it
    goes on without. What is lost stays in a file of the data folder, to be said again; its path is the answer."""
    kept = Path(settings.DATA_DIR) / f"record-until-{gap.seen}.jsonl"
    shutil.copyfile(path, kept)
    with transaction.atomic():
        record.lock_head()
        record.release()
        record.append(
            kind="restored",
            data={"kept_to": gap.ends, "seen_to": gap.seen, "seen_hash": gap.lost[-1]["hash"]},
            texts={"reason": reason},
            now=now,
        )
    snapshot.rebuild_all(now=now)
    return kept


def describe(line: dict[str, Any]) -> str:
    """A lost entry in a line: number, time, kind, and the first of its words."""
    body = json.loads(line["body"])
    words = next((text["text"] for field, text in sorted(line["texts"].items()) if "text" in text and field != "name.en"), "")
    return f"{line['seq']} {body['at']} {body['kind']} {words[:100]}".rstrip()


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Its entries; none where there is no file."""
    try:
        with path.open(encoding="utf-8") as lines:
            for text in lines:
                yield json.loads(text)
    except FileNotFoundError:
        return
