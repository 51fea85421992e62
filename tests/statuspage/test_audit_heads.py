"""The audit log's head, noted each night outside of the database, proves later what the log said then."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from incidents import append_only, audit
from incidents.models import AuditEvent
from statuspage import audit_files, audit_heads, tasks
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def places(settings: Any, tmp_path: Path) -> Path:
    settings.AUDIT_HEADS = str(tmp_path / "heads.jsonl")
    settings.AUDIT_HEADS_TO = ["auditor@example.org"]
    return Path(settings.AUDIT_HEADS)


def acts(count: int) -> None:
    for number in range(count):
        audit.log(act="claim.log", actor=UserFactory(), now=timezone.now(), target=f"claim {number}")


def test_each_night_one_head_is_noted_and_mailed_and_the_log_is_proved_by_it(places: Path, capsys: Any) -> None:
    acts(2)
    tasks.note_audit_head()
    tasks.note_audit_head()
    assert len(places.read_text().splitlines()) == 1
    [sent] = mail.outbox
    assert (sent.to, places.read_text().strip() in sent.body) == (["auditor@example.org"], True)
    acts(1)
    assert audit_heads.due(now=timezone.now() + timedelta(days=1))
    call_command("note_audit_head")
    call_command("verify_audit")
    assert "The audit log holds: 2 heads" in capsys.readouterr().out


def test_a_head_is_a_plain_chain_over_the_exported_lines(places: Path) -> None:
    acts(3)
    head = audit_heads.note(now=timezone.now())
    digest = ""
    for line in audit_files.as_jsonl(AuditEvent.objects.order_by("pk")):
        digest = hashlib.sha256((digest + line).encode()).hexdigest()
    assert (head.head, head.events) == (digest, AuditEvent.objects.count())


@pytest.mark.database
@pytest.mark.parametrize("tamper", ["change", "remove"])
def test_an_event_that_was_changed_or_removed_behind_the_triggers_is_found(places: Path, tamper: str) -> None:
    acts(3)
    audit_heads.note(now=timezone.now())
    append_only.remove(connection, "incidents_auditevent")  # as whoever owns the database could
    first = AuditEvent.objects.order_by("pk").first()
    assert first is not None
    if tamper == "change":
        AuditEvent.objects.filter(pk=first.pk).update(target="something else")
    else:
        AuditEvent.objects.filter(pk=first.pk)._raw_delete("default")
    append_only.install(connection, "incidents_auditevent")
    with pytest.raises(CommandError, match="does not hold"):
        call_command("verify_audit")


def test_a_file_that_holds_no_heads_is_refused_in_words(places: Path) -> None:
    with pytest.raises(CommandError, match="holds no head"):
        call_command("verify_audit")
    places.write_text("nonsense\n")
    with pytest.raises(CommandError, match="line 1, is no head"):
        call_command("verify_audit")


def test_a_place_that_takes_nothing_is_named(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "full").write_text("")
    settings.AUDIT_HEADS = str(tmp_path / "full" / "heads.jsonl")
    with pytest.raises(CommandError, match="HALI_AUDIT_HEADS"):
        call_command("note_audit_head")
