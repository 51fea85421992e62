"""The prober queue, through `run`, against a real Redis."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis

from probes import addresses
from probes.outcome import Outcome, Task
from probes.probers import run
from tests.probes.conftest import Listener
from tests.servers import client

Listen = Callable[..., Listener]

pytestmark = pytest.mark.broker


def probe(*, timeout: float = 5.0, **spec: Any) -> Outcome:
    threshold = {} if any("above" in name or "below" in name for name in spec) else {"delayed_above": 5}
    whole = {"url": "QUEUE", "key": "payouts", **threshold, **spec}
    return run(Task(1, "depth", "queue", whole, interval=60, timeout=timeout, slot=0), now=0.0)


def judged(outcome: Outcome) -> tuple[str, str]:
    return outcome.status.value, outcome.error_class


@pytest.fixture
def server(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HALI_SECRET_QUEUE", redis_url)
    with client(redis_url) as connection:
        yield connection


@pytest.mark.parametrize(("depth", "status"), [(0, "ok"), (5, "ok"), (6, "delayed"), (11, "degraded"), (21, "down")])
def test_a_lists_length_is_judged_by_the_thresholds(server: redis.Redis, depth: int, status: str) -> None:
    if depth:
        server.rpush("payouts", *range(depth))
    outcome = probe(delayed_above=5, degraded_above=10, down_above=20)
    assert judged(outcome) == (status, "assertion" if status == "down" else "")
    assert outcome.evidence.startswith(f"{depth}")


def test_streams_their_groups_and_sets_are_counted(server: redis.Redis) -> None:
    for number in range(7):
        server.xadd("events", {"n": number})
        server.sadd("waiting", number)
        server.zadd("due", {str(number): number})
    server.xgroup_create("events", "workers", id="0")
    server.xreadgroup("workers", "one", {"events": ">"}, count=2)
    counted = {
        "stream": probe(key="events", count="stream").evidence,
        "pending": probe(key="events", count="pending", group="workers").evidence,
        "lag": probe(key="events", count="lag", group="workers").evidence,
        "set": probe(key="waiting", count="set").evidence,
        "sorted_set": probe(key="due", count="sorted_set").evidence,
    }
    assert {name: words.split(" ")[0].rstrip(",") for name, words in counted.items()} == {
        "stream": "7",
        "pending": "2",
        "lag": "5",
        "set": "7",
        "sorted_set": "7",
    }


def test_nothing_is_taken(server: redis.Redis) -> None:
    server.rpush("payouts", 1, 2, 3)
    probe()
    assert server.llen("payouts") == 3


def test_too_little_can_be_wrong_too(server: redis.Redis) -> None:
    assert probe(degraded_below=1).status == "degraded"


def test_a_key_of_another_kind_is_our_fault(server: redis.Redis) -> None:
    server.set("payouts", "planted")
    outcome = probe()
    assert judged(outcome) == ("misconfigured", "target")
    assert outcome.evidence.startswith("WRONGTYPE: key, count or group of the spec do not fit")


def test_a_group_that_is_not_there_is_our_fault(server: redis.Redis) -> None:
    server.xadd("events", {"n": 1})
    server.xgroup_create("events", "others", id="0")
    for count in ("pending", "lag"):
        assert judged(probe(key="events", count=count, group="workers")) == ("misconfigured", "target")


def test_a_refused_password_is_our_fault_and_is_shown_nowhere(
    server: redis.Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.acl_setuser("reader", enabled=True, passwords=["+right"], keys=["payouts"], commands=["+llen", "+select", "+auth"])
    try:
        monkeypatch.setenv("HALI_SECRET_QUEUE", redis_url.replace("redis://", "redis://reader:planted-wrong@"))
        refused = probe()
        monkeypatch.setenv("HALI_SECRET_QUEUE", redis_url.replace("redis://", "redis://reader:right@"))
        assert probe().status == "ok"
        assert judged(probe(key="salaries")) == ("misconfigured", "credentials")
    finally:
        server.acl_deluser("reader")
    assert judged(refused) == ("misconfigured", "credentials")
    assert "planted" not in repr(refused)


def test_nobody_listening_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HALI_SECRET_QUEUE", f"redis://127.0.0.1:{unused.getsockname()[1]}/0")
        assert judged(probe()) == ("down", "refused")


def _drip(connection: socket.socket, over: threading.Event) -> None:
    while not over.wait(0.02):
        connection.sendall(b"+")


@pytest.mark.parametrize("act", [lambda connection, over: over.wait(), _drip])
def test_a_server_that_says_nothing_or_drips_does_not_outlive_the_deadline(
    listen: Listen, monkeypatch: pytest.MonkeyPatch, act: Any
) -> None:
    monkeypatch.setenv("HALI_SECRET_QUEUE", f"redis://127.0.0.1:{listen(act).port}/0")
    assert judged(probe(timeout=0.3)) == ("down", "timeout_read")


def test_a_server_that_is_not_redis_is_down(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_QUEUE", f"redis://127.0.0.1:{listen(answer=b'HTTP/1.1 400 Bad Request').port}/0")
    assert probe().status == "down"


def test_an_address_this_agent_may_not_ask_is_not_connected_to(
    settings: Any, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PROBE_NETWORKS = addresses.parse("public")
    listener = listen(answer=b"+OK\r\n")
    monkeypatch.setenv("HALI_SECRET_QUEUE", f"redis://127.0.0.1:{listener.port}/0")
    assert judged(probe()) == ("misconfigured", "target")
    assert listener.heard == []


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "redis://", "redis://h:x/0", "redis://h/planted", "unix:///tmp/redis.sock"])
def test_an_address_that_is_none_is_named_by_its_variable_only(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HALI_SECRET_QUEUE", url)
    outcome = probe()
    assert judged(outcome) == ("misconfigured", "target")
    assert outcome.evidence.startswith("HALI_SECRET_QUEUE: ")
    assert "planted" not in outcome.evidence


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"url": "redis://x"}, "url: give the name of a secret"),
        ({"key": ""}, "key is missing"),
        ({"count": "hash"}, "count: give one of list, stream"),
        ({"count": "lag"}, "group is missing"),
        ({"group": "x"}, "group: goes with count pending or lag"),
        ({"delayed_above": "5"}, "delayed_above: give a number"),
        ({"delayed_above": 5, "down_above": 4}, "delayed_above, down_above: the second is the worse"),
        ({"degraded_below": 1, "down_below": 2}, "degraded_below, down_below: the second is the worse"),
    ],
)
def test_a_spec_that_cannot_be_run_is_refused_with_what_to_change(spec: dict[str, Any], says: str) -> None:
    outcome = probe(**spec)
    assert judged(outcome) == ("misconfigured", "target")
    assert says in outcome.evidence


def test_a_threshold_is_needed() -> None:
    outcome = run(Task(1, "depth", "queue", {"url": "QUEUE", "key": "payouts"}, interval=60, timeout=1, slot=0))
    assert outcome.evidence.startswith("there is no threshold: give one or more of delayed_above")
