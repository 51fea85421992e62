"""The address where gateways post later answers: who is let in, what is answered, what is never kept or shown."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core import serializers
from django.test import Client
from django.utils import timezone

from incidents.models import Incident
from probes import late_answers, recording
from probes.gateway_callbacks import correlation_of
from probes.models import PendingAnswer, Probe, ProbeSchedule, Result
from probes.outcome import Task
from probes.running import Runner
from probes.sandbox import demo
from probes.sandbox.gateway import Gateway
from probes.sandbox.server import Server
from statuspage import snapshot, ticking
from tests.copies import wait_for
from tests.factories import ComponentFactory, ProbeFactory, ProbeScheduleFactory
from tests.incidents.helpers import all_notices
from tests.probes import gateways
from tests.probes.test_flow import example

TOKEN = "0123456789abcdef0123456789abcdef"
RUN = "p00112233445566aa"
NUMBER, BALANCE = "254708374149", "46713.00"
CHECKOUT = "ws_CO_27112025133814625708374149"


@pytest.fixture(autouse=True)
def token(settings: Any) -> None:
    settings.CALLBACK_TOKEN = TOKEN


@pytest.fixture
def post(client: Client) -> Callable[..., Any]:
    def send(path: str, body: Any = None, **options: Any) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body)
        return client.post(path, data, content_type="application/json", **options)

    return send


@pytest.mark.django_db
class TestAddress:
    def test_an_answer_is_taken_and_accepted(self, post: Callable[..., Any]) -> None:
        response = post(f"/callbacks/{TOKEN}/{RUN}", {"Result": {"ResultCode": 0}})
        assert (response.status_code, response.json()) == (200, {"ResultCode": "0", "ResultDesc": "Accepted"})
        assert PendingAnswer.objects.get().correlation == RUN

    def test_a_queue_timeout_is_told_from_a_result(self, post: Callable[..., Any]) -> None:
        assert post(f"/callbacks/{TOKEN}/{RUN}/timeout", b"").status_code == 200
        assert PendingAnswer.objects.get().answer == "timeout"

    def test_a_payment_names_its_run_in_the_body(self, post: Callable[..., Any]) -> None:
        post(f"/callbacks/{TOKEN}", {"TransID": "NLJ7RT61SV", "BillRefNumber": RUN, "MSISDN": NUMBER})
        assert PendingAnswer.objects.get().correlation == RUN

    def test_a_validation_is_accepted_and_not_kept(self, post: Callable[..., Any]) -> None:
        response = post(f"/callbacks/{TOKEN}/validation", {"TransID": "NLJ7RT61SV", "BillRefNumber": RUN})
        assert response.json()["ResultCode"] == "0"
        assert not PendingAnswer.objects.exists()

    def test_another_gateways_fields_may_be_named_in_the_address(self, post: Callable[..., Any]) -> None:
        post(f"/callbacks/{TOKEN}/{RUN}/code/status", {"financialTransactionId": NUMBER, "status": "SUCCESSFUL", "payer": NUMBER})
        row = PendingAnswer.objects.get()
        assert (row.correlation, row.code) == (RUN, "SUCCESSFUL")

    def test_a_gateway_may_put_its_answer(self, client: Client) -> None:
        client.put(f"/callbacks/{TOKEN}/{RUN}/code/status", b'{"status": "FAILED"}', content_type="application/json")
        assert PendingAnswer.objects.get().code == "FAILED"

    def test_an_address_that_is_registered_once_says_where_the_number_is(self, post: Callable[..., Any]) -> None:
        body = {"transaction": {"id": RUN, "message": NUMBER, "status_code": "TS"}}
        post(f"/callbacks/{TOKEN}/by/id/status_code", body)
        row = PendingAnswer.objects.get()
        assert (row.correlation, row.code) == (RUN, "TS")

    def test_a_number_of_the_gateways_own_is_kept_as_a_hash(self, post: Callable[..., Any]) -> None:
        post(f"/callbacks/{TOKEN}/by/id/status_code", {"id": CHECKOUT, "status_code": "TS"})
        assert PendingAnswer.objects.get().correlation == correlation_of(CHECKOUT)
        assert NUMBER not in everything_kept()

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("by/id/status_code", {"id": RUN}),
            ("by/id/status_code", {"status_code": "TS"}),
            ("by/id/status_code", []),
            (f"{CHECKOUT}/code/status", {"status": "TS"}),
        ],
    )
    def test_named_fields_that_are_not_there_answer_nothing(self, post: Callable[..., Any], path: str, body: Any) -> None:
        assert post(f"/callbacks/{TOKEN}/{path}", body).status_code == 200
        assert not PendingAnswer.objects.exists()

    def test_a_code_that_could_be_a_persons_number_is_not_kept(self, post: Callable[..., Any]) -> None:
        post(f"/callbacks/{TOKEN}/{RUN}/code/status", {"status": NUMBER})
        assert PendingAnswer.objects.get().code == "?"

    @pytest.mark.parametrize("path", ["/callbacks/wrong", f"/callbacks/wrong/{RUN}", "/callbacks/wrong/validation"])
    def test_a_wrong_token_is_no_such_page(self, post: Callable[..., Any], path: str) -> None:
        assert post(path, {"Result": {"ResultCode": 0}}).status_code == 404

    def test_without_a_token_of_ours_there_is_no_such_page(self, post: Callable[..., Any], settings: Any) -> None:
        settings.CALLBACK_TOKEN = ""
        assert post(f"/callbacks/{TOKEN}/{RUN}", {"Result": {"ResultCode": 0}}).status_code == 404

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            (RUN, b"not json"),
            (RUN, b"x" * 70_000),
            ("UPPER", b'{"ResultCode": 0}'),
            ("a" * 200, b'{"ResultCode": 0}'),
            (NUMBER, b'{"ResultCode": 0}'),
            (CHECKOUT, b'{"ResultCode": 0}'),
        ],
    )
    def test_what_answers_nothing_of_ours_is_accepted_and_dropped(self, post: Callable[..., Any], path: str, body: bytes) -> None:
        assert post(f"/callbacks/{TOKEN}/{path}", body).status_code == 200
        assert not PendingAnswer.objects.exists()

    def test_an_stk_callback_is_dropped(self, post: Callable[..., Any]) -> None:
        body = {"Body": {"stkCallback": {"CheckoutRequestID": CHECKOUT, "ResultCode": 0}}}
        assert post(f"/callbacks/{TOKEN}", body).status_code == 200
        assert not PendingAnswer.objects.exists()

    @pytest.mark.parametrize(("client_ip", "taken"), [("196.201.212.69", True), ("196.201.214.1", False), ("", False)])
    def test_only_named_addresses_may_post_where_a_list_is_set(
        self, post: Callable[..., Any], settings: Any, client_ip: str, taken: bool
    ) -> None:
        settings.CALLBACK_FROM = [ip_network("196.201.212.0/24")]
        assert post(f"/callbacks/{TOKEN}/{RUN}", {"ResultCode": 0}, REMOTE_ADDR=client_ip).status_code == 200
        assert PendingAnswer.objects.exists() is taken

    def test_the_address_is_in_no_log(
        self, post: Callable[..., Any], client: Client, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        settings.CALLBACK_FROM = [ip_network("192.0.2.0/24")]
        for path in (f"/callbacks/{TOKEN}", f"/callbacks/{TOKEN}/{RUN}", f"/callbacks/{TOKEN}/validation"):
            assert client.get(path).status_code == 200
            assert post(path, b"not json").status_code == 200
            settings.CALLBACK_FROM = []
        assert "ignored" in caplog.text
        assert TOKEN not in caplog.text


# --- The whole way ---------------------------------------------------------------------------------------


def everything_kept() -> str:
    rows = [*PendingAnswer.objects.all(), *Result.objects.all(), *ProbeSchedule.objects.all(), *Incident.objects.all()]
    return str(serializers.serialize("json", rows))


@pytest.mark.django_db(transaction=True)
def test_a_balance_goes_the_whole_way_and_leaves_only_its_time(
    live_server: Any, snapshot_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Agent, gateway, its callback to the running web app, the record, the page: and no number, name or amount in any of it."""
    caplog.set_level(logging.DEBUG)
    all_notices()
    monkeypatch.setenv("HALI_SECRET_SANDBOX_CALLBACK", f"{live_server.url}/callbacks/{TOKEN}")
    probe: Probe = ProbeFactory(code="balance-rt", component=ComponentFactory(code="payouts"), kind="payment_flow")
    ProbeScheduleFactory(probe=probe)
    with Server(Gateway(answer_after=0.0), 0) as server:
        server.start()
        for slot, recipe in enumerate(("balance-rt", "status-rt")):
            spec = {"base_url": f"http://127.0.0.1:{server.port}", "recipe": recipe, "credentials": "SANDBOX", "late_s": 8}
            run_at = int(timezone.now().timestamp()) + slot
            message = Runner().run_now(Task(probe.pk, probe.code, "payment_flow", spec, interval=60, timeout=5.0, slot=run_at))
            recording.record(vantage_name="nairobi", reports=[recording.Report.from_message(message)], now=timezone.now())
        wait_for("both answers came", functools.partial(_have_come, 2))
        server.shutdown()
    ticking.tick(now=timezone.now())
    assert {result.status for result in Result.objects.all()} == {"ok"}
    pages = "".join(path.read_text(errors="replace") for path in snapshot_dir.rglob("*.html"))
    assert pages
    for secret in (NUMBER, NUMBER[-9:], BALANCE, "Asha", demo.SECURITY_CREDENTIAL, TOKEN, demo.RECEIPT):
        for place in (everything_kept(), pages, caplog.text):
            assert secret not in place


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("SUCCESSFUL", "ok", "flow: result SUCCESSFUL after"),
        ("FAILED", "down", "flow: result FAILED after"),
        ("REJECTED", "ok", "flow: result REJECTED after"),  # a customer's no: the gateway works
    ],
)
def test_a_flow_is_closed_by_the_callback_its_gateway_puts(
    live_server: Any, monkeypatch: pytest.MonkeyPatch, code: str, status: str, words: str
) -> None:
    """The example of docs/flows.md, whole: agent, gateway, its callback to the running web app, the record."""
    all_notices()
    for name, value in {**gateways.SECRETS, "MTN_CALLBACK": f"{live_server.url}/callbacks/{TOKEN}"}.items():
        monkeypatch.setenv(f"HALI_SECRET_{name}", value)
    gateway = gateways.Gateway(gateways.request_to_pay)
    spec = {**example("request-to-pay"), "base_url": gateway.url}
    probe: Probe = ProbeFactory(code="momo", component=ComponentFactory(), kind="flow", spec=spec)
    ProbeScheduleFactory(probe=probe)
    message = Runner().run_now(
        Task(probe.pk, probe.code, "flow", spec, interval=60, timeout=5.0, slot=int(timezone.now().timestamp()))
    )
    gateway.close()
    recording.record(vantage_name="nairobi", reports=[recording.Report.from_message(message)], now=timezone.now())
    assert not Result.objects.exists()
    address = gateway.asked[-1].header("X-Callback-Url")
    assert requests.put(address, json={"status": code, "payer": NUMBER}, timeout=10).status_code == 200
    late_answers.sweep(now=timezone.now())
    result = Result.objects.get()
    assert (result.status, result.evidence.startswith(words)) == (status, True)
    assert NUMBER not in everything_kept()


