"""Everything of ours goes out as JSON lines, and nothing that opens something."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from statuspage import exporting
from subscribers import subscriptions
from tests.statuspage.api import machine
from tests.statuspage.desk import a_public_incident

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]
HARMLESS = {"signature_hash", "content_hash", "state_hash", "hash", "previous_hash", "salt", "tokens"}  # of words; of a pace
SUSPICIOUS = re.compile(r"secret|password|token|hash|encrypted|salt|mark$")


def exported(**options: Any) -> list[dict[str, Any]]:
    out = io.StringIO()
    call_command("export_everything", stdout=out, **options)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_every_row_is_a_line_with_its_texts_in_every_language() -> None:
    incident = a_public_incident()
    first, *rest = exported()
    assert first["hali_export"] == 1
    assert first["record_seq"] > 0
    counted = {model: sum(line["model"] == model for line in rest) for model in first["models"]}
    assert counted == {model._meta.label_lower: model._default_manager.count() for model in exporting.exported()}
    row = next(line for line in rest if line["model"] == "incidents.incident")
    assert (row["pk"], row["fields"]["public_id"]) == (incident.pk, incident.public_id)
    assert set(row["fields"]["name"]) == {"en", "sw"}


def test_no_secret_and_no_address_is_in_it() -> None:
    asking = machine()
    subscriptions.subscribe(address="asha@customer.example", language="sw", source={}, now=timezone.now())
    text = json.dumps(exported())
    assert asking.secret not in text
    assert asking.secret.rpartition("_")[2] not in text
    assert "asha@customer.example" not in text
    assert asking.token.name in text


def test_every_field_that_sounds_like_a_secret_is_left_out_or_known_to_be_none() -> None:
    told = [
        f"{model._meta.label_lower}.{field.name}"
        for model in exporting.exported()
        for field in model._meta.concrete_fields
        if SUSPICIOUS.search(field.name)
        and field.name not in HARMLESS | exporting.LEFT_OUT.get(model._meta.label_lower, frozenset())
    ]
    assert told == []


def test_measurements_may_stay() -> None:
    assert "probes.result" in exported()[0]["models"]
    assert "probes.result" not in exported(without_measurements=True)[0]["models"]


def test_the_file_is_new_and_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    call_command("export_everything", str(file), stdout=io.StringIO())
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(CommandError, match="is there already"):
        call_command("export_everything", str(file), stdout=io.StringIO())


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_it_reads_one_moment_and_writes_nothing() -> None:
    first, *rest = exported()
    assert [line["fields"]["act"] for line in rest if line["model"] == "incidents.auditevent"] == ["data.export"]
    assert first["record_seq"] == 0
