"""The prober `tls`: a server's certificates: who vouches for them, for which names, and for how many days still."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address

from cryptography import x509

from probes.outcome import Outcome, OutcomeStatus
from probes.probers import limits, specs, tls_options
from probes.probers.engine import Reply, Request, fetch
from probes.probers.specs import Spec

KEYS = ("host", "port", "starttls", "degraded_days", "down_days", "tls", "ip_version", *limits.KEYS)
STARTTLS = ("smtp", "imap", "pop3")
DEGRADED_DAYS = 14


def validate(spec: Spec) -> None:
    """Raises TargetError with what to change."""
    specs.only_keys(spec, KEYS)
    specs.host(spec, "host")
    specs.port(spec, default=443)
    if "starttls" in spec:
        specs.choice(spec, "starttls", STARTTLS, None)
        if "port" not in spec:
            specs.refuse(
                "port is missing: starttls goes with 25 or 587 (smtp), 143 (imap), 110 (pop3), or one of your own.", None
            )
    degraded = specs.whole(spec, "degraded_days", 0, 1000, DEGRADED_DAYS)
    down = specs.whole(spec, "down_days", 0, 1000, 0)
    if down > degraded:
        specs.refuse("down_days is above degraded_days: down is the worse of the two, swap them.", None)
    if not tls_options.validate(spec).get("verify", True):
        specs.refuse("tls.verify: this kind is about what verification says; take it out.", None)
    specs.choice(spec, "ip_version", (4, 6), 4)
    limits.validate(spec)


def probe(spec: Spec, *, timeout: float, now: float) -> Outcome:
    """Run once. The spec has been validated; `timeout` is seconds in all; days are counted from `now`, epoch seconds."""
    host = specs.host(spec, "host")
    options = tls_options.resolve(spec.get("tls", {}), host=host)
    request = Request(
        f"{spec.get('starttls', 'https')}://{f'[{host}]' if ':' in host else host}:{spec.get('port', 443)}/",
        timeout=timeout,
        tls=options,
        ip_version=spec.get("ip_version", 0),
        handshake_only=True,
    )
    reply = fetch(request)
    if reply.error_class == "target":
        return Outcome(OutcomeStatus.MISCONFIGURED, "target", reply.error)
    if reply.error_class == "tls":
        return Outcome(OutcomeStatus.DOWN, "tls", _reason(request, reply, now), phases=reply.phases)
    if reply.error_class:
        return Outcome(OutcomeStatus.DOWN, reply.error_class, reply.error, None, reply.total_us, reply.phases)
    status, error_class, words = _judge(spec, reply, now)
    return Outcome(status, error_class, words, None, reply.total_us, reply.phases)


def _judge(spec: Spec, reply: Reply, now: float) -> tuple[OutcomeStatus, str, str]:
    chain = _parse(reply)
    if not chain:
        return OutcomeStatus.DOWN, "tls", "its certificates cannot be read"
    days = [_days_left(certificate, now) for certificate in chain]
    left = min(days)
    which = "the certificate" if left == days[0] else "a certificate between it and the root"
    words = f"{which} is good for {_count(left)}"
    if left < spec.get("down_days", 0):
        return OutcomeStatus.DOWN, "tls", f"{words}, limit {spec['down_days']}"
    speed = limits.judge(spec, reply.total_us, words)
    if left < spec.get("degraded_days", DEGRADED_DAYS) and speed[0] is not OutcomeStatus.DOWN:
        return OutcomeStatus.DEGRADED, "", f"{words}, limit {spec.get('degraded_days', DEGRADED_DAYS)}"
    return speed


def _reason(request: Request, reply: Reply, now: float) -> str:
    """Why it was refused: asked once more without verification, only to say so."""
    name = request.tls.server_name or specs.host({"host": request.url.split("//")[1].rsplit(":", 1)[0]}, "host")
    shown = fetch(replace(request, timeout=min(request.timeout, 5.0), tls=replace(request.tls, verify=False)))
    chain = _parse(shown)
    if not chain:
        return reply.error
    for number, certificate in enumerate(chain):
        days, which = _days_left(certificate, now), "a certificate between it and the root" if number else "the certificate"
        if days < 0:
            return f"{which} ended {_count(-days)} ago"
        if certificate.not_valid_before_utc.timestamp() > now:
            return f"{which} is not good yet: the server's clock or ours is wrong, or it was put there too early"
    if not _names(chain[0], name):
        return "the certificate is for other names than this host"
    return reply.error


def _parse(reply: Reply) -> list[x509.Certificate]:
    try:
        return [x509.load_pem_x509_certificate(pem.encode()) for pem in reply.certificates]
    except ValueError:
        return []


def _days_left(certificate: x509.Certificate, now: float) -> int:
    """Whole days; below 0 when it has ended, be it a second ago."""
    seconds = (certificate.not_valid_after_utc - datetime.fromtimestamp(now, UTC)).total_seconds()
    return int(seconds // 86_400)


def _count(days: int) -> str:
    return f"{days} day{'' if days == 1 else 's'}"


def _names(certificate: x509.Certificate, host: str) -> bool:
    """Whether the certificate names the host, a wildcard for its first label included."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    try:
        return ip_address(host) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        pass
    wanted = host.lower().rstrip(".")
    known = {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    return wanted in known or f"*.{wanted.partition('.')[2]}" in known
