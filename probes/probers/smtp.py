"""The prober `smtp`: a mail server greets, says what it can, speaks TLS and lets us sign in. No mail is sent."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from typing import Any

from probes.outcome import Outcome
from probes.probers import connections, credentials, limits, specs, tls_options
from probes.probers.runs import Failure, Run
from probes.probers.specs import Spec

KEYS = ("host", "port", "security", "auth", "hello_name", "tls", "ip_version", *limits.KEYS)
SECURITY = ("none", "starttls", "tls")


def validate(spec: Spec) -> None:
    """Raises TargetError with what to change."""
    specs.only_keys(spec, KEYS)
    host = specs.host(spec, "host")
    specs.port(spec, default=25)
    security = specs.choice(spec, "security", SECURITY, "none")
    if "auth" in spec:
        specs.secret_name(spec["auth"], "auth")
        if security == "none" and not specs.is_loopback(host):
            specs.refuse("auth: set security to starttls or tls, since a password travels in it.", None)
    if "hello_name" in spec:
        specs.host(spec, "hello_name")
    if tls_options.validate(spec) and security == "none":
        specs.refuse("tls: security is none, so there is no TLS; set it to starttls or tls.", None)
    specs.choice(spec, "ip_version", (4, 6), 4)
    limits.validate(spec)


def probe(spec: Spec, *, timeout: float, now: float) -> Outcome:
    """Run once. The spec has been validated; `timeout` is seconds in all."""
    host, login = specs.host(spec, "host"), None
    if name := spec.get("auth"):
        credentials.require_host(name, host)
        login = credentials.secret(f"{name}_USER"), credentials.secret(f"{name}_PASSWORD")
    options = tls_options.resolve(spec.get("tls", {}), host=host)
    run = Run(timeout)
    try:
        words = _talk(spec, run, host, options, login)
    except Failure as failure:
        return run.failed(failure)
    took = run.took_us
    status, error_class, evidence = limits.judge(spec, took, words)
    return Outcome(status, error_class, evidence, total_us=took, phases=run.phases)


class _Client(smtplib.SMTP):
    """smtplib's words over a connection of ours."""

    def __init__(self, opened: Any, hello_name: str) -> None:
        super().__init__(local_hostname=hello_name)
        self.sock = opened

    def secured(self, opened: Any) -> None:
        """After STARTTLS nothing of before holds."""
        self.sock, self.file = opened, None
        self.helo_resp = self.ehlo_resp = None
        self.esmtp_features, self.does_esmtp = {}, False


def _talk(spec: Spec, run: Run, host: str, options: tls_options.TlsOptions, login: tuple[str, str] | None) -> str:
    security = spec.get("security", "none")
    opened: Any = connections.connect(run, host, spec.get("port", 25), ip_version=spec.get("ip_version", 0))
    if security == "tls":
        opened = connections.secure(run, opened, host, options)
    client = _Client(opened, spec.get("hello_name", "probe.invalid"))
    try:
        _expect(client.getreply()[0], 220, "greeting")
        run.mark("ttfb")
        _expect(client.ehlo()[0], 250, "EHLO")
        if security == "starttls":
            if not client.has_extn("starttls"):
                raise Failure("assertion", "it does not offer STARTTLS")
            _expect(client.docmd("STARTTLS")[0], 220, "STARTTLS")
            run.mark("transfer")
            client.secured(connections.secure(run, opened, host, options))
            _expect(client.ehlo()[0], 250, "EHLO after STARTTLS")
        if login is not None:
            client.login(*login)
        run.mark("transfer")
        with suppress(OSError, smtplib.SMTPException):
            client.putcmd("QUIT")  # politely, and without waiting for the answer
    except smtplib.SMTPAuthenticationError as error:
        _refuse_login(error.smtp_code)
    except smtplib.SMTPServerDisconnected:
        if run.is_over:  # smtplib's word for a wait that ended too
            raise Failure("timeout_read", "connected, but it does not answer in time") from None
        raise Failure("refused", "the connection was closed in the middle of the talk") from None
    except smtplib.SMTPNotSupportedError:
        raise Failure("assertion", "it does not let anybody sign in") from None
    except smtplib.SMTPException:
        raise Failure("assertion", "its answer is not SMTP as we know it") from None
    except TimeoutError:
        raise Failure("timeout_read", "connected, but it does not answer in time") from None
    except (OSError, ssl.SSLError, ValueError):
        raise Failure("refused", "the connection was closed in the middle of the talk") from None
    finally:
        client.close()
    return f"greeted{', STARTTLS' if security == 'starttls' else ''}{', signed in' if login else ''}"


def _expect(code: int, wanted: int, what: str) -> None:
    if code == wanted:
        return
    if code == -1:
        raise Failure("assertion", f"its answer to {what} is not SMTP as we know it")
    raise Failure("status", f"{what}: it answers {code}, expected {wanted}")


def _refuse_login(code: int) -> None:
    if code == 535:
        raise Failure("credentials", "535: our user and password are refused")
    raise Failure("status", f"signing in: it answers {code}")
