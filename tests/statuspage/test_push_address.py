"""The address where others push to us: what is answered, what is never logged or kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core import serializers
from django.test import Client

from probes import push_signatures
from probes.models import ProbeSchedule, Push, Result
from tests.factories import ComponentFactory, ProbeFactory

pytestmark = pytest.mark.django_db
SECRET = "hunter2-of-the-lab"


@pytest.fixture(autouse=True)
def _probe(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setenv("HALI_SECRET_LAB", SECRET)
    ProbeFactory(code="ussd", kind="heartbeat", spec={"secret": "LAB"}, component=ComponentFactory())


def headers_for(body: bytes, secret: str = SECRET, code: str = "ussd") -> dict[str, str]:
    now = int(time.time())
    return {"webhook-timestamp": str(now), "webhook-signature": push_signatures.sign(secret, code, now, body)}


def post(client: Client, body: bytes = b"", *, code: str = "ussd", given: dict[str, str] | None = None) -> Any:
    given = given or headers_for(body)
    return client.post(f"/push/{code}", body, content_type="application/json", headers=given)


def test_a_beat_is_taken_without_a_cookie(client: Client) -> None:
    answer = post(Client(enforce_csrf_checks=True))
    assert (answer.status_code, answer.json(), answer.cookies) == (200, {"status": "taken"}, {})
    assert Result.objects.get().status == "ok"


def test_the_same_again_is_told_so(client: Client) -> None:
    given = headers_for(b"")
    assert [post(client, given=given).json()["status"] for _ in range(2)] == ["taken", "taken before"]


def test_a_wrong_signature_is_one_line_that_says_what_to_sign(client: Client) -> None:
    answer = post(client, given=headers_for(b"", secret="another"))
    assert answer.status_code == 401
    assert answer.json() == {
        "error": "webhook-signature does not fit: sign the text code.timestamp.body with the probe's secret."
    }


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b'{"ok": "yes"}', 422), (b"x" * 17_000, 413)])
def test_a_body_that_cannot_be_taken_is_told_by_its_status(client: Client, body: bytes, status: int) -> None:
    assert post(client, body).status_code == status
    assert not Result.objects.exists()


def test_a_page_cannot_be_read_here(client: Client) -> None:
    answer = client.get("/push/ussd")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_no_such_probe_is_no_such_page(client: Client) -> None:
    assert post(client, code="nobody", given=headers_for(b"", code="nobody")).status_code == 404


def test_no_answer_may_be_kept_by_a_cache(client: Client) -> None:
    assert post(client)["Cache-Control"] == "no-store"


def test_neither_secret_nor_signature_is_logged_or_kept(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    signature = ""
    for body in (b"", b"{", b'{"ok": "yes"}'):
        given = headers_for(body)
        signature = given["webhook-signature"]
        post(client, body, given=given)
        post(client, body, given=headers_for(body, secret="another"))
    kept = str(serializers.serialize("json", [*Result.objects.all(), *Push.objects.all(), *ProbeSchedule.objects.all()]))
    for place in (caplog.text, kept):
        assert SECRET not in place
        assert signature.removeprefix("v1,") not in place


@pytest.mark.django_db(transaction=True)
def test_a_push_reaches_the_running_web_app(live_server: Any) -> None:
    body = b'{"ok": true, "lag_s": 3}'
    answer = requests.post(f"{live_server.url}/push/ussd", data=body, headers=headers_for(body), timeout=10)
    assert answer.json() == {"status": "taken"}
    assert Result.objects.get().total_us == 3_000_000


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_pushes_that_come_at_once_are_each_taken_and_kept(live_server: Any) -> None:
    def send(number: int) -> Any:
        body = b'{"lag_s": %d}' % number
        return requests.post(f"{live_server.url}/push/ussd", data=body, headers=headers_for(body), timeout=30).json()

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(send, range(6)))
    taken = answers.count({"status": "taken"})  # one that was signed a second earlier may come too late, and is told so
    assert taken > 1
    assert Result.objects.count() == taken


@pytest.mark.django_db(transaction=True)
def test_nginx_hands_pushes_to_the_app_and_takes_16_kb_at_most(
    app_url: str, nginx_for: Callable[[Path, int], str], snapshot_dir: Path
) -> None:
    nginx = nginx_for(snapshot_dir, int(app_url.rsplit(":", 1)[1]))
    assert requests.get(f"{nginx}/push/ussd", timeout=10).json() == {"error": "Send a POST."}
    assert requests.post(f"{nginx}/push/ussd", data=b"x" * 20_000, timeout=10).status_code == 413
