"""The payment endpoints, as one map. Each: the gateway's ledger and a request in, an answer out."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from probes.sandbox import answers, demo
from probes.sandbox.answers import Answer, Fault
from probes.sandbox.callbacks import CallbackWorker, is_loopback, stk_callback
from probes.sandbox.ledger import Ledger, Push

MSISDN = re.compile(r"254[17]\d{8}", re.ASCII)
TIMESTAMP = re.compile(r"\d{14}", re.ASCII)
NUMBER = re.compile(r"\d{5,12}", re.ASCII)
AMOUNT = re.compile(r"[1-9]\d{0,5}", re.ASCII)
ADDRESS = re.compile(r"https?://[!-~]+")


class Request(NamedTuple):
    """One request, and how late a fault makes its callback."""

    query: str
    authorization: str
    body: bytes
    callback_delay_s: float


class Desk(NamedTuple):
    """What an endpoint works with. `answer_after` is how many seconds a payer takes."""

    ledger: Ledger
    callbacks: CallbackWorker
    report: Callable[[str, int | None], None]
    answer_after: float


class Refused(Exception):
    """The request is answered with an error envelope."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.code)
        self.fault = fault


def generate_token(desk: Desk, request: Request) -> Answer:
    if parse_qs(request.query).get("grant_type") != ["client_credentials"]:
        raise Refused(answers.INVALID_GRANT)
    if not request.authorization.startswith("Basic "):
        raise Refused(answers.INVALID_AUTHENTICATION)
    if _decoded(request.authorization[6:]) != f"{demo.KEY}:{demo.SECRET}":
        return Answer(400)  # wrong keys get an empty body, as at the real gateway
    return answers.as_json({"access_token": desk.ledger.new_token(demo.KEY), "expires_in": "3599"})


def push_stk(desk: Desk, request: Request) -> Answer:
    _need_token(desk, request)
    fields = _fields(request)
    _need_merchant(fields)
    amount = _text(fields, "Amount")
    _need("TransactionType", fields.get("TransactionType") in {"CustomerPayBillOnline", "CustomerBuyGoodsOnline"})
    _need("Amount", AMOUNT.fullmatch(amount))
    _need("PartyA", MSISDN.fullmatch(_text(fields, "PartyA")))
    _need("PartyB", NUMBER.fullmatch(_text(fields, "PartyB")))
    _need("PhoneNumber", MSISDN.fullmatch(_text(fields, "PhoneNumber")))
    _need("CallBackURL", ADDRESS.fullmatch(_text(fields, "CallBackURL")))
    _need("AccountReference", _text(fields, "AccountReference"))
    _need("TransactionDesc", 1 <= len(_text(fields, "TransactionDesc")) <= 13)
    push = desk.ledger.add_push(
        amount=int(amount),
        payer=_text(fields, "PhoneNumber"),
        callback_url=_text(fields, "CallBackURL"),
        result_code="0",
        answer_after=desk.answer_after,
    )
    _schedule_callback(desk, push, request.callback_delay_s)
    return answers.as_json(
        {
            "MerchantRequestID": push.merchant_request_id,
            "CheckoutRequestID": push.checkout_request_id,
            "ResponseCode": "0",
            "ResponseDescription": "Success. Request accepted for processing",
            "CustomerMessage": "Success. Request accepted for processing",
        }
    )


def query_stk(desk: Desk, request: Request) -> Answer:
    _need_token(desk, request)
    fields = _fields(request)
    _need_merchant(fields)
    checkout = _text(fields, "CheckoutRequestID")
    merchant_request, code = _result(desk, checkout)
    return answers.as_json(
        {
            "ResponseCode": "0",
            "ResponseDescription": "The service request has been accepted successfully",
            "MerchantRequestID": merchant_request,
            "CheckoutRequestID": checkout,
            "ResultCode": code,
            "ResultDesc": answers.RESULT_TEXTS.get(code, ""),
        }
    )


Endpoint = Callable[[Desk, Request], Answer]
ENDPOINTS: Mapping[str, tuple[str, Endpoint]] = {
    "/oauth/v1/generate": ("GET", generate_token),
    "/mpesa/stkpush/v1/processrequest": ("POST", push_stk),
    "/mpesa/stkpushquery/v1/query": ("POST", query_stk),
}


def _result(desk: Desk, checkout: str) -> tuple[str, str]:
    """MerchantRequestID and ResultCode; 4999 while the payer has not answered."""
    if checkout in demo.CHECKOUTS:
        return "10000-10000000-1", demo.CHECKOUTS[checkout]
    push = desk.ledger.find_push(checkout)
    if push is None:
        raise Refused(answers.invalid_field("CheckoutRequestID"))
    return push.merchant_request_id, push.result_code if desk.ledger.clock() >= push.answered_at else "4999"


def _schedule_callback(desk: Desk, push: Push, delay_s: float) -> None:
    if is_loopback(push.callback_url):
        desk.callbacks.schedule(url=push.callback_url, body=stk_callback(push), after_s=desk.answer_after + delay_s)
    else:
        desk.report("not sent: only http:// on a loopback address is called", None)


def _need_token(desk: Desk, request: Request) -> None:
    if not request.authorization.startswith("Bearer "):
        raise Refused(answers.INVALID_AUTHENTICATION)
    if not desk.ledger.is_valid(request.authorization[7:].strip()):
        raise Refused(answers.INVALID_TOKEN)


def _fields(request: Request) -> dict[str, Any]:
    try:
        fields = json.loads(request.body)
    except (ValueError, RecursionError):
        raise Refused(answers.INVALID_PAYLOAD) from None
    if not isinstance(fields, dict):
        raise Refused(answers.INVALID_PAYLOAD)
    return fields


def _need_merchant(fields: dict[str, Any]) -> None:
    """The short code is known, and Password is base64(short code + pass key + timestamp)."""
    shortcode, timestamp = _text(fields, "BusinessShortCode"), _text(fields, "Timestamp")
    _need("BusinessShortCode", NUMBER.fullmatch(shortcode))
    _need("Timestamp", TIMESTAMP.fullmatch(timestamp))
    if shortcode != demo.SHORTCODE:
        raise Refused(answers.NO_SUCH_MERCHANT)
    if _decoded(_text(fields, "Password")) != shortcode + demo.PASSKEY + timestamp:
        raise Refused(answers.WRONG_CREDENTIALS)


def _need(name: str, is_right: object) -> None:
    if not is_right:
        raise Refused(answers.invalid_field(name))


def _text(fields: dict[str, Any], name: str) -> str:
    """Numbers may come as numbers or as strings, as at the real gateway."""
    value = fields.get(name)
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
