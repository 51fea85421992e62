"""docs/probes-as-code.md, word for word: its examples load the first time, and its tables name every field."""

from __future__ import annotations

import io
import re
from dataclasses import fields
from pathlib import Path

import pytest
from django.core.management import call_command

from probes.definitions import DEFAULTS, TOP, ProbeDefinition, VantageDefinition
from probes.models import Probe, ProbeSchedule
from tests.factories import ComponentFactory

DOC = (Path(__file__).resolve().parent.parent.parent / "docs" / "probes-as-code.md").read_text()
EXAMPLES = re.findall(r"^```yaml example=(\S+) services=(\S+)\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)


@pytest.mark.django_db
@pytest.mark.parametrize(("services", "text"), [example[1:] for example in EXAMPLES], ids=[example[0] for example in EXAMPLES])
def test_an_example_loads_the_first_time_and_changes_nothing_the_second(services: str, text: str, tmp_path: Path) -> None:
    for code in services.split(","):
        ComponentFactory(code=code)
    path = tmp_path / "probes.yaml"
    path.write_text(text)
    out = io.StringIO()
    call_command("load_probes", str(path), stdout=out)
    assert "Loaded: " in out.getvalue()
    assert {row.probe.component.code for row in ProbeSchedule.objects.select_related("probe__component")} == set(
        services.split(",")
    )
    again = io.StringIO()
    call_command("load_probes", str(path), stdout=again)
    assert again.getvalue() == "Nothing to change.\n"
    assert Probe.objects.exists()


def test_there_is_an_example_of_a_public_api_of_a_bank_and_of_what_is_pushed() -> None:
    assert [name for name, _, _ in EXAMPLES] == ["public-api", "bank", "pushed"]


def test_every_field_is_in_the_tables_with_its_default() -> None:
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]*) \|", DOC, re.MULTILINE)
    named = [name for cell, _ in rows for name in re.findall(r"`(\w+)`", cell)]
    assert set(named) == {*TOP, *(one.name for one in fields(ProbeDefinition)), *(one.name for one in fields(VantageDefinition))}
    told = dict(rows)
    assert told["`failure_threshold`, `window`"] == f"{DEFAULTS['failure_threshold']}, {DEFAULTS['window']}"
    for name in ("interval", "success_threshold", "quorum", "weight"):
        assert told[f"`{name}`"] == str(DEFAULTS[name])
    assert float(told["`timeout`"]) == DEFAULTS["timeout"]
