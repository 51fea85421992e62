"""Small gateways on loopback, each as its provider documents it, for flows to ask. They remember what they were asked."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

Answer = tuple[int, Any]


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "")


@dataclass
class Gateway:
    """A server whose answers `act` gives: (status, JSON value, or bytes that are sent as HTML), and headers it may add."""

    act: Callable[[Asked], Answer]
    asked: list[Asked] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    body = json.loads(raw) if raw else None
                except ValueError:
                    body = raw.decode()
                named = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, named, body)
                gateway.asked.append(asked)
                status, value = gateway.act(asked)
                content = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html" if isinstance(value, bytes) else "application/json")
                self.send_header("Content-Length", str(len(content)))
                for name, one in gateway.headers.items():
                    self.send_header(name, one)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = _any

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def public_api(asked: Asked) -> Answer:
    return (200, {"base": "KES", "rates": {"UGX": 28.4}}) if asked.path == "/v1/latest?base=KES" else (404, {})


def bank(asked: Asked) -> Answer:
    if (asked.method, asked.path) == ("POST", "/v2/sessions"):
        if asked.body.get("key") != "bank-key-1":
            return 401, {"error": "unknown client"}
        return 201, {"session": {"id": "s/1+2"}, "accounts": [{"id": "KE 01/7"}]}
    if asked.header("Authorization") != "Bearer s/1+2":
        return 403, {"error": "no session"}
    if asked.path == "/v2/accounts/KE%2001%2F7/balance":
        return 200, {"currency": "KES", "available": "46713.00"}
    if asked.path == "/v2/accounts/KE%2001%2F7/statements/latest":
        return 200, {"account": "KE 01/7", "lines": []}
    return 404, {"error": "not found"}


def enquiry(asked: Asked) -> Answer:
    if (asked.method, asked.path) == ("POST", "/auth/oauth2/token"):
        wanted = {"client_id": "wallet-key", "client_secret": "wallet-secret", "grant_type": "client_credentials"}
        return (200, {"token_type": "bearer", "access_token": "at-1", "expires_in": 7200}) if asked.body == wanted else (401, {})
    if asked.header("Authorization") != "Bearer at-1" or asked.header("X-Country") != "KE":
        return 401, {"error": "invalid_token"}
    if asked.path == "/standard/v1/payments/status-page-0001":
        return 200, {"data": {"transaction": {"id": "status-page-0001", "status": "TS"}}, "status": {"success": True}}
    return 404, {}


def balance(asked: Asked) -> Answer:
    """A bank that gives tokens by OAuth2 client credentials, in a form with the key in a Basic header."""
    if (asked.method, asked.path) == ("POST", "/oauth2/token"):
        basic = base64.b64encode(b"benki-key:benki-secret").decode()
        wanted = {"grant_type": ["client_credentials"], "scope": ["accounts.read"]}
        known = asked.header("Authorization") == f"Basic {basic}" and parse_qs(asked.body) == wanted
        return (200, {"access_token": "bt-1", "token_type": "Bearer", "expires_in": 3600}) if known else (401, {})
    if asked.header("Authorization") != "Bearer bt-1":
        return 401, {"error": "invalid_token"}
    if asked.path == "/v1/accounts":
        return 200, {"accounts": [{"id": "KE 01/7"}]}
    return (200, {"currency": "KES", "available": 46713.5}) if asked.path == "/v1/accounts/KE%2001%2F7/balance" else (404, {})


def request_to_pay(asked: Asked) -> Answer:
    if asked.header("Ocp-Apim-Subscription-Key") != "mtn-subscription":
        return 401, {"message": "Access denied due to missing subscription key"}
    if (asked.method, asked.path) == ("POST", "/collection/token/"):
        basic = base64.b64encode(b"mtn-user:mtn-password").decode()
        known = asked.header("Authorization") == f"Basic {basic}"
        return (200, {"access_token": "mt-1", "token_type": "access_token", "expires_in": 3600}) if known else (401, {})
    if asked.header("Authorization") != "Bearer mt-1":
        return 401, {}
    if (asked.method, asked.path) == ("POST", "/collection/v1_0/requesttopay"):
        return (202, {}) if asked.header("X-Callback-Url") and asked.header("X-Reference-Id") else (400, {})
    return 404, {}


def cards(asked: Asked) -> Answer:
    basic = base64.b64encode(b"cards-user:cards-password").decode()
    if asked.header("Authorization") != f"Basic {basic}":
        return 401, {"error": {"type": "authentication_error"}}
    if asked.path == "/v1/balance":
        return 200, {"available": [{"amount": 0, "currency": "kes"}]}
    if (asked.method, asked.path) == ("POST", "/v1/charges"):
        return 200, {"id": "ch_1", "status": "succeeded"}
    return (200, {"id": "ch_1", "status": "succeeded"}) if asked.path == "/v1/charges/ch_1" else (404, {})


EXAMPLES: dict[str, Callable[[Asked], Answer]] = {
    "public-api": public_api,
    "bank": bank,
    "enquiry": enquiry,
    "balance": balance,
    "request-to-pay": request_to_pay,
    "cards": cards,
}
SECRETS = {
    "BANK_KEY": "bank-key-1",
    "WALLET_KEY": "wallet-key",
    "WALLET_SECRET": "wallet-secret",
    "BENKI_KEY": "benki-key",
    "BENKI_SECRET": "benki-secret",
    "MTN_USER": "mtn-user",
    "MTN_PASSWORD": "mtn-password",
    "MTN_SUBSCRIPTION": "mtn-subscription",
    "MTN_CALLBACK": "http://127.0.0.1:9/callbacks/0123456789abcdef",
    "CARDS_USER": "cards-user",
    "CARDS_PASSWORD": "cards-password",
}
