"""Secrets planted wherever a kind uses one are in no outcome, no message of the broker and no log, however a run goes."""

from __future__ import annotations

import base64
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis
from django.apps import apps

from incidents.models import Incident
from probes import agent_tasks, probers, scheduling, tasks, vantages
from probes.masking import mask
from probes.models import Result, Vantage
from probes.outcome import Task
from probes.probers import PASSIVE, PROBERS, credentials, secret_names
from probes.running import Runner
from statuspage.celery import app
from tests import servers
from tests.factories import ProbeFactory
from tests.probes.authority import Authority
from tests.probes.conftest import Listener, http_answer

Listen = Callable[..., Listener]
Act = Callable[[socket.socket, threading.Event], None]

PLANTED = {
    "PORTAL": "planted-bearer-1",
    "PORTAL_USER": "planted-user-2",
    "PORTAL_PASSWORD": "planted pass/word=3",
    "PORTAL_KEY": "planted-key-4",
    "PORTAL_SECRET": "planted+secret-5",
    "PORTAL_PASSKEY": "planted-passkey-6",
    "PORTAL_CHECKOUT": "planted-checkout-7",
    "PORTAL_INITIATOR": "planted-initiator-8",
    "PORTAL_CREDENTIAL": "planted-credential-9",
    "PORTAL_RECEIPT": "planted-receipt-10",
    "PORTAL_CALLBACK": "https://page.example/callbacks/planted-token-11",
    "PORTAL_PASSPHRASE": "planted-phrase-12",
}
TOKEN = "planted-token-13"


def forms() -> set[str]:
    """Each secret in every spelling in which it travels."""
    values = {*PLANTED.values(), TOKEN, "planted"}
    pairs = {
        f"{PLANTED['PORTAL_USER']}:{PLANTED['PORTAL_PASSWORD']}",
        f"{PLANTED['PORTAL_KEY']}:{PLANTED['PORTAL_SECRET']}",
        f"\0{PLANTED['PORTAL_USER']}\0{PLANTED['PORTAL_PASSWORD']}",
    }
    encoded = {base64.b64encode(value.encode()).decode() for value in values | pairs}
    return values | encoded | {quote(value, safe="") for value in values}


def silence(connection: socket.socket, over: threading.Event) -> None:
    over.wait()


def hang_up(connection: socket.socket, over: threading.Event) -> None:
    """Say nothing."""


