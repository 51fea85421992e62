"""A merchant's side of the sandbox: its requests, and the server that hears how they ended."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import requests

from probes.sandbox import demo

if TYPE_CHECKING:
    from tests.probes.conftest import Sandbox

PUSH, QUERY, TOKEN = "/mpesa/stkpush/v1/processrequest", "/mpesa/stkpushquery/v1/query", "/oauth/v1/generate"
STAMP = "20261124120000"
PASSWORD = base64.b64encode(f"{demo.SHORTCODE}{demo.PASSKEY}{STAMP}".encode()).decode()
PAYER = "254708374149"
MERCHANT = {"BusinessShortCode": demo.SHORTCODE, "Password": PASSWORD, "Timestamp": STAMP}
A_PUSH = {
    **MERCHANT,
    "TransactionType": "CustomerPayBillOnline",
    "Amount": 1,
    "PartyA": PAYER,
    "PartyB": demo.SHORTCODE,
    "PhoneNumber": PAYER,
    "CallBackURL": "https://merchant.example/hook",
    "AccountReference": "rent",
    "TransactionDesc": "rent",
}
Start = Callable[..., "Sandbox"]


def get_token(sandbox: Sandbox) -> str:
    answer = sandbox.control("GET", f"{TOKEN}?grant_type=client_credentials", auth=(demo.KEY, demo.SECRET))
    return str(answer.json()["access_token"])


def post(sandbox: Sandbox, path: str, fields: Any, token: str | None = None) -> requests.Response:
    token = token or get_token(sandbox)
    return sandbox.control("POST", path, json=fields, headers={"Authorization": f"Bearer {token}"})


def code_of(answer: requests.Response) -> tuple[int, str, str]:
    body = answer.json()
    assert set(body) == {"requestId", "errorCode", "errorMessage"}
    return answer.status_code, body["errorCode"], body["errorMessage"]


class Merchant:
    """A merchant's server: what it was posted waits in `posted`; it says `answers`."""

    def __init__(self) -> None:
        posted: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        merchant = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                posted.put((self.path, json.loads(body)))
                merchant._at.put((merchant.stamp(), self.path, body))
                self.send_response(200)
                self.send_header("Content-Length", str(len(merchant.answers)))
                self.end_headers()
                self.wfile.write(merchant.answers)

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        self.posted = posted
        self.answers = b""
        self.stamp: Callable[[], float] = time.time
        self._at: SimpleQueue[tuple[float, str, bytes]] = SimpleQueue()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.url = f"{self.base}/hook/planted-token?a=b"

    def heard(self) -> list[tuple[str, Any]]:
        """All that has come so far, in order."""
        found = []
        while not self.posted.empty():
            found.append(self.posted.get())
        return found

    def heard_at(self) -> list[tuple[float, str, bytes]]:
        """The same with the moment it came, by the clock `stamp`, and its bytes."""
        found = []
        while not self._at.empty():
            found.append(self._at.get())
        return found

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
