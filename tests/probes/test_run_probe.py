"""The command run_probe: one probe, now, from here."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from probes.models import Result
from tests.factories import ProbeFactory
from tests.probes.conftest import Sandbox

pytestmark = pytest.mark.django_db


def test_an_ok_outcome_is_printed_and_nothing_is_recorded(sandbox: Sandbox) -> None:
    ProbeFactory(
        code="token",
        kind="payment_flow",
        spec={"base_url": sandbox.url, "recipe": "oauth", "credentials": "SANDBOX"},
    )
    out = StringIO()
    call_command("run_probe", "token", stdout=out)
    assert "token (payment_flow): ok" in out.getvalue()
    assert "ms in all (dns" in out.getvalue()
    assert not Result.objects.exists()


def test_anything_but_ok_exits_with_1(sandbox: Sandbox) -> None:
    ProbeFactory(code="page", spec={"url": sandbox.url + "/nothing"})
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("run_probe", "page", "--json", stdout=out)
    assert end.value.code == 1
    outcome = json.loads(out.getvalue())
    assert (outcome["status"], outcome["error_class"], outcome["http_status"]) == ("down", "status", 404)


def test_an_impossible_target_is_one_clear_line() -> None:
    ProbeFactory(code="odd", spec={"url": "pay.example"})
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("run_probe", "odd", stdout=out)
    assert "odd (http): misconfigured, target" in out.getvalue()
    assert "http:// or https://" in out.getvalue()


def test_an_unknown_code_names_the_known_ones_and_exits_with_2() -> None:
    ProbeFactory(code="page")
    with pytest.raises(CommandError, match=r"no probe 'pages'\. Known: page") as error:
        call_command("run_probe", "pages")
    assert error.value.returncode == 2
