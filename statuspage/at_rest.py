"""Incidents that are over, as they were read last: nothing about them changes without an entry of the record that names them.

A publication reads the last 50 incidents; kept here, it reads the one it speaks of. One reading is kept, in this process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from incidents.facts import ComponentFacts, IncidentFacts
from incidents.models import RecordEntry, RecordHead

AT_MOST = 1000  # entries since: after more than that it is quicker to read anew


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was true at this entry of the record; `named` is what else their facts take words from."""

    seq: int
    hash: str
    named: Any
    facts: Mapping[int, IncidentFacts]


_last: list[_Reading] = []


def kept(head: RecordHead, components: Sequence[ComponentFacts]) -> Mapping[int, IncidentFacts]:
    """By primary key, those that no entry up to `head` has touched since they were read. One query."""
    last = _last[0] if _last else None
    if last is None or not 0 < last.seq <= head.seq <= last.seq + AT_MOST or last.named != _named(components):
        return {}
    touched = _touched_since(last, head)
    return {} if touched is None else {pk: facts for pk, facts in last.facts.items() if facts.public_id not in touched}


def keep(head: RecordHead, components: Sequence[ComponentFacts], facts: Mapping[int, IncidentFacts]) -> None:
    """`facts` are of closed incidents, read at `head` or later."""
    _last[:] = [_Reading(head.seq, head.hash, _named(components), facts)]


def _named(components: Sequence[ComponentFacts]) -> Any:
    """Names that an affected service is shown under, the languages, and whether all of it is an exercise."""
    return settings.LANGUAGES, settings.EXERCISE, {one.public_id: (one.name, one.group) for one in components}


def _touched_since(last: _Reading, head: RecordHead) -> set[str] | None:
    """The public ids that entries after the reading's name; None where this is another record, or a text was removed."""
    touched: set[str] = set()
    same = False
    entries = RecordEntry.objects.filter(seq__gte=last.seq, seq__lte=head.seq).order_by("seq")
    for seq, kind, found, body in entries.values_list("seq", "kind", "hash", "body"):
        if seq == last.seq:
            same = found == last.hash
            continue
        if kind == "redaction":
            return None
        data = json.loads(body)["data"]
        touched |= {data["incident"]} if data.get("incident") else set(data.get("incidents", ()))
    return touched if same else None
