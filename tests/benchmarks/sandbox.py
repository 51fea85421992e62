"""`make bench-sandbox`: how many STK queries a second one core of the sandbox answers, a new connection each."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time

from probes.sandbox import demo
from tests.copies import ROOT

REQUESTS = 3000
LIMIT = 500.0  # a second
STAMP = "20261124120000"


def ask(port: int, method: str, path: str, authorization: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def main() -> int:
    cores = sorted(os.sched_getaffinity(0))
    process = subprocess.Popen(
        [sys.executable, "-m", "probes.sandbox", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        os.sched_setaffinity(process.pid, {cores[0]})  # one core for it, the others for us
        os.sched_setaffinity(0, set(cores[1:]) or {cores[0]})
        assert process.stdout is not None
        port = int(process.stdout.readline().split("127.0.0.1:")[1].split(",")[0])
        basic = base64.b64encode(f"{demo.KEY}:{demo.SECRET}".encode()).decode()
        answer = ask(port, "GET", "/oauth/v1/generate?grant_type=client_credentials", f"Basic {basic}")
        token = json.loads(answer.partition(b"\r\n\r\n")[2])["access_token"]
        password = base64.b64encode(f"{demo.SHORTCODE}{demo.PASSKEY}{STAMP}".encode()).decode()
        fields = {"BusinessShortCode": demo.SHORTCODE, "Password": password, "Timestamp": STAMP, "CheckoutRequestID": demo.PAID}
        body = json.dumps(fields).encode()
        began = time.monotonic()
        for _ in range(REQUESTS):
            assert b'"ResultCode":"0"' in ask(port, "POST", "/mpesa/stkpushquery/v1/query", f"Bearer {token}", body)
        rate = REQUESTS / (time.monotonic() - began)
    finally:
        process.terminate()
        process.wait()
    print(f"BAR sandbox_rate {rate:.0f} req/s need >={LIMIT:.0f} {'PASS' if rate >= LIMIT else 'SHORT'}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
