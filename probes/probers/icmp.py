"""The prober `icmp`: a host answers echo requests. For agents whose system lets them send any."""

from __future__ import annotations

import os
import secrets
import socket
import statistics
import struct
import time

from probes.outcome import Outcome, OutcomeStatus
from probes.probers import connections, limits, specs
from probes.probers.runs import Failure, Run
from probes.probers.specs import Spec

KEYS = ("host", "count", "ip_version", *limits.KEYS)
COUNT, MOST = 3, 10
APART = 0.2  # seconds between two requests
CURE = (
    "this agent may not send ICMP: let its group (sysctl net.ipv4.ping_group_range), give it CAP_NET_RAW, "
    "or use a probe of kind tcp"
)
_ECHO = {socket.AF_INET: (8, 0, socket.IPPROTO_ICMP), socket.AF_INET6: (128, 129, socket.IPPROTO_ICMPV6)}


def validate(spec: Spec) -> None:
    """Raises TargetError with what to change."""
    specs.only_keys(spec, KEYS)
    specs.host(spec, "host")
    specs.whole(spec, "count", 1, MOST, COUNT)
    specs.choice(spec, "ip_version", (4, 6), 4)
    limits.validate(spec)


def probe(spec: Spec, *, timeout: float, now: float) -> Outcome:
    """Run once; the median of the answers is the measure. The spec has been validated; `timeout` is seconds in all."""
    run, count = Run(timeout), spec.get("count", COUNT)
    try:
        family, address = connections.resolve(run, specs.host(spec, "host"), 0, ip_version=spec.get("ip_version", 0))[0]
        with open_socket(family) as opened:
            connections.bind_source(opened)
            times = _ping(run, opened, family, address, count)
    except Failure as failure:
        return run.failed(failure)
    except OSError:
        return run.failed(Failure("refused", "there is no way to the host"))
    if not times:
        return run.failed(Failure("timeout_read", f"none of {count} requests was answered"))
    took = round(statistics.median(times) * 1_000_000)
    status, error_class, words = limits.judge(spec, took, f"{len(times)} of {count} answered")
    if len(times) < count and status in {OutcomeStatus.OK, OutcomeStatus.DELAYED}:
        status, words = OutcomeStatus.DEGRADED, f"{words}, some were lost"
    return Outcome(status, error_class, words, total_us=took, phases=run.phases)


def open_socket(family: int) -> socket.socket:
    """The unprivileged socket where the system has it, else the raw one; raises Failure with the cure."""
    protocol = _ECHO[socket.AddressFamily(family)][2]
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            return socket.socket(family, kind, protocol)
        except OSError:
            continue
    raise Failure("target", CURE)


def _ping(run: Run, opened: socket.socket, family: int, address: tuple[object, ...], count: int) -> list[float]:
    """Seconds of each answer. The last one is waited for until the deadline."""
    marker, sent_at, times = secrets.token_bytes(8), dict[int, float](), list[float]()
    for number in range(count):
        sent_at[number] = time.perf_counter()
        opened.sendto(_request(family, number, marker), address)
        until = run.deadline if number == count - 1 else min(run.deadline, time.monotonic() + APART)
        while len(times) < count and (left := until - time.monotonic()) > 0:
            if (answered := _receive(opened, family, marker, left)) in sent_at:
                times.append(time.perf_counter() - sent_at.pop(answered))
                if not sent_at:
                    break  # nothing more to wait for
        if run.is_over:
            break
    run.mark("ttfb")
    return times


def _request(family: int, number: int, marker: bytes) -> bytes:
    kind = _ECHO[socket.AddressFamily(family)][0]
    identity = os.getpid() & 0xFFFF  # the unprivileged socket writes its own
    body = struct.pack("!8sH", marker, number)
    head = struct.pack("!BBHHH", kind, 0, 0, identity, number)
    checksum = _checksum(head + body)  # of IPv6 the system makes it
    return struct.pack("!BBHHH", kind, 0, checksum, identity, number) + body


def _checksum(data: bytes) -> int:
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _receive(opened: socket.socket, family: int, marker: bytes, seconds: float) -> int:
    """The number of the request that was answered; -1 for anything else."""
    opened.settimeout(seconds)
    try:
        packet = opened.recv(2048)
    except TimeoutError:
        return -1
    except ConnectionRefusedError:  # an unreachable host, told by ICMP
        return -1
    at = packet.find(marker)  # a raw socket of IPv4 gives the IP header too
    if at < 8 or len(packet) < at + 10 or packet[at - 8] != _ECHO[socket.AddressFamily(family)][1]:
        return -1
    return int(struct.unpack("!H", packet[at + 8 : at + 10])[0])