@pytest.fixture
def endings(listen: Listen) -> dict[str, Listener]:
    """Servers that end a run in every way; two of them send back whatever they heard."""
    found: dict[str, Listener] = {}

    def echo(status: str) -> Act:
        def act(connection: socket.socket, over: threading.Event) -> None:
            heard = found[status].heard[-1]
            body = heard + b" Bearer " + TOKEN.encode()
            flat = heard.replace(b"\r", b" ").replace(b"\n", b" ").decode("latin-1")
            connection.sendall(http_answer(status, body, "text/plain", Said=flat[:4000]))

        return act

    def raw_echo(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(found["raw"].heard[-1] or b"x")

    for status in ("200 OK", "401 Unauthorized", "500 Internal Server Error", "302 Found"):
        found[status] = listen(echo(status))
    found["raw"] = listen(raw_echo)
    found["silence"], found["hang up"] = listen(silence), listen(hang_up)
    return found


SPECS: dict[str, tuple[str, dict[str, Any]]] = {
    "secret header": ("http", {"secret_headers": {"X-Key": "PORTAL"}, "body_contains": "never there"}),
    "basic": ("http", {"auth": {"basic": "PORTAL"}, "assertions": [{"header": "Said", "equals": "x"}]}),
    "bearer": ("http", {"auth": {"bearer": "PORTAL"}, "redirects": 2, "assertions": [{"json": "$.x", "exists": True}]}),
    "oauth2": ("http", {"auth": {"oauth2": "PORTAL", "token_url": "TOKENS"}, "assertions": [{"not_contains": "Bearer"}]}),
    "oauth2 in the body": ("http", {"auth": {"oauth2": "PORTAL", "token_url": "URL", "send": "body"}}),
    "certificate": ("http", {"tls": {"client_certificate": "PORTAL", "verify": False}}),
    "mail": ("smtp", {"auth": "PORTAL"}),
    "queue": ("queue", {"url": "QUEUE", "key": "payouts", "down_above": 1}),
    "sql": ("sql", {"url": "LEDGER", "query": "SELECT 1", "down_above": 1}),
    "flow": (
        "flow",
        {
            "steps": [
                {"name": "in", "method": "POST", "path": "/in", "body": {"key": "{{secret.PORTAL_KEY}}"}},
                {"name": "ask", "path": "/ask", "auth": {"basic": "PORTAL"}, "assertions": [{"header": "Said", "equals": "x"}]},
            ]
        },
    ),
    "oauth recipe": ("payment_flow", {"recipe": "oauth", "credentials": "PORTAL"}),
    "stk-query recipe": ("payment_flow", {"recipe": "stk-query", "credentials": "PORTAL", "shortcode": "174379"}),
    "status recipe": ("payment_flow", {"recipe": "status-rt", "credentials": "PORTAL", "shortcode": "174379"}),
}


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch, authority: Authority, listen: Listen) -> Callable[[str, Listener], Task]:
    """`planted(place, server)`: the task of a probe that sends secrets of this place to this server."""
    for name, value in PLANTED.items():
        monkeypatch.setenv(f"HALI_SECRET_{name}", value)
    certificate: Path = authority.issue("hali.example", passphrase=PLANTED["PORTAL_PASSPHRASE"])
    monkeypatch.setenv("HALI_FILE_PORTAL", str(certificate))
    tokens = listen(answer=http_answer("200 OK", f'{{"access_token": "{TOKEN}", "expires_in": 3600}}'.encode()))

    def make(place: str, server: Listener) -> Task:
        user, password = PLANTED["PORTAL_USER"], quote(PLANTED["PORTAL_PASSWORD"], safe="")
        login = f"{user}:{password}@127.0.0.1:{server.port}"
        monkeypatch.setenv("HALI_SECRET_QUEUE", f"redis://{login}/0")
        monkeypatch.setenv("HALI_SECRET_LEDGER", f"postgres://{login}/planted?sslmode=disable")
        kind, spec = SPECS[place]
        spec = json.loads(json.dumps(spec).replace("TOKENS", tokens.url).replace("URL", server.url))
        if kind == "http":
            spec["url"] = server.url.replace("http:", "https:") if "tls" in spec else server.url
        elif kind in {"payment_flow", "flow"}:
            spec["base_url"] = server.url.rstrip("/")
        elif kind == "smtp":
            spec |= {"host": "127.0.0.1", "port": server.port}
        return Task(1, "probe", kind, spec, interval=60, timeout=0.4, slot=2_000_000_000)

    return make


