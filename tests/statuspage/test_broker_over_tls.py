"""REDIS_URL with rediss://: a process gives its password only to a broker that proves who it is. A real Redis with TLS."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from probes import signed_batches
from tests import servers
from tests.copies import ROOT, free_port
from tests.probes.authority import Authority

pytestmark = pytest.mark.broker
CONNECT = "from statuspage.celery import app; app.connection_for_write().ensure_connection(max_retries=1); print('connected')"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def port(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a Redis whose certificate is for localhost."""
    certificate, found = authority.issue("localhost", separate_key=True), free_port()
    key = str(certificate.with_suffix(".key"))
    options = ("--tls-port", str(found), "--tls-cert-file", str(certificate), "--tls-key-file", key, "--tls-auth-clients", "no")
    server = servers.start_redis(tmp_path_factory.mktemp("redis"), *options)
    yield found
    server.stop()


def agent_says(url: str, folder: Path, **more: str) -> str:
    """What an agent prints that connects to its broker, on either channel."""
    environment = {
        "PATH": os.environ["PATH"],
        "HALI_AGENT": "nairobi",
        "HALI_AGENT_KEY": signed_batches.new_key(),
        "HALI_DATA_DIR": str(folder),
        "REDIS_URL": url,
        **more,
    }
    command = [sys.executable, "-c", CONNECT]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def test_an_agent_connects_to_a_broker_that_its_authorities_vouch_for(port: int, authority: Authority, tmp_path: Path) -> None:
    said = agent_says(f"rediss://localhost:{port}/0", tmp_path, SSL_CERT_FILE=str(authority.file))
    assert said.endswith("connected\n")


def test_an_authority_may_be_trusted_for_the_broker_alone(port: int, authority: Authority, tmp_path: Path) -> None:
    said = agent_says(f"rediss://localhost:{port}/0?ssl_ca_certs={authority.file}", tmp_path)
    assert said.endswith("connected\n")


def test_a_broker_that_nobody_vouches_for_gets_no_password(port: int, tmp_path: Path) -> None:
    said = agent_says(f"rediss://agent-nairobi:planted@localhost:{port}/0", tmp_path)
    assert "certificate verify failed" in said
    assert "planted" not in said


def test_a_certificate_for_another_host_proves_nothing(port: int, authority: Authority, tmp_path: Path) -> None:
    said = agent_says(f"rediss://127.0.0.1:{port}/0", tmp_path, SSL_CERT_FILE=str(authority.file))
    assert "certificate verify failed" in said
