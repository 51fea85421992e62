"""A stranger verifies an export with hashlib and json alone, from docs/record.md."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from django.core.management import CommandError, call_command
from django.db import transaction

from incidents import record, record_export, timeline
from incidents.models import IncidentUpdate, RecordEntry, RecordText
from incidents.models.record import GENESIS
from statuspage import publishing
from tests.factories import NOON, ComponentFactory, UserFactory
from tests.incidents.helpers import signed_notice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]
ROOT = Path(__file__).resolve().parent.parent.parent

# Written from docs/record.md, by somebody who has nothing else of ours. The first argument is a hash kept earlier.
VERIFIER = """
import hashlib, json, sys
previous, count, removed, named, hashes = "0" * 64, 0, set(), set(), set()
for line in sys.stdin.buffer:
    entry = json.loads(line)
    raw, count = entry["body"].encode(), count + 1
    body, where = json.loads(raw), f"entry {count}: "
    entry["seq"] == body["seq"] == count or sys.exit(where + "it is missing or out of order")
    hashlib.sha256(raw).hexdigest() == entry["hash"] or sys.exit(where + "its body was changed")
    body["previous"] == previous or sys.exit(where + "it does not follow the one before it")
    set(entry["texts"]) == set(body["texts"]) or sys.exit(where + "its texts are not those it was written with")
    for field, text in entry["texts"].items():
        if "removed_at" in text:
            removed.add((count, field))
        elif hashlib.sha256(bytes.fromhex(text["salt"]) + text["text"].encode()).hexdigest() != body["texts"][field]:
            sys.exit(where + f"its text {field} was changed")
    if body["kind"] == "redaction":
        named |= {(target["seq"], target["field"]) for target in body["data"]["targets"]}
    previous = entry["hash"]
    hashes.add(previous)
removed <= named or sys.exit(f"removed without a word: {sorted(removed - named)}")
sys.argv[1] in hashes | {""} or sys.exit("the hash that was kept is not in it")
print(count, previous)
"""


def verified(export: str, kept: str = "") -> str:
    """What the stranger's program says, in a process that can see nothing of ours."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", VERIFIER, kept], input=export.encode(), capture_output=True, check=False, timeout=60
    )
    return (done.stdout or done.stderr).decode().strip()


def exported(**options: Any) -> str:
    out = io.StringIO()
    call_command("export_record", stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def published(snapshot_dir: object) -> IncidentUpdate:
    """Trouble, its first word, and a few entries more."""
    component = ComponentFactory(code="stk-push")
    signed_notice()
    timeline.observe(component=component, status="partial_outage", since=NOON, now=NOON)
    draft = IncidentUpdate.objects.drafts().get()
    update = publishing.publish_update(update_id=draft.pk, actor=UserFactory(), now=NOON + timedelta(minutes=1))
    for number in range(3):
        with transaction.atomic():
            record.append(kind="note", data={"number": number}, texts={"body.sw": f"“Taarifa” ya {number}\n\\ ✓"}, now=NOON)
    return update


def redact(update: IncidentUpdate, field: str = "body.en") -> None:
    record.redact(
        seq=update.record_seq or 0, field=field, requested_by=UserFactory(), approved_by=UserFactory(), now=NOON + timedelta(1)
    )


def test_the_strangers_program_is_short_and_needs_nothing_of_ours() -> None:
    lines = VERIFIER.strip().splitlines()
    assert len([line for line in lines if not line.startswith(("import", "print"))]) <= 20
    assert re.findall(r"^import (.*)$", VERIFIER, re.MULTILINE) == ["hashlib, json, sys"]


def test_a_stranger_verifies_an_export(published: IncidentUpdate) -> None:
    head = record.head()
    assert verified(exported()) == f"{head.seq} {head.hash}"


def test_a_stranger_verifies_an_export_of_which_a_text_was_removed(published: IncidentUpdate) -> None:
    words = RecordText.objects.get(entry_id=published.record_seq, field="body.en").text
    before = record.head().hash
    assert json.dumps(words) in exported()
    redact(published)
    export = exported()
    assert words not in export
    assert '"removed_at":"2026-11-25T09:00:00.000Z"' in export
    assert verified(export, kept=before) == f"{record.head().seq} {record.head().hash}"


def test_bodies_are_exported_byte_by_byte(published: IncidentUpdate) -> None:
    for line in exported().splitlines():
        entry = json.loads(line)
        kept = RecordEntry.objects.get(seq=entry["seq"])
        assert entry["body"].encode() == kept.body.encode()
        assert hashlib.sha256(entry["body"].encode()).hexdigest() == kept.hash


def _change_body(entries: list[dict[str, Any]]) -> None:
    entries[1]["body"] = entries[1]["body"].replace("investigating", "resolved")


def _change_body_and_hash(entries: list[dict[str, Any]]) -> None:
    _change_body(entries)
    entries[1]["hash"] = hashlib.sha256(entries[1]["body"].encode()).hexdigest()


def _change_text(entries: list[dict[str, Any]]) -> None:
    entries[1]["texts"]["body.en"]["text"] = "All is well."


def _add_text(entries: list[dict[str, Any]]) -> None:
    entries[1]["texts"]["body.fr"] = {"salt": "00", "text": "Tout va bien."}


def _remove_text(entries: list[dict[str, Any]]) -> None:
    entries[1]["texts"]["body.en"] = {"removed_at": "2026-11-24T09:00:00.000Z"}


def _drop_text(entries: list[dict[str, Any]]) -> None:
    del entries[1]["texts"]["body.en"]


def _drop_entry(entries: list[dict[str, Any]]) -> None:
    del entries[1]


def _swap_entries(entries: list[dict[str, Any]]) -> None:
    entries[1], entries[2] = entries[2], entries[1]


def _repeat_entry(entries: list[dict[str, Any]]) -> None:
    entries.insert(1, entries[1])


def _cut_tail(entries: list[dict[str, Any]]) -> None:
    del entries[-1]


def _write_anew(entries: list[dict[str, Any]]) -> None:
    """The whole record from the second entry on, with hashes that fit: only a hash kept earlier gives it away."""
    _change_body(entries)
    previous = entries[0]["hash"]
    for entry in entries[1:]:
        body = {**json.loads(entry["body"]), "previous": previous}
        entry["body"] = rfc8785.dumps(body).decode()
        previous = entry["hash"] = hashlib.sha256(entry["body"].encode()).hexdigest()


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (_change_body, "entry 2: its body was changed"),
        (_change_body_and_hash, "entry 3: it does not follow the one before it"),
        (_change_text, "entry 2: its text body.en was changed"),
        (_add_text, "entry 2: its texts are not those it was written with"),
        (_drop_text, "entry 2: its texts are not those it was written with"),
        (_remove_text, "removed without a word: [(2, 'body.en')]"),
        (_drop_entry, "entry 2: it is missing or out of order"),
        (_swap_entries, "entry 2: it is missing or out of order"),
        (_repeat_entry, "entry 3: it is missing or out of order"),
        (_cut_tail, "the hash that was kept is not in it"),
        (_write_anew, "the hash that was kept is not in it"),
    ],
)
def test_a_stranger_sees_what_was_tampered_with(
    published: IncidentUpdate, tamper: Callable[[list[dict[str, Any]]], None], found: str
) -> None:
    entries = [json.loads(line) for line in exported().splitlines()]
    tamper(entries)
    export = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
    assert verified(export, kept=record.head().hash) == found


