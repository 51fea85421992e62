"""How TLS is spoken with a target: as specs say it (`tls`, files by name), and as this agent resolves it (files by path)."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import certifi

from probes.outcome import TargetError
from probes.probers import credentials, specs
from probes.probers.runs import TimedTlsSocket

KEYS = ("verify", "ca", "client_certificate", "min_version", "server_name")
VERSIONS: Mapping[str, ssl.TLSVersion] = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True)
class TlsOptions:
    """What a connection needs. Paths are this agent's; `server_name` stands for the host in handshake and certificate."""

    verify: bool = True
    ca: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)
    min_version: str = "1.2"
    server_name: str = ""


PLAIN = TlsOptions()


def validate(spec: specs.Spec, key: str = "tls") -> Mapping[str, Any]:
    """The object under `key`, {} where there is none; raises TargetError with what to change."""
    value = spec.get(key, {})
    if not isinstance(value, dict):
        raise TargetError(f'{key}: give an object, for example {{"min_version": "1.2"}}.')
    specs.only_known(value, KEYS, key)
    if not isinstance(value.get("verify", True), bool):
        raise TargetError(f"{key}.verify: give true or false.")
    for name in ("ca", "client_certificate"):
        if name in value:
            specs.secret_name(value[name], f"{key}.{name}")
    if not value.get("verify", True) and "ca" in value:
        raise TargetError(f"{key}: names a ca and sets verify to false; leave one of them out.")
    if value.get("min_version", "1.2") not in list(VERSIONS):
        raise TargetError(f"{key}.min_version: give one of {', '.join(VERSIONS)}, as a text.")
    if "server_name" in value:
        specs.host(value, "server_name", f"{key}.server_name")
    return value


def resolve(value: Mapping[str, Any], *, host: str | None) -> TlsOptions:
    """The options on this agent, for a connection to `host`; raises MissingSecret.

    `ca` and `client_certificate` NAME: HALI_FILE_<NAME>, a PEM file; of a certificate also HALI_FILE_<NAME>_KEY where the key is
    not in the same file, and HALI_SECRET_<NAME>_PASSPHRASE where the key has one.
    """
    if not value:
        return PLAIN
    name = value.get("client_certificate", "")
    if name:
        credentials.require_host(name, host)
    return TlsOptions(
        verify=value.get("verify", True),
        ca=credentials.file_path(value["ca"]) if "ca" in value else "",
        certificate=credentials.file_path(name) if name else "",
        key=credentials.file_path(f"{name}_KEY") if name and os.environ.get(f"HALI_FILE_{name}_KEY") else "",
        passphrase=credentials.optional(f"{name}_PASSPHRASE") if name else "",
        min_version=value.get("min_version", "1.2"),
        server_name=value.get("server_name", ""),
    )


def ca_file(options: TlsOptions) -> str:
    return options.ca or os.environ.get("SSL_CERT_FILE") or certifi.where()


def context(options: TlsOptions) -> ssl.SSLContext:
    """A client's context for Python's own sockets; raises TargetError. Kept, since reading all authorities takes 18 ms."""
    path = ca_file(options)
    try:
        return _context(options, path, os.stat(path).st_mtime_ns)
    except (OSError, ssl.SSLError):
        raise TargetError("a certificate file of this agent cannot be used: is it PEM, and is its key with it?") from None


@lru_cache(maxsize=32)
def _context(options: TlsOptions, ca: str, changed: int) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=ca)
    made.sslsocket_class = TimedTlsSocket
    made.minimum_version = VERSIONS[options.min_version]
    if not options.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if options.certificate:
        made.load_cert_chain(options.certificate, options.key or None, options.passphrase or None)
    return made
