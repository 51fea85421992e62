"""Pure: the audit log as files, line by line: CSV for people with a spreadsheet, JSON lines for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator

from incidents.models import AuditEvent

COLUMNS = ("id", "at", "actor", "act", "target", "address", "factor", "details")


def as_csv(events: Iterable[AuditEvent]) -> Iterator[str]:
    yield _row(COLUMNS)
    for event in events:
        yield _row([str(value) for value in (*_values(event), json.dumps(event.details, sort_keys=True, ensure_ascii=False))])


def as_jsonl(events: Iterable[AuditEvent]) -> Iterator[str]:
    for event in events:
        values = dict(zip(COLUMNS, (*_values(event), event.details), strict=True))
        yield json.dumps(values, ensure_ascii=False) + "\n"


FORMS: dict[str, tuple[str, Callable[[Iterable[AuditEvent]], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "jsonl": ("application/jsonl; charset=utf-8", as_jsonl),
}


def _values(event: AuditEvent) -> tuple[int, str, str, str, str, str, str]:
    at = event.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return (event.pk, at, event.actor_name, event.act, event.target, event.address, event.factor)


def _row(values: Iterable[str]) -> str:
    """A cell that a spreadsheet would take for a formula begins with an apostrophe."""
    text = io.StringIO()
    csv.writer(text).writerow([f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value for value in values])
    return text.getvalue()