@pytest.mark.parametrize(
    "ending", ["200 OK", "401 Unauthorized", "500 Internal Server Error", "302 Found", "raw", "silence", "hang up"]
)
@pytest.mark.parametrize("place", SPECS)
def test_no_secret_leaves_its_agent(
    planted: Callable[[str, Listener], Task],
    endings: dict[str, Listener],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    place: str,
    ending: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    task = planted(place, endings[ending])
    report = Runner().run_now(task)
    if ending in {"silence", "hang up", "500 Internal Server Error"}:
        assert report["status"] == "down"
    printed = capfd.readouterr()
    seen = json.dumps([task.as_message(), report]) + caplog.text + printed.out + printed.err
    assert [form for form in forms() if form in seen] == []


@pytest.fixture
def broker(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """A real one, which this process's Celery sends to."""
    monkeypatch.setitem(app.conf, "broker_write_url", redis_url)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)
    with servers.client(redis_url) as connection:
        yield connection


def taken(broker: redis.Redis, queue: str) -> tuple[list[tuple[Any, Any]], str]:
    """The (args, kwargs) of all messages that wait in a queue, and their text in full."""
    raw: Any = broker.lrange(f"hali:{queue}", 0, -1)
    broker.delete(f"hali:{queue}")
    bodies = [base64.b64decode(json.loads(message)["body"]).decode() for message in raw]
    return [(args, kwargs) for args, kwargs, _ in map(json.loads, bodies)], b" ".join(raw).decode() + " ".join(bodies)


def rows() -> str:
    """All that the database holds."""
    return "\n".join(repr(list(model._default_manager.values_list())) for model in apps.get_models())


@pytest.mark.broker
@pytest.mark.django_db
def test_no_secret_is_at_the_broker_in_the_database_in_a_log_or_in_the_evidence(
    planted: Callable[[str, Listener], Task],
    endings: dict[str, Listener],
    broker: redis.Redis,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """From the row of each probe to the draft of its incident, at a server that sends back whatever it hears."""
    caplog.set_level(logging.DEBUG)
    settings.AGENT_KEY = vantages.enrol(name="nairobi")
    vantage = Vantage.objects.get()
    for place in SPECS:
        task = planted(place, endings["200 OK"])
        once = {"interval": 60, "timeout": 0.4, "failure_threshold": 1, "window": 1, "quorum": 1}
        scheduling.schedule(probe=ProbeFactory(kind=task.kind, spec=task.spec, **once), vantage=vantage)
    tasks.dispatch_due()
    batches, asked = taken(broker, vantage.queue)
    for args, kwargs in batches:
        agent_tasks.run_batch(*args, **kwargs)
    reports, told = taken(broker, "core")
    for args, kwargs in reports:
        tasks.record_outcomes(*args, **kwargs)
    assert Result.objects.count() == len(SPECS)
    assert Incident.objects.exclude(evidence={}).exists()
    printed = capfd.readouterr()
    seen = asked + told + rows() + caplog.text + printed.out + printed.err
    assert [form for form in forms() if form in seen] == []


def test_the_secrets_were_really_sent(planted: Callable[[str, Listener], Task], endings: dict[str, Listener]) -> None:
    """Else the test above proves nothing."""
    server = endings["200 OK"]
    for place in ("secret header", "basic", "bearer", "oauth2", "oauth2 in the body", "flow", "oauth recipe"):
        before = len(server.heard)
        Runner().run_now(planted(place, server))
        sent = b" ".join(server.heard[before:]).decode("latin-1")
        assert any(form in sent for form in forms()), place


def test_every_kind_that_takes_a_secret_is_planted_in() -> None:
    without = {"tcp", "tls", "dns", "icmp"}  # of these only tls options name any, and http's are the same
    pushed = set(PASSIVE)  # their secret stays at the web app: tests/statuspage/test_push_address.py
    assert {kind for kind, _ in SPECS.values()} | without | pushed >= set(PROBERS)


def test_a_secret_in_a_runs_words_is_taken_out_in_every_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_PORTAL", "planted pass/word")
    with credentials.watched():
        credentials.secret("PORTAL")
        spelt = f"it says planted pass/word, {quote('planted pass/word', safe='')} and cGxhbnRlZCBwYXNzL3dvcmQ="
        assert credentials.without_secrets(spelt) == "it says [secret], [secret] and [secret]"
    assert credentials.without_secrets("planted pass/word") == "planted pass/word"


@pytest.mark.parametrize(
    ("kind", "spec", "named"),
    [
        ("smtp", {"host": "127.0.0.1", "security": "tls", "auth": "LOST"},
         ["HALI_SECRET_LOST_PASSWORD", "HALI_SECRET_LOST_USER"]),
        ("http", {"url": "https://x.example/", "auth": {"bearer": "LOST"}, "secret_headers": {"X-Api-Key": "AWAY"}},
         ["HALI_SECRET_AWAY", "HALI_SECRET_LOST"]),
        ("http", {"url": "https://x.example/", "tls": {"ca": "LOST"}}, ["HALI_FILE_LOST"]),
        ("queue", {"url": "LOST", "key": "payouts", "down_above": 3}, ["HALI_SECRET_LOST"]),
        ("payment_flow", {"base_url": "https://sandbox.example", "recipe": "stk-query", "credentials": "LOST",
                          "shortcode": "174379", "checkout_request_id": "ws_CO_1"},
         ["HALI_SECRET_LOST_KEY", "HALI_SECRET_LOST_PASSKEY", "HALI_SECRET_LOST_SECRET"]),
    ],
)  # fmt: skip
def test_all_that_a_probe_lacks_is_named_at_once_with_where_to_put_it(kind: str, spec: dict[str, Any], named: list[str]) -> None:
    assert secret_names.variables(kind, spec) == named
    outcome = probers.run(Task(1, "x", kind, spec, 60, 5.0, 0))
    assert (outcome.status, outcome.error_class) == ("misconfigured", "credentials")
    words, _, cure = outcome.evidence.partition(" not set at this agent: put ")
    assert sorted(words.rsplit(" ", 1)[0].split(", ")) == named
    assert cure.endswith("for a copy of `make run` into $HALI_DATA_DIR/env, and start it anew.")
    assert mask(outcome.evidence) == outcome.evidence
