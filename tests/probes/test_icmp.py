"""The prober icmp, through `run`: this machine answers itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import Any

import pytest

from probes import addresses
from probes.outcome import Outcome, Task
from probes.probers import icmp, run
from probes.probers.runs import Failure
from tests.copies import ROOT


def probe(host: str, *, timeout: float = 5.0, **spec: Any) -> Outcome:
    return run(Task(1, "host", "icmp", {"host": host, **spec}, interval=60, timeout=timeout, slot=0), now=0.0)


def _is_allowed() -> bool:
    try:
        icmp.open_socket(socket.AF_INET).close()
    except Failure:
        return False
    return True


allowed = pytest.mark.skipif(not _is_allowed(), reason="this system lets us send no ICMP: run as root or widen ping_group_range")


@allowed
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_host_that_answers_is_ok_with_the_median_as_its_measure(host: str) -> None:
    outcome = probe(host, count=2)
    assert (outcome.status, outcome.error_class) == ("ok", "")
    assert outcome.evidence.startswith("2 of 2 answered in ")
    assert outcome.total_us is not None
    assert 0 < outcome.total_us < 1_000_000


SILENT = """
ip link set lo up && echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all && exec "$0" -c '
import django; django.setup()
from probes.outcome import Task
from probes.probers import run
outcome = run(Task(1, "host", "icmp", {"host": "HOST", "count": 2}, interval=60, timeout=0.5, slot=0))
took = outcome.total_us
print(outcome.status, outcome.error_class, took and took >= 490000, outcome.evidence)
'
"""


@allowed
@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("127.0.0.1", "down timeout_read True none of 2 requests was answered"),
        ("192.0.2.1", "down refused None there is no way to the host"),
    ],
)
def test_a_host_that_is_silent_or_out_of_reach_is_down(host: str, says: str) -> None:
    """In a network of its own, whose only host was told to be silent."""
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HALI_PROBE_NETWORKS": "any"}
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", SILENT.replace("HOST", host), sys.executable],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "unshare" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip(f"this system lets us have no network of our own: {done.stderr.strip()}")
    assert done.stdout.strip() == says, done.stderr


@allowed
def test_an_address_this_agent_may_not_ask_is_not_asked(settings: Any) -> None:
    settings.PROBE_NETWORKS = addresses.parse("public")
    assert (probe("127.0.0.1").status, probe("127.0.0.1").error_class) == ("misconfigured", "target")


WITHOUT_RIGHTS = """
import os
from probes.probers import icmp
from probes.probers.runs import Failure
from socket import AF_INET
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    icmp.open_socket(AF_INET).close()
    print("allowed")
except Failure as failure:
    print(failure.error_class, failure.words)
"""


def test_where_the_system_does_not_allow_it_the_cure_is_told() -> None:
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "statuspage.settings", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_RIGHTS], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    if done.stdout.strip() == "allowed":
        pytest.skip("this system lets anybody send ICMP")
    assert done.stdout.startswith("target this agent may not send ICMP: let its group"), done.stderr


@pytest.mark.parametrize(("size", "expected"), [(b"\x00\x00", 0xFFFF), (b"\x08\x00\x00\x00\x12\x34\x00\x01", 0xE5CA)])
def test_the_checksum_is_that_of_rfc_1071(size: bytes, expected: int) -> None:
    assert icmp._checksum(size) == expected


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"host": "127.0.0.1", "count": 0}, "count: give a whole number from 1 to 10"),
        ({"host": "127.0.0.1", "ip_version": "6"}, "ip_version: give one of 4, 6"),
        ({"host": ""}, "host is missing"),
        ({"host": "127.0.0.1", "port": 7}, "'port' is not a key"),
    ],
)
def test_a_spec_that_cannot_be_run_is_refused_with_what_to_change(spec: dict[str, Any], says: str) -> None:
    outcome = run(Task(1, "host", "icmp", spec, interval=60, timeout=1, slot=0))
    assert outcome.status == "misconfigured"
    assert says in outcome.evidence
