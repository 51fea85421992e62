"""The public record as JSON lines that a stranger can verify: the form and the rule stand in docs/record.md."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from incidents.models import RecordEntry, RecordText
from incidents.record import timestamp

PAGE = 200


def lines(*, after: int = 0) -> Iterator[str]:
    """One line an entry, oldest first, from the one after `after` to the newest; a page of entries in memory at a time.

    It reads page by page without a transaction, so that a long export holds up no writer, and goes on to the entry that is the
    newest when it gets there. So the entry that names a removed text is always in the export that shows it as removed.
    """
    # Plain values: rows that point at each other would wait in memory for the garbage collector.
    entries = RecordEntry.objects.order_by("seq").values("seq", "hash", "body")
    while page := list(entries.filter(seq__gt=after)[:PAGE]):
        texts = _texts_of([entry["seq"] for entry in page])
        for entry in page:
            yield json.dumps({**entry, "texts": texts[entry["seq"]]}, ensure_ascii=False, separators=(",", ":"))
        after = page[-1]["seq"]


def _texts_of(numbers: list[int]) -> Mapping[int, dict[str, dict[str, str]]]:
    """The texts of each entry by field."""
    found: defaultdict[int, dict[str, dict[str, str]]] = defaultdict(dict)
    for row in RecordText.objects.filter(entry_id__in=numbers).order_by("entry_id", "field").values():
        found[row["entry_id"]][row["field"]] = _text(row)
    return found


def _text(row: Mapping[str, Any]) -> dict[str, str]:
    """The words and their salt, or when they were removed."""
    if row["redacted_at"] is not None:
        return {"removed_at": timestamp(row["redacted_at"])}
    return {"salt": row["salt"], "text": row["text"]}
