"""What the gateway says: acknowledgements, error envelopes, and the texts that go with result codes."""

from __future__ import annotations

import json
import random
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """One HTTP answer, whole."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"


class Fault(NamedTuple):
    """An error envelope waiting for its request id."""

    status: int
    code: str
    message: str


INVALID_TOKEN = Fault(404, "404.001.03", "Invalid Access Token")
INVALID_AUTHENTICATION = Fault(404, "404.001.04", "Invalid Authentication Header")
NOT_FOUND = Fault(404, "404.001.01", "Resource not found")
METHOD_NOT_ALLOWED = Fault(405, "405.001", "Method Not Allowed")
INVALID_PAYLOAD = Fault(400, "400.002.05", "Invalid Request Payload")
INVALID_GRANT = Fault(400, "400.008.02", "Invalid grant type passed")
WRONG_CREDENTIALS = Fault(500, "500.001.1001", "Wrong credentials")
NO_SUCH_MERCHANT = Fault(500, "500.001.1001", "Merchant does not exist")
BUSY = Fault(500, "500.003.02", "System is busy. Please try again in few minutes.")

RESULT_TEXTS = {
    "0": "The service request is processed successfully.",
    "1": "The balance is insufficient for the transaction.",
    "1032": "Request cancelled by user",
    "1037": "DS timeout user cannot be reached",
    "4999": "The transaction is still under processing",
}


def invalid_field(name: str) -> Fault:
    return Fault(400, "400.002.02", f"Bad Request - Invalid {name}")


def as_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value, separators=(",", ":")).encode())


def envelope(fault: Fault, rng: random.Random) -> Answer:
    """The gateway's error shape: requestId, errorCode, errorMessage."""
    request_id = f"{rng.randrange(10_000, 100_000)}-{rng.randrange(10_000_000, 1_000_000_000)}-1"
    return as_json({"requestId": request_id, "errorCode": fault.code, "errorMessage": fault.message}, fault.status)
