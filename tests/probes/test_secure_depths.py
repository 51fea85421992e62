"""The probers sql and queue over TLS, through `run`, against a real PostgreSQL and a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from probes.outcome import Outcome, Task
from probes.probers import run
from tests import servers
from tests.copies import free_port
from tests.probes.authority import Authority


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Of the same name, with another key."""
    return Authority(tmp_path_factory.mktemp("theirs"))


@pytest.fixture(scope="module")
def certificate(ours: Authority) -> Path:
    """For localhost, and not for 127.0.0.1."""
    return ours.issue("localhost", separate_key=True)


@pytest.fixture(scope="module")
def database(postgresql: str, certificate: Path) -> Iterator[str]:
    """The address of a PostgreSQL that speaks TLS, without what the client is to prove."""
    url = servers.make_database(postgresql, "secure")
    with servers.postgresql_with_tls(postgresql, certificate, certificate.with_suffix(".key")):
        yield url.replace("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def broker(certificate: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, key = str(free_port()), str(certificate.with_suffix(".key"))
    options = ("--tls-port", port, "--tls-cert-file", str(certificate), "--tls-key-file", key, "--tls-auth-clients", "no")
    server = servers.start_redis(tmp_path_factory.mktemp("redis"), *options)
    with servers.client(server.url) as client:
        client.rpush("payouts", 1, 2)
    yield f"rediss://localhost:{port}/0"
    server.stop()


def ask_database(patch: pytest.MonkeyPatch, url: str, *, ca: Path, mode: str = "verify-full") -> Outcome:
    patch.setenv("HALI_SECRET_LEDGER", f"{url}?sslmode={mode}&sslrootcert={ca}")
    query = "SELECT count(*) FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()"
    return probe("sql", url="LEDGER", query=query, down_below=1)


def ask_broker(patch: pytest.MonkeyPatch, url: str, *, ca: Path) -> Outcome:
    patch.setenv("HALI_SECRET_QUEUE", url)
    patch.setenv("HALI_FILE_OUR_CA", str(ca))
    return probe("queue", url="QUEUE", key="payouts", tls={"ca": "OUR_CA"}, down_above=5)


def probe(kind: str, **spec: Any) -> Outcome:
    return run(Task(1, "depth", kind, spec, interval=60, timeout=10.0, slot=0), now=0.0)


def judged(outcome: Outcome) -> tuple[str, str]:
    return outcome.status.value, outcome.error_class


def test_a_query_goes_over_tls_to_who_is_proved_to_be_the_database(
    database: str, ours: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = ask_database(monkeypatch, database, ca=ours.file)
    assert judged(outcome) == ("ok", "")
    assert outcome.evidence.startswith("1")  # the server says that this very connection is encrypted


def test_a_queue_is_counted_over_tls(broker: str, ours: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = ask_broker(monkeypatch, broker, ca=ours.file)
    assert judged(outcome) == ("ok", "")
    assert outcome.evidence.startswith("2")
    assert outcome.phases["tls"] > 0


def test_a_database_of_another_authority_is_asked_nothing(
    database: str, theirs: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = ask_database(monkeypatch, database, ca=theirs.file)
    assert judged(outcome) == ("down", "tls")


def test_a_queue_of_another_authority_is_asked_nothing(broker: str, theirs: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(ask_broker(monkeypatch, broker, ca=theirs.file)) == ("down", "tls")


def test_a_certificate_for_another_host_proves_nothing(
    database: str, broker: str, ours: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_number = database.replace("localhost", "127.0.0.1")
    assert judged(ask_database(monkeypatch, by_number, ca=ours.file)) == ("down", "tls")
    assert judged(ask_broker(monkeypatch, broker.replace("localhost", "127.0.0.1"), ca=ours.file)) == ("down", "tls")


def test_an_authority_that_the_agent_does_not_have_is_our_fault(
    database: str, ours: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = ask_database(monkeypatch, database, ca=ours.file.with_suffix(".gone"))
    assert judged(outcome) == ("misconfigured", "target")
    assert "sslrootcert" in outcome.evidence
