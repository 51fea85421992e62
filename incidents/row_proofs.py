"""What the rows of planned work and of announcements must say, from the entries about them. A part of verification."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from incidents import record
from incidents.maintenance import OVER, Act, Phase
from incidents.models import Announcement, MaintenanceUpdate, RecordEntry, ScheduledMaintenance
from incidents.words import Publication

_FROM_PLAN = ("starts_at", "ends_at", "automatic_start", "automatic_end")


class Proofs:
    """Fed with every entry in order; then names the rows that say something else."""

    def __init__(self) -> None:
        self._planned: dict[str, dict[str, Any]] = {}
        self._withdrawn: dict[str, str] = {}
        self._seqs: dict[str, int] = {}

    def take(self, entry: RecordEntry) -> None:
        if entry.kind not in ("maintenance_update", "announcement", "announcement_withdrawn"):
            return
        body = json.loads(entry.body)
        data, at = body["data"], body["at"]
        if entry.kind == "maintenance_update":
            known = self._planned.setdefault(data["maintenance"], {"published_at": at})
            known |= _after(known, data, at)
        elif entry.kind == "announcement_withdrawn":
            self._withdrawn[data["announcement"]] = at
        self._seqs[data.get("maintenance") or data.get("announcement") or data["id"]] = entry.seq

    def problems(self) -> Iterator[tuple[int, str]]:
        """(entry, what is wrong) for each row that is not what its entries say."""
        yield from self._maintenance_problems()
        for announcement in Announcement.objects.filter(publication=Publication.PUBLISHED):
            if record.canonical(announcement.withdrawn_at) != self._withdrawn.get(announcement.public_id):
                seq = self._seqs.get(announcement.public_id, 0)
                yield seq, f"announcement {announcement.public_id} was edited: its withdrawal is not what its entries say"

    def _maintenance_problems(self) -> Iterator[tuple[int, str]]:
        rows = {row.public_id: row for row in ScheduledMaintenance.objects.select_related("plan")}
        for public_id, said in self._planned.items():
            row = rows.get(public_id)
            if row is None or row.publication != Publication.PUBLISHED:
                yield self._seqs[public_id], f"planned work {public_id} has public words, and is not public itself"
            elif field := _edited_field(row, said):
                yield self._seqs[public_id], f"planned work {public_id} was edited: its {field} is not what its entries say"
        for public_id, row in rows.items():
            if row.publication == Publication.PUBLISHED and public_id not in self._planned:
                yield 0, f"planned work {public_id} is public without a word"


def _after(known: dict[str, Any], data: dict[str, Any], at: str) -> dict[str, Any]:
    """What one more word makes of the window, as planned_work does with the row."""
    fields: dict[str, Any] = {"phase": data["status"]}
    if "starts_at" in data:
        fields |= {field: data[field] for field in _FROM_PLAN}
        fields |= {"announced_at": at, "plan": data["id"], "recurrence": data.get("recurrence", "")}
    if data["status"] == Phase.IN_PROGRESS:
        fields["started_at"] = known.get("started_at") or at
    if data["status"] == Phase.VERIFYING:
        fields["verifying_at"] = at
    if data["status"] in OVER:
        fields["finished_at"] = at
    if data.get("act") == Act.OVERRUN:
        fields["overrun_at"] = at
    return fields


_UNSAID = dict.fromkeys(("started_at", "verifying_at", "finished_at", "overrun_at"))


def _edited_field(row: ScheduledMaintenance, said: dict[str, Any]) -> str:
    return next((field for field, value in {**_UNSAID, **said}.items() if _value(row, field) != value), "")


def _value(row: ScheduledMaintenance, field: str) -> Any:
    value = getattr(row, field)
    return value.public_id if isinstance(value, MaintenanceUpdate) else record.canonical(value)
