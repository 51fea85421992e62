"""The sandbox's TLS port: a certificate authority of its own, a good certificate, and one that has expired."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID_FOR = timedelta(days=30)
DAY = timedelta(days=1)


class Authority:
    """Made at each start; whoever is to trust it reads `pem` (the prober: SSL_CERT_FILE names the file)."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sandbox authority")])
        now = datetime.now(UTC)
        builder = self._begin(self._name, self._key.public_key(), now - 2 * DAY, now + VALID_FOR)
        self._certificate = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(
            self._key, hashes.SHA256()
        )

    @property
    def pem(self) -> bytes:
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def context(self, *, expired: bool) -> ssl.SSLContext:
        """A server's context with a certificate for this machine: good for 30 days, or over since yesterday."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        until = now - DAY if expired else now + VALID_FOR
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        hosts = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), *(x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1"))]
        )
        builder = self._begin(name, key.public_key(), now - 2 * DAY, until).add_extension(hosts, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _load(context, certificate, key)
        return context

    def _begin(self, name: x509.Name, key: ec.EllipticCurvePublicKey, start: datetime, end: datetime) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
        )


def _load(context: ssl.SSLContext, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    """ssl reads files only: one for its owner, gone at once."""
    plain = serialization.NoEncryption()
    key_pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    descriptor, name = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(certificate.public_bytes(serialization.Encoding.PEM) + key_pem)
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()


def wrapper(authority: Authority, is_expired: Callable[[str], bool]) -> Callable[[socket.socket, str], socket.socket]:
    """Shakes hands with the certificate that `is_expired(client)` asks for."""
    contexts = {expired: authority.context(expired=expired) for expired in (False, True)}

    def wrap(connection: socket.socket, client: str) -> socket.socket:
        return contexts[is_expired(client)].wrap_socket(connection, server_side=True)

    return wrap
