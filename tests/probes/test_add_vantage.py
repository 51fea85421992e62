"""`manage.py add_vantage`: a key shown once, the broker's rule, and how to start the agent."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from probes import signed_batches, vantages
from probes.models import Vantage
from tests.factories import VantageFactory

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("add_vantage", *arguments, stdout=out)
    return out.getvalue()


def key_in(said: str) -> str:
    found = re.search(r"HALI_AGENT_KEY=(\S+)", said)
    assert found
    return found[1]


def test_the_key_that_is_printed_fits_what_is_kept() -> None:
    said = run("mombasa", "--label", "Mombasa")
    vantage = Vantage.objects.get()
    assert signed_batches.public_key_of(key_in(said)) == vantage.public_key
    assert vantage.label == "Mombasa"


def test_the_rule_of_the_broker_and_the_start_are_printed_with_it() -> None:
    said = run("mombasa")
    assert vantages.acl_line("mombasa") in said
    assert "--queues probes.mombasa" in said


def test_a_key_that_is_there_is_not_replaced_by_accident() -> None:
    first = key_in(run("mombasa"))
    with pytest.raises(CommandError, match="mombasa has a key already: add --renew"):
        run("mombasa")
    assert Vantage.objects.get().public_key == signed_batches.public_key_of(first)


def test_a_renewed_key_voids_the_one_before() -> None:
    first, second = key_in(run("mombasa")), key_in(run("mombasa", "--renew"))
    assert Vantage.objects.get().public_key == signed_batches.public_key_of(second)
    assert first != second


def test_a_vantage_without_a_key_gets_one() -> None:
    VantageFactory(name="kisumu")
    key_in(run("kisumu"))
    assert Vantage.objects.get().public_key


@pytest.mark.parametrize("name", ["two words", "", "n" * 41, "näirobi", "a.b"])
def test_a_name_that_cannot_be_a_queue_is_refused(name: str) -> None:
    with pytest.raises(CommandError, match="Give a name of at most 40 letters"):
        run(name)
    assert not Vantage.objects.exists()


def test_the_vantage_of_pushes_gets_no_agent() -> None:
    with pytest.raises(CommandError, match="pushed is where pushes are kept"):
        run("pushed")


def test_the_agent_beside_us_has_its_key_in_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    vantage, path = VantageFactory(name="nairobi"), tmp_path / "agent.key"
    for _ in range(2):  # once more changes nothing
        vantages.enrol_here(name="nairobi", path=path)
        vantage.refresh_from_db()
        assert signed_batches.public_key_of(path.read_text()) == vantage.public_key
    assert path.stat().st_mode & 0o777 == 0o600