def test_the_example_in_the_documentation_holds() -> None:
    text = (ROOT / "docs" / "record.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```jsonl\n(.*?)```", text, re.DOTALL)
    [kept] = re.findall(r"`([0-9a-f]{64})`", text)
    assert verified(example, kept=kept) == f"2 {kept}"


def test_the_documentation_names_every_member_of_a_line_and_a_body(published: IncidentUpdate) -> None:
    text = (ROOT / "docs" / "record.md").read_text(encoding="utf-8")
    entry = json.loads(exported().splitlines()[0])
    for member in {*entry, *json.loads(entry["body"])}:
        assert f"| `{member}` |" in text


def test_an_export_may_begin_later_and_go_to_a_file(published: IncidentUpdate, tmp_path: Path) -> None:
    out = io.StringIO()
    call_command("export_record", after=2, output=tmp_path / "record.jsonl", stdout=out)
    lines = (tmp_path / "record.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["seq"] for line in lines] == list(range(3, record.head().seq + 1))
    assert out.getvalue().startswith(f"{len(lines)} entries in ")
    with pytest.raises(CommandError, match="Cannot write"):
        call_command("export_record", output=tmp_path / "nowhere" / "record.jsonl")


def test_an_empty_record_is_an_empty_file() -> None:
    assert exported() == ""
    assert verified("") == f"0 {GENESIS}"


# --- A long record -------------------------------------------------------------------------------


def fill(entries: int, *, words: int = 200) -> None:
    """A chain of so many entries with a long text each, written past `append` for speed."""
    previous, rows, texts = GENESIS, [], []
    for seq in range(1, entries + 1):
        salt, text = f"{seq:032x}", f"neno {seq} " * words
        body: dict[str, Any] = {"seq": seq, "kind": "note", "at": record.timestamp(NOON), "previous": previous, "data": {}}
        hashes = {"body.sw": hashlib.sha256(bytes.fromhex(salt) + text.encode()).hexdigest()}
        canonical = rfc8785.dumps({**body, "texts": hashes})
        digest = hashlib.sha256(canonical).hexdigest()
        rows.append(RecordEntry(seq=seq, kind="note", at=NOON, previous_hash=previous, hash=digest, body=canonical.decode()))
        texts.append(RecordText(entry_id=seq, field="body.sw", salt=salt, text=text))
        previous = digest
    RecordEntry.objects.bulk_create(rows, batch_size=500)
    RecordText.objects.bulk_create(texts, batch_size=500)


def test_a_long_record_is_streamed_page_by_page(django_assert_num_queries: Any) -> None:
    fill(3 * record_export.PAGE, words=1)
    with django_assert_num_queries(2):
        next(record_export.lines())
    with django_assert_num_queries(2 * 3 + 1):
        assert sum(1 for _ in record_export.lines()) == 3 * record_export.PAGE


def test_memory_does_not_grow_with_the_record(tmp_path: Path) -> None:
    fill(2_000)

    def peak(after: int) -> int:
        tracemalloc.start()
        call_command("export_record", after=after, output=tmp_path / "record.jsonl", stdout=io.StringIO())
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    few = peak(1_600)
    assert (tmp_path / "record.jsonl").stat().st_size < 2_000_000
    many = peak(0)
    assert (tmp_path / "record.jsonl").stat().st_size > 4_000_000
    assert many < 1.5 * few


def test_an_entry_written_during_the_export_is_in_it(published: IncidentUpdate) -> None:
    found = record_export.lines()
    first = next(found)
    redact(published)
    rest = list(found)
    assert json.loads(rest[-1])["seq"] == record.head().seq
    assert verified("\n".join([first, *rest])).startswith(f"{record.head().seq} ")
