"""Probes as code, read: every rule has a file that breaks it, with the line it must be told beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from probes import probers
from probes.definitions import parse
from probes.models import Probe, Vantage
from probes.outcome import TargetError
from probes.probers import PROBERS
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


@pytest.mark.parametrize(
    "value",
    ["*/5 * * * *", "* * * * *", "{{token}} b", "{{a}}/b", "{b: Bearer {{c}}}", "[x] y", "`x`", "@x"],
)
def test_a_value_that_yaml_takes_for_something_else_is_told_to_need_quotes(value: str) -> None:
    """So are the examples in errors written: they can be pasted as they are."""
    _, problems = parse(f"probes:\n  - code: {value}\n")
    assert [problem.line for problem in problems] == [2]
    assert "needs quotes" in problems[0].words
    quoted = f"probes:\n  - code: '{value}'\n"
    assert "YAML" not in parse(quoted)[1][0].words


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


EVERYTHING = """
probes:
  - code: page
    component: app
    kind: http
    vantages: [nairobi]
    spec:
      url: www.bank.example
      verb: POST
      headers: {DNT: 1, X-Api-Key: k}
      auth: {bearer: small}
      expect_status: fine
      assertions:
        - {json: $.queue, less_than: 5}
        - {contains: fine}
        - {json: queue, equals: 5}
      redirects: 11
      tls: {min_version: "1.0"}
      degraded_ms: 1s
  - code: balance
    component: app
    kind: flow
    vantages: [nairobi]
    spec:
      base_url: http://api.bank.example
      steps:
        - name: Session
          path: /v1/{{account}}
          tries: 4
          extract: {session: {json: $.id}}
        - {name: balance, path: v1, headers: {Authorization: "Bearer {{session}}"}, expect_status: fine}
      delayed_ms: 0
  - {code: core, component: app, kind: metric, spec: {secret: core, down: 5, fewest: none, delayed_lag_s: long}}
"""


def test_every_key_assertion_and_step_that_is_wrong_in_a_spec_is_told_at_once() -> None:
    _, problems = parse(EVERYTHING)
    told = [(problem.line, problem.words.partition("spec: ")[2][:44]) for problem in problems]
    assert told == [
        (9, "'verb' is not a key of this kind of probe: d"),
        (8, "url: has no http:// or https:// before it; g"),
        (10, "headers.DNT: give one line of ASCII text."),
        (10, "headers.X-Api-Key: its value is a secret; mo"),
        (11, "auth.bearer: give the name of a secret (capi"),
        (12, "expect_status: give a status or a list of th"),
        (14, "assertions, number 1: 'less_than' is not kno"),
        (16, "assertions, number 3: json: is not a JSONPat"),
        (17, "redirects: give a whole number from 0 to 10."),
        (18, "tls.min_version: give one of 1.2, 1.3, as a "),
        (19, "degraded_ms: give whole milliseconds from 1 "),
        (25, "base_url: give https://; http:// is for this"),
        (32, "delayed_ms: give whole milliseconds from 1 t"),
        (27, "steps, number 1: name: give each step a name"),
        (28, "steps, number 1: path: {{account}} is not se"),
        (29, "steps, number 1: tries: give a whole number "),
        (31, "steps, number 2: path: begin with /, for exa"),
        (31, "steps, number 2: expect_status: give a statu"),
        (33, "secret: give the name of a secret (capital l"),
        (33, "down: give a share of technical declines fro"),
    ]


def wrong_values() -> st.SearchStrategy[object]:
    odd = st.one_of(st.none(), st.booleans(), st.integers(-3, 99), st.text(max_size=4), st.just([]), st.just({}), st.just([1]))
    return st.one_of(odd, st.dictionaries(st.sampled_from(["json", "name", "path", "token", "basic", "code"]), odd, max_size=2))


@given(kind=st.sampled_from(sorted(PROBERS)), data=st.data())
def test_whatever_a_spec_holds_its_first_error_is_the_one_that_an_agent_would_tell(kind: str, data: st.DataObject) -> None:
    good = GOOD_SPECS.get(kind, {"secret": "LAB"})
    keys = st.sampled_from([*good, "url", "host", "port", "auth", "tls", "steps", "token", "headers", "assertions", "odd"])
    spec = {**good, **data.draw(st.dictionaries(keys, wrong_values(), max_size=3))}
    first: list[str] = []
    with suppress(TargetError), remembered(first):
        probers.validate(kind, spec)
    assert probers.problems(kind, spec)[:1] == first


@contextmanager
def remembered(words: list[str]) -> Iterator[None]:
    try:
        yield
    except TargetError as error:
        words.append(str(error))
        raise


GOOD_SPECS: dict[str, dict[str, object]] = {
    "http": {"url": "https://www.bank.example/", "headers": {"Accept": "text/html"}, "assertions": [{"contains": "OK"}]},
    "payment_flow": {"base_url": "https://gateway.example", "recipe": "oauth", "credentials": "BANK"},
    "tcp": {"host": "a.example", "port": 1},
    "tls": {"host": "a.example"},
    "dns": {"name": "a.example"},
    "icmp": {"host": "a.example"},
    "smtp": {"host": "a.example"},
    "sql": {"url": "LEDGER", "query": "SELECT 1", "down_above": 1},
    "queue": {"url": "QUEUE", "key": "a", "down_above": 1},
    "flow": {"base_url": "https://a.example", "steps": [{"name": "a", "path": "/a", "extract": {"b": {"json": "$.b"}}}]},
}
