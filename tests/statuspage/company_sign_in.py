"""A desk that signs in by a company's provider, and a real OpenID provider on this machine, in one process of their own.

Run with HALI_DATA_DIR set to an empty folder. Says as one JSON object what became of each person. The desk reads its settings
from the environment, as in production, so this cannot happen inside a test's process.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import socket
import ssl
import sys
import threading
import warnings
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

FOLDER = Path(os.environ["HALI_DATA_DIR"])
PEOPLE = {
    "known": {"email": "amina@desk.example", "email_verified": True},
    "unverified": {"email": "amina@desk.example", "email_verified": False},
    "stranger": {"email": "stranger@desk.example", "email_verified": True},
}


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


def certificate() -> Path:
    """For localhost, signed by itself; what asks the provider trusts it and nothing else."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = FOLDER / "provider.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def start_provider(pem: Path) -> str:
    """Its address."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, about its own
        from oidc_provider_mock import User, app  # type: ignore[import-untyped]

        provider = app(user_claims=[User(sub=sub, claims=claims) for sub, claims in PEOPLE.items()])
    server = make_server("127.0.0.1", 0, provider, handler_class=Quiet)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.base_environ["HTTPS"] = "on"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"https://localhost:{server.server_port}"


def sign_in(sub: str) -> dict[str, object]:
    """As a browser goes: the button, the provider's page, back to the desk."""
    import requests
    from django.test import Client

    desk = Client()
    to_provider = desk.post("/accounts/oidc/company/login/", secure=True)["Location"]
    answered = requests.post(to_provider, data={"sub": sub}, allow_redirects=False, timeout=10)
    back = answered.headers["Location"].partition("://")[2].partition("/")[2]
    landed = desk.get(f"/{back}", secure=True)
    return {
        "asks": sorted(part.partition("=")[0] for part in to_provider.partition("?")[2].split("&")),
        "lands": landed.headers.get("Location", str(landed.status_code)),
        "is": desk.session.get("_auth_user_id", ""),
        "desk": desk.get("/admin/", secure=True).headers.get("Location", "open"),
    }


def main() -> None:
    pem = certificate()
    os.environ["REQUESTS_CA_BUNDLE"] = str(pem)
    issuer = start_provider(pem)
    os.environ |= {
        "HALI_OIDC": f"{issuer} desk The company",
        "HALI_OIDC_SECRET": "s3cret",
        "HALI_DEMO": "false",
        "SECRET_KEY": "x" * 50,
        "DJANGO_SETTINGS_MODULE": "statuspage.settings",
        "ALLOWED_HOSTS": "testserver",
        "HALI_LOG_LEVEL": "ERROR",
    }
    import django
    from django.apps import apps
    from django.conf import settings
    from django.core.management import call_command

    django.setup()
    settings.MIGRATION_MODULES = {app.label: None for app in apps.get_app_configs()}  # tables at once, in a fifth of the time
    call_command("migrate", run_syncdb=True, verbosity=0)
    from django.contrib.auth.models import User

    amina = User.objects.create_user("amina", "amina@desk.example", is_staff=True)
    sys.stdout.write(json.dumps({"amina": str(amina.pk), **{sub: sign_in(sub) for sub in PEOPLE}}))


if __name__ == "__main__":
    socket.setdefaulttimeout(20)
    main()
