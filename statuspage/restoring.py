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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from incidents import record
from incidents.models import RecordEntry, RecordHead
from incidents.models.record import GENESIS
from statuspage import snapshot
from statuspage.snapshot.swapping import Manifest

RESTORED = "restored"  # the entry that says that the record goes on from an older copy
FILE = Path("current") / "archive" / "record" / "record.jsonl"


@dataclass(frozen=True)
class Gap:
    """The record ends at `ends` with what readers have seen; they saw it up to `seen`. `lost` are the lines after it."""

    ends: int
    seen: int
    lost: tuple[dict[str, Any], ...]

    @property
    def is_given_up(self) -> bool:
        """Whether somebody has said already that the record goes on without them."""
        last = datetime.fromisoformat(json.loads(self.lost[-1]["body"])["at"])
        return is_given_up(seen=self.seen, at=last.timestamp())


def hold_if_behind(*, now: datetime) -> None:
    """Raise record.RecordHeld, and hold the record, when this host's page shows entries of it that it does not have.

    One query while all is well. Another database than the page's, whose first entry is another, is not a restored one. Where
    somebody has told on another host that the record goes on without them, this host's page is made anew instead.
    """
    shown = _shown_beyond()
    if shown is None:
        return
    if is_given_up(seen=shown.built_from, at=shown.built_at):
        snapshot.rebuild_all(now=now)
        return
    why = why_held(shown.built_from)
    record.hold(why)
    raise record.RecordHeld(why)


def why_refused(head: RecordHead) -> str:
    """Why nothing may be published after this head, which the caller has locked; "" when something may.

    It is held, or ends before what this host's page shows: a person may be faster than the publisher's first second.
    """
    if head.held:
        return head.held
    manifest = snapshot.current()
    if manifest is None or manifest.built_from < head.seq or (manifest.built_from, manifest.head) == (head.seq, head.hash):
        return ""
    if not _is_of_ours() or is_given_up(seen=manifest.built_from, at=manifest.built_at):
        return ""
    return why_held(manifest.built_from)


def is_given_up(*, seen: int, at: float) -> bool:
    """Whether a person has said since (`at` is epoch seconds) that the record goes on without what was its entry `seen`."""
    said = RecordEntry.objects.filter(kind=RESTORED, at__gt=datetime.fromtimestamp(at, UTC)).values_list("body", flat=True)
    return any(data["kept_to"] < seen <= data["seen_to"] for data in (json.loads(body)["data"] for body in said))


def why_not_released() -> str:
    """Why publishing stays held whatever a file says: this page shows what the record does not hold; "" when it does not."""
    shown = _shown_beyond()
    return "" if shown is None or is_given_up(seen=shown.built_from, at=shown.built_at) else why_held(shown.built_from)


def _shown_beyond() -> Manifest | None:
    """What this host's page was made from, when the record has it not and is the page's own all the same."""
    shown = snapshot.current()
    if shown is None or shown.built_from == 0 or _has(shown.built_from, shown.head) or not _is_of_ours():
        return None
    return shown


def why_held(seen: int) -> str:
    return f"The database is older than the page, which shows entry {seen}: run `manage.py restore_check` on the page's host."


def _is_of_ours() -> bool:
    """Whether the page's record begins as ours does. One that cannot be read is taken for ours: that holds, and loses nothing."""
    try:
        first = next(_lines(snapshot.directory() / FILE), None)
    except ValueError:
        return True
    return first is not None and _has(1, first["hash"])


def _has(seq: int, wanted: str) -> bool:
    return RecordEntry.objects.filter(seq=seq, hash=wanted).exists()


def find_gap(path: Path) -> Gap | None:
    """What the file says that the record does not; None when the record holds all of it.

    Raises ValueError for a file that says nothing, that does not hold by its own rule (docs/record.md), or that is of another
    record.
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
    if seen == 0:
        raise ValueError(f"{path} is empty")
    if ends == 0:
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
            kind=RESTORED,
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
    """Its entries; none where there is no file. Raises ValueError for a line that is none."""
    try:
        with path.open(encoding="utf-8") as lines:
            for number, text in enumerate(lines, start=1):
                yield _entry_of(text, f"line {number} of {path}")
    except FileNotFoundError:
        return


def _entry_of(text: str, place: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
        said = json.loads(line["body"])
        datetime.fromisoformat(said["at"])
        is_one = {"previous", "kind"} <= said.keys() and "seq" in line and isinstance(line["hash"], str)
        is_one = is_one and all(isinstance(text, dict) for text in line["texts"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        is_one = False
    if not is_one:
        raise ValueError(f"{place} is no entry of a record")
    entry: dict[str, Any] = line
    return entry
