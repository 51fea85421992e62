"""The prober dns, through `run`, against a real name server."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import dns.flags
import dns.message
import pytest

from probes import addresses
from probes.outcome import Outcome, Task
from probes.probers import run
from tests.probes.name_server import Answer, NameServer, records

Serve = Callable[[Answer], NameServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(answer: Answer) -> NameServer:
            server = NameServer(answer)
            stack.callback(server.close)
            return server

        yield start


def probe(server: NameServer, *, timeout: float = 5.0, **spec: Any) -> Outcome:
    whole = {"name": "pay.example", "resolver": "127.0.0.1", "port": server.port, **spec}
    return run(Task(1, "name", "dns", whole, interval=60, timeout=timeout, slot=0), now=0.0)


def judged(outcome: Outcome) -> tuple[str, str]:
    return outcome.status.value, outcome.error_class


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_records_that_are_there_are_ok(serve: Serve, protocol: str) -> None:
    outcome = probe(serve(records("A", "192.0.2.7", "192.0.2.8")), protocol=protocol)
    assert judged(outcome) == ("ok", "")
    assert outcome.evidence.startswith("2 records in ")
    assert outcome.total_us is not None


@pytest.mark.parametrize(
    ("record", "value", "expect"),
    [
        ("A", "192.0.2.7", "192.0.2.7"),
        ("AAAA", "2001:db8::7", "2001:0DB8:0::7"),
        ("CNAME", "lb.pay.example.", "LB.pay.example"),
        ("MX", "10 mail.pay.example.", "10 mail.pay.example"),
        ("TXT", '"v=spf1 -all"', "v=spf1 -all"),
        ("NS", "ns1.pay.example.", "ns1.pay.example."),
    ],
)
def test_a_record_compares_as_its_kind_does(serve: Serve, record: str, value: str, expect: str) -> None:
    assert probe(serve(records(record, value)), record=record, expect=[expect], only=True).status == "ok"


def test_a_missing_record_is_down_and_the_answer_is_not_repeated(serve: Serve) -> None:
    outcome = probe(serve(records("A", "192.0.2.7")), expect=["192.0.2.7", "192.0.2.9"])
    assert (*judged(outcome), outcome.evidence) == ("down", "assertion", "1 of 2 expected records are missing")


def test_a_record_too_many_is_down_where_only_those_expected_may_be_there(serve: Serve) -> None:
    server = serve(records("A", "192.0.2.7", "198.51.100.66"))
    assert probe(server, expect=["192.0.2.7"]).status == "ok"
    assert judged(probe(server, expect=["192.0.2.7"], only=True)) == ("down", "assertion")


@pytest.mark.parametrize(("code", "error_class"), [("SERVFAIL", "status"), ("REFUSED", "status"), ("NXDOMAIN", "assertion")])
def test_an_answer_that_is_an_error_is_down(serve: Serve, code: str, error_class: str) -> None:
    outcome = probe(serve(records("A", code=code)))
    assert (*judged(outcome), outcome.evidence) == ("down", error_class, f"it answers {code}, expected NOERROR")


def test_a_name_that_should_not_exist_is_ok_when_it_does_not(serve: Serve) -> None:
    assert probe(serve(records("A", code="NXDOMAIN")), expect_code="NXDOMAIN").status == "ok"
    assert probe(serve(records("A", "192.0.2.7")), expect_code="NXDOMAIN").status == "down"


def test_an_answer_without_the_record_is_down(serve: Serve) -> None:
    assert probe(serve(records("A"))).evidence == "there is no A record"


def test_an_answer_must_be_validated_where_the_spec_says_so(serve: Serve) -> None:
    assert probe(serve(records("A", "192.0.2.7", flags=dns.flags.AD)), dnssec=True).status == "ok"
    assert judged(probe(serve(records("A", "192.0.2.7")), dnssec=True)) == ("down", "assertion")


def test_an_answer_too_long_for_a_packet_is_fetched_by_tcp(serve: Serve) -> None:
    server = serve(records("A", "192.0.2.7", flags=dns.flags.TC))
    assert probe(server).status == "ok"
    assert server.heard == 2


def test_a_resolver_that_says_nothing_is_down_at_the_deadline(serve: Serve) -> None:
    outcome = probe(serve(lambda query: None), timeout=0.3)
    assert judged(outcome) == ("down", "timeout_read")
    assert outcome.total_us is not None
    assert outcome.total_us >= 290_000


def test_a_lost_packet_is_sent_again(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probes.probers.dns.TRY_FOR", 0.1)
    good, seen = records("A", "192.0.2.7"), list[int]()

    def lose_the_first(query: dns.message.Message) -> dns.message.Message | bytes | None:
        seen.append(1)
        return good(query) if len(seen) > 1 else None

    assert probe(serve(lose_the_first)).status == "ok"


def test_junk_is_waited_through_and_ends_at_the_deadline(serve: Serve) -> None:
    assert judged(probe(serve(lambda query: b"not dns at all"), timeout=0.3)) == ("down", "timeout_read")


def test_nobody_listening_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    spec = {"name": "pay.example", "resolver": "127.0.0.1", "port": port, "protocol": "tcp"}
    assert judged(run(Task(1, "name", "dns", spec, interval=60, timeout=1, slot=0))) == ("down", "refused")


def test_a_resolver_this_agent_may_not_ask_is_not_asked(serve: Serve, settings: Any) -> None:
    settings.PROBE_NETWORKS = addresses.parse("public")
    server = serve(records("A", "192.0.2.7"))
    assert judged(probe(server)) == ("misconfigured", "target")
    assert server.heard == 0


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"name": ""}, "name is missing"),
        ({"name": "a..b"}, "name: is not a name to ask for"),
        ({"record": "ANY"}, "record: give one of A, AAAA"),
        ({"resolver": "dns.example"}, "resolver: give its address"),
        ({"protocol": "dot"}, "protocol: give one of udp, tcp"),
        ({"expect": "192.0.2.7"}, "expect: give a list"),
        ({"expect_code": "NXDOMAIN", "expect": ["x"]}, "a name that should not exist has no records"),
        ({"expect_code": "SERVFAIL"}, "expect_code: give one of NOERROR, NXDOMAIN"),
        ({"only": True}, "only: says that nothing but expect may be there"),
        ({"dnssec": "yes"}, "dnssec: give true or false"),
    ],
)
def test_a_spec_that_cannot_be_run_is_refused_with_what_to_change(spec: dict[str, Any], says: str) -> None:
    outcome = run(Task(1, "name", "dns", {"name": "pay.example", **spec}, interval=60, timeout=1, slot=0))
    assert judged(outcome) == ("misconfigured", "target")
    assert says in outcome.evidence


def test_a_port_needs_a_resolver() -> None:
    outcome = run(Task(1, "name", "dns", {"name": "pay.example", "port": 5353}, interval=60, timeout=1, slot=0))
    assert outcome.evidence.startswith("port: goes with resolver")
