"""README cannot rot: its tables are compared with the code."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

from django.core.management import get_commands

from incidents import record
from probes.probers import PROBERS, payment_flow, validate
from statuspage.celeryconfig import beat_schedule
from subscribers.transports import TRANSPORTS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"README has no section {title}"
    return found.group(1)


def first_cells(text: str) -> list[str]:
    """The code spans of each table row's first cell."""
    names = []
    for row in re.findall(r"^\| (.*?) \|", text, re.MULTILINE):
        names += re.findall(r"`([^`]+)`", row)
    return names


def test_every_setting_is_in_the_table_and_every_row_is_a_setting() -> None:
    source = "".join((ROOT / "statuspage" / name).read_text() for name in ("environment.py", "settings.py"))
    read = set(re.findall(r"(?:env\.\w+|_integer|_boolean|_one_of)\(\s*\"([A-Z_]+)\"", source))
    assert set(first_cells(section("Settings"))) == read


def test_every_path_of_the_tree_exists() -> None:
    for path in first_cells(section("The tree")):
        assert (ROOT / path).exists(), f"README names {path}"


def test_every_pinned_library_is_explained() -> None:
    pinned = {
        re.split(r"[=\[]", line)[0].lower()
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if line and not line.startswith(("#", "-"))
    }
    explained = section("Libraries").lower()
    assert [name for name in sorted(pinned) if name not in explained] == []


def test_every_command_the_readme_names_exists() -> None:
    named = set(re.findall(r"manage\.py (\w+)", README))
    assert named
    assert named <= set(get_commands())


def test_every_make_target_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([\w.-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z][\w-]*)", README)) <= targets


def test_every_kind_of_document_is_in_the_records_table() -> None:
    assert set(record.document_kinds()) <= set(first_cells((ROOT / "docs" / "record.md").read_text()))


def test_every_periodic_message_expires() -> None:
    options: list[Any] = [entry["options"] for entry in beat_schedule.values()]
    assert all("expires" in option for option in options)


def keys_of(kind: str) -> list[str]:
    return list(import_module(f"probes.probers.{kind}").KEYS)


def test_every_kind_of_probe_is_listed_with_every_key_of_its_spec() -> None:
    table = section("Probes").partition("| kind |")[2].partition("\n\n")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE))
    assert set(rows) == set(PROBERS)
    assert [(kind, key) for kind in PROBERS for key in keys_of(kind) if f"`{key}`" not in rows[kind]] == []


def test_every_kind_of_probe_is_told_with_every_key_and_an_example_that_is_valid() -> None:
    text = (ROOT / "docs" / "probes.md").read_text()
    told = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert set(told) == set(PROBERS)
    for kind, words in told.items():
        assert [key for key in keys_of(kind) if f"`{key}`" not in words] == [], kind
        examples = [json.loads(one) for one in re.findall(r"^```json\n(.*?)^```", words, re.MULTILINE | re.DOTALL)]
        assert kind in [one["kind"] for one in examples]
        for one in examples:
            validate(one["kind"], one["spec"])


def test_every_recipe_of_payment_flow_is_listed() -> None:
    listed = re.findall(r"^\| `([\w-]+)` \|(?:[^|]*\|){3}$", section("Probes"), re.MULTILINE)
    assert listed == list(payment_flow.RECIPES)


def test_every_channel_has_a_row() -> None:
    table = (ROOT / "docs" / "channels.md").read_text().partition("\n\n## ")[0]
    assert set(first_cells(table)) == set(TRANSPORTS)
