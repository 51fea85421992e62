"""A certificate authority for tests, and listeners that speak TLS with what it issues."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Act = Callable[[socket.socket, threading.Event], None]
DAY = timedelta(days=1)


class Authority:
    """Signs what is asked for. `file` is what clients trust; `days` are counted from now."""

    def __init__(self, folder: Path, name: str = "Test authority", *, above: Authority | None = None, days: float = 90) -> None:
        self.folder, self.name, self._above = folder, name, above
        self.key = ec.generate_private_key(ec.SECP256R1())
        signer = above or self
        builder = _begin(name, signer.name, self.key, days).add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        self.certificate = builder.sign(signer.key, hashes.SHA256())
        self.file = folder / f"{name.replace(' ', '-')}.pem"
        self.file.write_bytes(_pem(self.certificate))

    def issue(self, *hosts: str, days: float = 30, passphrase: str = "", separate_key: bool = False) -> Path:
        """One file with the certificate, those between it and the root, and its key (or the key beside it, as .key)."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([_general(host) for host in hosts or ("127.0.0.1", "localhost")])
        builder = _begin((hosts or ("server",))[0], self.name, key, days).add_extension(names, False)
        whole = _pem(builder.sign(self.key, hashes.SHA256()))
        between: Authority | None = self
        while between is not None and between._above is not None:
            whole += _pem(between.certificate)
            between = between._above
        sealed: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            sealed = serialization.BestAvailableEncryption(passphrase.encode())
        key_pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)
        file = self.folder / f"{x509.random_serial_number()}.pem"
        file.write_bytes(whole if separate_key else whole + key_pem)
        if separate_key:
            file.with_suffix(".key").write_bytes(key_pem)
        return file


def _begin(name: str, issuer: str, key: ec.EllipticCurvePrivateKey, days: float) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 400 * DAY)
        .not_valid_after(now + days * DAY)
    )


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


class SecureListener:
    """TLS on a free loopback port: reads once and says `answer`, or lets `act` treat each connection after its handshake.

    `prelude` speaks before the handshake, in plain. `heard`: what was read; `names`: the server names asked for.
    """

    def __init__(
        self,
        pem: Path,
        *,
        answer: bytes = b"",
        act: Act | None = None,
        client_ca: Path | None = None,
        version: ssl.TLSVersion | None = None,
        prelude: Act | None = None,
    ) -> None:
        self.heard: list[bytes] = []
        self.names: list[str | None] = []
        self.over = threading.Event()
        self._answer, self._act, self._prelude = answer, act or self._say, prelude
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pem)
        self._context.sni_callback = lambda sock, name, context: self.names.append(name)
        if client_ca is not None:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(client_ca)
        if version is not None:
            self._context.maximum_version = version
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.url = f"https://127.0.0.1:{self.port}/"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self.over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _say(self, connection: socket.socket, over: threading.Event) -> None:
        self.heard.append(connection.recv(65536))
        connection.sendall(self._answer)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._socket.accept()
                thread = threading.Thread(target=self._treat, args=[plain])
                self._threads.append(thread)
                thread.start()

    def _treat(self, plain: socket.socket) -> None:
        plain.settimeout(5)
        with plain, suppress(OSError):
            if self._prelude is not None:
                self._prelude(plain, self.over)
            with self._context.wrap_socket(plain, server_side=True) as connection:
                self._act(connection, self.over)
