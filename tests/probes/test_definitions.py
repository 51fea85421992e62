"""Probes as code, read: every rule has a file that breaks it, with the line it must be told beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from probes.definitions import parse
from probes.models import Probe, Vantage
from tests.factories import ComponentFactory, VantageFactory

INVALID = sorted((Path(__file__).resolve().parent.parent / "fixtures" / "probes-invalid").glob("*.yaml"))
GOOD = """
probes:
  - code: page
    component: app
    kind: http
    vantages: [nairobi]
    spec:
      url: https://www.bank.example/
"""


def test_there_is_a_file_for_every_rule() -> None:
    assert len(INVALID) >= 80


@pytest.mark.django_db
@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_a_bad_definition_is_one_line_with_file_line_field_and_cure(path: Path) -> None:
    """Its first line is what must be said; "…" stands for the rest of a list."""
    ComponentFactory(code="app")
    VantageFactory(name="nairobi")
    expected = path.read_text().splitlines()[0].removeprefix("# ")
    with pytest.raises(CommandError) as refused:
        call_command("load_probes", str(path))
    said = str(refused.value).replace(f"{path.parent}/", "")
    assert "\n" not in said
    assert said.startswith(expected.removesuffix("…")) if expected.endswith("…") else said == expected
    assert not Probe.objects.exists()
    assert [vantage.name for vantage in Vantage.objects.all()] == ["nairobi"]


def test_a_good_file_is_read_with_its_defaults() -> None:
    file, problems = parse(f"defaults:\n  interval: 20\n  quorum: 1\n{GOOD}    timeout: 5\n")
    assert problems == []
    assert file is not None
    [probe] = file.probes
    assert (probe.code, probe.interval, probe.timeout, probe.quorum, probe.window) == ("page", 20, 5.0, 1, 3)
    assert file.vantages is None


def test_every_problem_of_a_file_is_told_at_once() -> None:
    _, problems = parse(GOOD + "    interval: 0\n    weight: 101\n  - code: other\n")
    assert [problem.line for problem in problems] == [9, 10, 11, 11, 11, 11]


def test_what_looks_like_a_truth_value_or_a_time_in_other_yaml_is_the_text_it_is() -> None:
    file, problems = parse(GOOD.replace("https://www.bank.example/", "https://www.bank.example/\n      body_contains: no"))
    assert problems == []
    assert file is not None
    assert file.probes[0].spec["body_contains"] == "no"
    assert parse(GOOD.replace("code: page", "code: 2026-11-28"))[0] is not None


@pytest.mark.parametrize("text", ["[" * 5000, "a: &a [x]\nb: [*a, *a]", "probes: \x00", "\ufeff", "? ? ?", "probes: !<!> x"])
def test_hostile_text_is_one_problem_and_no_crash(text: str) -> None:
    file, problems = parse(text)
    assert file is None
    assert len(problems) == 1
    assert "\n" not in problems[0].told("probes.yaml")


@given(text=st.text(alphabet=st.sampled_from("probes: -[]{}&*!?|>'\"#%@\n\tab1,"), max_size=60))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    file, problems = parse(text)
    assert (file is None) == bool(problems)


@pytest.mark.django_db
def test_a_file_that_is_no_text_or_not_there_is_one_clear_line(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("# first\nprobes: caf\xe9".encode("latin-1"))
    with pytest.raises(CommandError, match=r"latin\.yaml:2: this is not UTF-8: save the file as UTF-8\."):
        call_command("load_probes", str(latin))
    with pytest.raises(CommandError, match=r"nowhere\.yaml: cannot be read \(No such file or directory\): give the path"):
        call_command("load_probes", str(tmp_path / "nowhere.yaml"))