def _have_come(count: int) -> bool:
    return PendingAnswer.objects.filter(answered_at__isnull=False).count() == count


@pytest.mark.django_db(transaction=True)
def test_a_gateway_that_posts_numbers_leaves_none_of_them(
    live_server: Any, snapshot_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a callback holds, under names we know and names we do not."""
    caplog.set_level(logging.DEBUG)
    planted = {"ResultCode": "0", "ResultDesc": NUMBER, "ConversationID": CHECKOUT, "Balance": BALANCE, NUMBER: NUMBER}
    bodies = [
        {"Result": planted},
        {"Body": {"stkCallback": {**planted, "CheckoutRequestID": CHECKOUT}}},
        {**planted, "ResultCode": NUMBER + NUMBER},
        {"TransID": NUMBER, "BillRefNumber": RUN, "MSISDN": NUMBER, "OrgAccountBalance": BALANCE},
        {"TransID": NUMBER, "BillRefNumber": CHECKOUT},
    ]
    for number, body in enumerate(bodies):
        for path in (f"/p{number:016x}", "", f"/p{number:016x}/timeout", "/validation"):
            assert requests.post(f"{live_server.url}/callbacks/{TOKEN}{path}", json=body, timeout=10).status_code == 200
    snapshot.refresh(now=timezone.now())
    logged = [
        entry.getMessage() for entry in caplog.records if not entry.name.startswith("urllib3")
    ]  # that one is the test's own
    pages = "".join(path.read_text(errors="replace") for path in snapshot_dir.rglob("*.html"))
    for secret in (NUMBER, NUMBER[-9:], BALANCE, CHECKOUT, TOKEN):
        for place in (everything_kept(), pages, "\n".join(logged)):
            assert secret not in place
