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
MALFORMED_TOKEN = Fault(400, "400.003.01", "Invalid Access Token")
EXPIRED_TOKEN = Fault(401, "401.002.01", "Error Occurred - Invalid Access Token")
INVALID_AUTHENTICATION = Fault(404, "404.001.04", "Invalid Authentication Header")
NOT_FOUND = Fault(404, "404.001.01", "Resource not found")
NO_SUCH_CALL = Fault(404, "404.002.01", "Resource not found")  # the API is there, this call of it is not
METHOD_NOT_ALLOWED = Fault(405, "405.001", "Method Not Allowed")
INVALID_PAYLOAD = Fault(400, "400.002.05", "Invalid Request Payload")
INVALID_GRANT = Fault(400, "400.008.02", "Invalid grant type passed")
WRONG_CREDENTIALS = Fault(500, "500.001.1001", "Wrong credentials")
NO_SUCH_MERCHANT = Fault(500, "500.001.1001", "Merchant does not exist")
LOCKED = Fault(500, "500.001.1001", "Unable to lock subscriber, a transaction is already in process for the current subscriber")
PROCESSING = Fault(500, "500.001.1001", "The transaction is being processed")
DUPLICATE = Fault(500, "500.002.1001", "Duplicate OriginatorConversationID")
ALREADY_REGISTERED = Fault(500, "500.003.1001", "Urls are already registered")
BUSY = Fault(500, "500.003.02", "System is busy. Please try again in few minutes.")
QUOTA = Fault(500, "500.003.03", "Quota Violation")
INTERNAL = Fault(500, "500.003.1001", "Internal Server Error")

RESULT_TEXTS = {
    "0": "The service request is processed successfully.",
    "1": "The balance is insufficient for the transaction.",
    "17": "System internal error.",
    "26": "System busy. The service request is rejected.",
    "1001": "Unable to lock subscriber, a transaction is already in process for the current subscriber",
    "1019": "Transaction has expired",
    "1025": "An error occurred while sending a push request",
    "1032": "Request cancelled by user",
    "1036": "SMSC ACK timeout",
    "1037": "DS timeout user cannot be reached",
    "2001": "The initiator information is invalid.",
    "4999": "The transaction is still under processing",
    "9999": "An error occurred while sending a push request",
}
QUEUE_TIMEOUT = "The service request timed out in the queue."


def result_text(code: str) -> str:
    return RESULT_TEXTS.get(code, "")


def invalid_field(name: str) -> Fault:
    return Fault(400, "400.002.02", f"Bad Request - Invalid {name}")


def as_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value, separators=(",", ":")).encode())


def as_html(title: str, words: str, status: int) -> Answer:
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{words}</body></html>"
    return Answer(status, page.encode(), "text/html")


def envelope(fault: Fault, rng: random.Random) -> Answer:
    """The gateway's error shape: requestId, errorCode, errorMessage."""
    request_id = f"{rng.randrange(10_000, 100_000)}-{rng.randrange(10_000_000, 1_000_000_000)}-1"
    return as_json({"requestId": request_id, "errorCode": fault.code, "errorMessage": fault.message}, fault.status)


# --- Answers that are not the gateway's own: of what stands before it and behind it ------------------------


def spike_arrest() -> Answer:
    allowed = "MessageRate{messagesPerPeriod=5, periodInMicroseconds=60000000, maxBurstMessageCount=1.0}"
    return _proxy_fault(429, f"Spike arrest violation. Allowed rate : {allowed}", "policies.ratelimit.SpikeArrestViolation")


def proxy_timeout() -> Answer:
    return _proxy_fault(504, "Gateway Timeout", "messaging.adaptors.http.flow.GatewayTimeout")


def _proxy_fault(status: int, words: str, code: str) -> Answer:
    return as_json({"fault": {"faultstring": words, "detail": {"errorcode": code}}}, status)


def soap_fault() -> Answer:
    """A service behind the gateway failed, and its SOAP came through as JSON."""
    words = "Execution of ServiceCallout SC-SearchURL failed. Reason: ResponseCode 503 is treated as error"
    fault = {"faultcode": "soap:Server", "faultstring": words, "detail": {"source": {"errorcode": "steps.servicecallout"}}}
    return as_json({"Envelope": {"Body": {"Fault": fault}}}, 500)


def firewall_page(rng: random.Random) -> Answer:
    incident = f"{rng.randrange(10**17, 10**18)}-{rng.randrange(1000, 10_000)}"
    return as_html("Request unsuccessful", f"Request unsuccessful. Incapsula incident ID: {incident}", 503)


def blank_acknowledgement() -> Answer:
    names = ("MerchantRequestID", "CheckoutRequestID", "ConversationID", "OriginatorConversationID", "ResponseCode")
    return as_json(dict.fromkeys((*names, "ResponseDescription", "CustomerMessage"), ""))
