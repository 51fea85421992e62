"""The prober `dns`: a resolver answers a question, with the records it should have, validated if wished."""

from __future__ import annotations

import os
from ipaddress import ip_address
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from probes import addresses
from probes.outcome import Outcome
from probes.probers import limits, specs, tracing
from probes.probers.runs import Failure, Run
from probes.probers.specs import Spec

KEYS = ("name", "record", "resolver", "port", "protocol", "expect", "only", "expect_code", "dnssec", *limits.KEYS)
RECORDS = ("A", "AAAA", "CNAME", "MX", "NS", "TXT", "SOA", "SRV", "CAA", "PTR", "DS", "DNSKEY")
CODES = ("NOERROR", "NXDOMAIN")
TRY_FOR = 2.0  # seconds for one packet; the next one is sent then, as a resolver's own client does


def validate(spec: Spec) -> None:
    """Raises TargetError with what to change."""
    specs.only_keys(spec, KEYS)
    try:
        dns.name.from_text(specs.text(spec, "name", required=True, at_most=260))
    except (dns.exception.DNSException, UnicodeError):
        specs.refuse("name: is not a name to ask for; give one such as pay.example.", None)
    specs.choice(spec, "record", RECORDS, "A")
    if "resolver" in spec:
        try:
            ip_address(specs.text(spec, "resolver"))
        except ValueError:
            specs.refuse("resolver: give its address, such as 192.0.2.53; without it the agent's own is asked.", None)
    if specs.port(spec, default=53) and "port" in spec and "resolver" not in spec:
        specs.refuse("port: goes with resolver; add it or take port out.", None)
    specs.choice(spec, "protocol", ("udp", "tcp"), "udp")
    expected = spec.get("expect", [])
    if not isinstance(expected, list) or len(expected) > 50 or not all(isinstance(one, str) and one for one in expected):
        specs.refuse('expect: give a list of at most 50 texts, for example ["192.0.2.7"].', None)
    code = specs.choice(spec, "expect_code", CODES, "NOERROR")
    if code == "NXDOMAIN" and expected:
        specs.refuse("expect: a name that should not exist has no records; take expect or expect_code out.", None)
    if specs.flag(spec, "only") and not expected:
        specs.refuse("only: says that nothing but expect may be there; add expect.", None)
    specs.flag(spec, "dnssec")
    limits.validate(spec)


def probe(spec: Spec, *, timeout: float, now: float) -> Outcome:
    """Run once. The spec has been validated; `timeout` is seconds in all."""
    run = Run(timeout)
    try:
        answer = _ask(spec, run)
        took = run.took_us
        run.mark("ttfb")
        words = _judge(spec, answer)
    except Failure as failure:
        return run.failed(failure)
    status, error_class, evidence = limits.judge(spec, took, words)
    return Outcome(status, error_class, evidence, total_us=took, phases=run.phases)


def _resolver(spec: Spec) -> str:
    """The address to ask; raises Failure. The agent's own resolver was chosen by whoever runs the agent, so it is not judged."""
    if "resolver" not in spec:
        try:
            return str(dns.resolver.Resolver().nameservers[0])
        except (dns.exception.DNSException, OSError, IndexError):
            raise Failure("target", "this agent has no resolver of its own: name one in the spec") from None
    try:
        addresses.require(spec["resolver"])
    except addresses.Refused as error:
        raise Failure("target", str(error)) from None
    return str(spec["resolver"])


def _ask(spec: Spec, run: Run) -> dns.message.Message:
    where, port = _resolver(spec), spec.get("port", 53)
    query = dns.message.make_query(spec["name"], spec.get("record", "A"), want_dnssec=spec.get("dnssec", False))
    source = os.environ.get("HALI_SOURCE_ADDRESS") or None
    if source and (":" in source) != (":" in where):
        source = None
    options: dict[str, Any] = {"port": port, "source": source}
    is_tcp = spec.get("protocol") == "tcp"
    asked = f"{spec['name']} {spec.get('record', 'A')}"
    tracing.note(f"question   {asked}, to the resolver {where}, port {port}, by {'tcp' if is_tcp else 'udp'}")
    while True:
        try:
            if is_tcp:
                return dns.query.tcp(query, where, timeout=run.left, **options)
            return dns.query.udp(
                query, where, timeout=min(run.left, TRY_FOR), raise_on_truncation=True, ignore_errors=True, **options
            )
        except dns.message.Truncated:
            is_tcp = True
        except dns.exception.Timeout:
            if run.is_over or is_tcp:
                raise Failure("timeout_read", "the resolver does not answer in time") from None
        except ConnectionRefusedError:
            raise Failure("refused", "the resolver refuses to be asked") from None
        except (OSError, EOFError):
            raise Failure("refused", "the resolver cannot be reached, or closed the connection") from None
        except dns.exception.DNSException:
            raise Failure("assertion", "its answer is not DNS as we know it") from None


def _judge(spec: Spec, answer: dns.message.Message) -> str:
    """What it answered, in words; raises Failure when that is not what was expected."""
    code, wanted = dns.rcode.to_text(answer.rcode()), spec.get("expect_code", "NOERROR")
    if code != wanted:
        raise Failure("status" if code not in CODES else "assertion", f"it answers {code}, expected {wanted}")
    if spec.get("dnssec") and not answer.flags & dns.flags.AD:
        raise Failure("assertion", "the answer is not validated (no AD flag)")
    if wanted == "NXDOMAIN":
        return "no such name, as expected"
    record = dns.rdatatype.from_text(spec.get("record", "A"))
    found = {_plain(one.to_text()) for rrset in answer.answer if rrset.rdtype == record for one in rrset}
    if not found:
        raise Failure("assertion", f"there is no {spec.get('record', 'A')} record")
    expected = {_plain(one) for one in spec.get("expect", [])}
    if missing := expected - found:
        raise Failure("assertion", f"{len(missing)} of {len(expected)} expected records are missing")
    if spec.get("only") and (more := found - expected):
        raise Failure("assertion", f"there are {len(more)} records beside those expected")
    return f"{len(found)} record{'' if len(found) == 1 else 's'}{', validated' if spec.get('dnssec') else ''}"


def _plain(text: str) -> str:
    """One spelling of a record: addresses and names as they compare, texts without their quotes."""
    try:
        return str(ip_address(text))
    except ValueError:
        return text.replace('" "', "").strip('"').rstrip(".").lower()
