"""The callback worker: posts results to the merchant's address when they are due, to loopback addresses only."""

from __future__ import annotations

import heapq
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from probes.sandbox.answers import RESULT_TEXTS
from probes.sandbox.ledger import NAIROBI, Push

WAITING_AT_MOST = 10_000
POST_SECONDS = 5.0


def is_loopback(url: str) -> bool:
    """Whether `url` is http:// on this machine by its literal address; names other than localhost are not looked up."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return parts.scheme == "http" and host is not None and (host in {"localhost", "::1"} or _is_127(host))


def _is_127(host: str) -> bool:
    try:
        return socket.inet_pton(socket.AF_INET, host)[0] == 127
    except OSError:
        return False


def stk_callback(push: Push) -> dict[str, Any]:
    """The body of an STK callback; only a success carries the metadata."""
    callback: dict[str, Any] = {
        "MerchantRequestID": push.merchant_request_id,
        "CheckoutRequestID": push.checkout_request_id,
        "ResultCode": int(push.result_code),
        "ResultDesc": RESULT_TEXTS.get(push.result_code, ""),
    }
    if push.result_code == "0":
        when = datetime.fromtimestamp(push.answered_at, NAIROBI)
        callback["CallbackMetadata"] = {
            "Item": [
                {"Name": "Amount", "Value": float(push.amount)},
                {"Name": "MpesaReceiptNumber", "Value": push.receipt},
                {"Name": "Balance"},
                {"Name": "TransactionDate", "Value": int(f"{when:%Y%m%d%H%M%S}")},
                {"Name": "PhoneNumber", "Value": int(push.payer)},
            ]
        }
    return {"Body": {"stkCallback": callback}}


class CallbackWorker:
    """One thread, started with the first callback. `report(what, status)` gets "sent" or "failed" and the receiver's status."""

    def __init__(self, report: Callable[[str, int | None], None]) -> None:
        self._report = report
        self._due: list[tuple[float, int, str, bytes]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def schedule(self, *, url: str, body: dict[str, Any], after_s: float) -> None:
        """Post `body` to `url` in `after_s` seconds. When too many wait, the new one is dropped and reported."""
        with self._changed:
            if len(self._due) >= WAITING_AT_MOST:
                self._report("dropped", None)
                return
            heapq.heappush(self._due, (time.monotonic() + after_s, next(self._order), url, json.dumps(body).encode()))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="callbacks", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            url, body = self._next()
            try:
                self._report("sent", _post(url, body))
            except (OSError, ValueError):
                self._report("failed", None)

    def _next(self) -> tuple[str, bytes]:
        with self._changed:
            while not self._due or self._due[0][0] > time.monotonic():
                self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
            _, _, url, body = heapq.heappop(self._due)
            return url, body


def _post(url: str, body: bytes) -> int:
    """A POST by hand: http.client would load ssl and the mail parser, half as much memory again as the whole sandbox."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.hostname or "127.0.0.1"
    head = (
        f"POST {target} HTTP/1.1\r\nHost: {host}:{parts.port or 80}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((host, parts.port or 80), timeout=POST_SECONDS) as connection:
        connection.sendall(head.encode("ascii") + body)
        words = connection.makefile("rb").readline(1000).split()
    if len(words) < 2:
        raise OSError("no status line")
    return int(words[1])
