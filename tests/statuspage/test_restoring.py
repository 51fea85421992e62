"""A database that came back from an older copy: nothing is published over what readers have seen until a person says so."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from incidents import record, timeline, verification
from incidents.models import Component, IncidentUpdate, RecordEntry, RecordText
from statuspage import publishing, restoring, snapshot, ticking
from statuspage.courier import Courier
from tests.factories import ComponentFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def copy_taken(public_incident: str) -> Iterator[Callable[[], None]]:
    """A copy of the database with one published incident; what is given restores it."""
    if connection.vendor != "sqlite":
        pytest.skip("copies are taken with SQLite's own backup here")
    ComponentFactory(code="other")
    kept = sqlite3.connect(":memory:")
    connection.ensure_connection()
    connection.connection.backup(kept)

    def restore() -> None:
        kept.backup(connection.connection)

    yield restore
    kept.close()


def say_more(status: str) -> None:
    """One more entry, which the page shows."""
    now = timezone.now()
    timeline.observe(component=Component.objects.get(code="other"), status=status, since=now, now=now)
    snapshot.refresh(now=timezone.now(), force=True)


def check(*arguments: str) -> str:
    out = StringIO()
    call_command("restore_check", *arguments, stdout=out)
    return out.getvalue()


def test_a_restored_database_publishes_nothing_until_told_and_then_says_so(
    copy_taken: Callable[[], None], settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    kept_to = record.head().seq
    say_more("major_outage")
    lost = record.head()
    copy_taken()

    # Refused, everywhere and in one line.
    trouble = ticking._try_tick(Courier())
    assert f"the page, which shows entry {lost.seq}: run `manage.py restore_check`" in trouble
    assert "\n" not in trouble
    with pytest.raises(record.RecordHeld):
        say_more("major_outage")
    with pytest.raises(publishing.Blocked, match="restore_check"):
        publishing.publish_update(update_id=IncidentUpdate.objects.get().pk, actor=None, now=timezone.now())
    with pytest.raises(CommandError, match=f"ends at entry {kept_to}, readers have seen {lost.seq}"):
        check()
    assert record.head().seq == kept_to

    # Told: what is lost is kept beside, the record says so and holds, and publishing goes on.
    said = check("--go-on-without", "the copy of last night was all there was")
    assert f"  {lost.seq} " in said
    assert "component_status" in said
    beside = (tmp_path / f"record-until-{lost.seq}.jsonl").read_text().splitlines()
    assert json.loads(beside[-1])["hash"] == lost.hash
    entry = RecordEntry.objects.get(kind="restored")
    assert json.loads(entry.body)["data"] == {"kept_to": kept_to, "seen_to": lost.seq, "seen_hash": lost.hash}
    assert verification.verify().holds
    assert ticking._try_tick(Courier()) == ""
    say_more("partial_outage")
    shown = snapshot.current()
    assert shown is not None
    assert shown.built_from == record.head().seq
    assert "all that readers have seen" in check()


def test_a_person_who_is_faster_than_the_publisher_is_refused_as_well(copy_taken: Callable[[], None]) -> None:
    say_more("major_outage")
    copy_taken()
    head = record.head()
    assert head.held == ""
    with pytest.raises(publishing.Blocked, match=r"entry \d+: run `manage.py restore_check`"):
        publishing.publish_update(update_id=IncidentUpdate.objects.get().pk, actor=None, now=timezone.now())
    assert record.head().seq == head.seq


def test_what_is_told_on_one_host_holds_on_every_other(
    copy_taken: Callable[[], None], settings: Any, snapshot_dir: Path, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    say_more("major_outage")
    elsewhere = tmp_path / "elsewhere"  # another host's page, which shows what is lost
    shutil.copytree(snapshot_dir, elsewhere, symlinks=True)
    copy_taken()
    check("--go-on-without", "the copy of last night was all there was")
    settings.SNAPSHOT_DIR = elsewhere
    assert "goes on without entries" in check()
    assert ticking._try_tick(Courier()) == ""
    shown = snapshot.current()
    assert shown is not None
    assert (shown.built_from, shown.head) == (record.head().seq, record.head().hash)
    assert RecordEntry.objects.filter(kind="restored").count() == 1


def test_a_second_restore_is_not_taken_for_the_first(copy_taken: Callable[[], None], settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    for status in ("major_outage", "partial_outage", "operational"):
        say_more(status)
    copy_taken()
    check("--go-on-without", "the copy of last night was all there was")
    second = sqlite3.connect(":memory:")
    connection.connection.backup(second)
    say_more("major_outage")  # under a number that was lost before
    second.backup(connection.connection)
    second.close()
    with pytest.raises(record.RecordHeld):
        restoring.hold_if_behind(now=timezone.now())
    with pytest.raises(CommandError, match="publishing is held"):
        check()


def test_a_newer_copy_releases_by_itself(copy_taken: Callable[[], None]) -> None:
    say_more("major_outage")
    newer = sqlite3.connect(":memory:")
    connection.connection.backup(newer)
    copy_taken()
    with pytest.raises(record.RecordHeld):
        restoring.hold_if_behind(now=timezone.now())
    newer.backup(connection.connection)
    newer.close()
    assert "publishing may go on" in check()
    restoring.hold_if_behind(now=timezone.now())


def test_what_was_added_before_anybody_noticed_is_noticed(copy_taken: Callable[[], None]) -> None:
    say_more("major_outage")
    copy_taken()
    now = timezone.now()
    for status in ("partial_outage", "major_outage", "operational"):
        timeline.observe(component=Component.objects.get(code="other"), status=status, since=now, now=now)
    with pytest.raises(record.RecordHeld):
        restoring.hold_if_behind(now=timezone.now())


def test_a_file_that_proves_nothing_is_refused_in_one_line_and_releases_nothing(
    copy_taken: Callable[[], None], snapshot_dir: Path, tmp_path: Path
) -> None:
    older = (snapshot_dir / restoring.FILE).read_text()
    say_more("major_outage")
    copy_taken()
    with pytest.raises(record.RecordHeld):
        restoring.hold_if_behind(now=timezone.now())
    newer, given = (snapshot_dir / restoring.FILE).read_text(), tmp_path / "record.jsonl"
    lines = newer.splitlines(keepends=True)
    for text, said in (
        ("", "is empty: give --file"),
        ("".join(lines[1:]), "line 1 of .* does not hold"),
        ("".join([*lines[:-1], lines[-1][:-30]]), rf"line {len(lines)} of .* is no entry of a record"),
        ("7\n", "line 1 of .* is no entry of a record"),
        ("\xff", "line 1 of .* is no entry of a record"),
        (older, r"The database holds all of .*, and still: .* entry \d+: run `manage.py restore_check`"),
    ):
        given.write_text(text)
        with pytest.raises(CommandError, match=said) as refused:
            check("--file", str(given))
        assert "\n" not in str(refused.value)
        assert record.head().held != ""
    with pytest.raises(CommandError, match="is not there"):
        check("--file", str(tmp_path / "none"))


def test_a_file_of_another_record_and_an_empty_database_are_told(
    copy_taken: Callable[[], None], snapshot_dir: Path, tmp_path: Path
) -> None:
    other = tmp_path / "record.jsonl"
    other.write_text((snapshot_dir / restoring.FILE).read_text())
    RecordEntry.objects.filter(seq=1).update(hash="0" * 64)
    with pytest.raises(CommandError, match="is of another record: not even its first entry is ours"):
        check("--file", str(other))
    RecordText.objects.all().delete()
    RecordEntry.objects.all().delete()
    with pytest.raises(CommandError, match="no entry of the record at all: restore a copy"):
        check()


def test_another_database_than_the_pages_is_no_restored_one(public_incident: str) -> None:
    assert IncidentUpdate.objects.published().exists()
    manifest = snapshot.current()
    assert manifest is not None
    assert manifest.built_from > 0
    RecordEntry.objects.filter(seq=1).update(hash="0" * 63 + "1")
    RecordEntry.objects.filter(seq=manifest.built_from).update(hash="0" * 63 + "2")
    restoring.hold_if_behind(now=timezone.now())
    assert record.head().held == ""


def test_nothing_is_asked_twice_while_all_is_well(public_incident: str, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        restoring.hold_if_behind(now=timezone.now())
