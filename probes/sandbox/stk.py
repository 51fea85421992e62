"""Tokens, STK push and its query, and the QR code of a shop."""

from __future__ import annotations

import base64
import struct
import zlib
from urllib.parse import parse_qs

from probes.sandbox import answers, demo
from probes.sandbox.answers import Answer
from probes.sandbox.asking import (
    ADDRESS,
    AMOUNT,
    MSISDN,
    NUMBER,
    Desk,
    Refused,
    Request,
    call_back,
    decoded,
    fields_of,
    need,
    need_match,
    need_merchant,
    need_token,
    text,
)
from probes.sandbox.bodies import stk_callback

QR_CODES = {"BG", "WA", "PB", "SM", "SB"}


def generate_token(desk: Desk, request: Request) -> Answer:
    if parse_qs(request.query).get("grant_type") != ["client_credentials"]:
        raise Refused(answers.INVALID_GRANT)
    if not request.authorization.startswith("Basic "):
        raise Refused(answers.INVALID_AUTHENTICATION)
    if decoded(request.authorization[6:]) != f"{demo.KEY}:{demo.SECRET}":
        return Answer(400)  # wrong keys get an empty body, as at the real gateway
    return answers.as_json({"access_token": desk.ledger.new_token(demo.KEY), "expires_in": "3599"})


def push_stk(desk: Desk, request: Request) -> Answer:
    need_token(desk, request)
    fields = fields_of(request)
    need_merchant(fields)
    need("TransactionType", fields.get("TransactionType") in {"CustomerPayBillOnline", "CustomerBuyGoodsOnline"})
    amount = need_match(fields, "Amount", AMOUNT)
    need_match(fields, "PartyA", MSISDN)
    need_match(fields, "PartyB", NUMBER)
    payer = need_match(fields, "PhoneNumber", MSISDN)
    url = need_match(fields, "CallBackURL", ADDRESS)
    need("AccountReference", text(fields, "AccountReference"))
    need("TransactionDesc", 1 <= len(text(fields, "TransactionDesc")) <= 13)
    push = desk.ledger.add_push(
        amount=int(amount),
        payer=payer,
        callback_url=url,
        result_code=request.fate.result_code or "0",
        answer_after=desk.answer_after,
    )
    if push is None:
        raise Refused(answers.LOCKED)
    call_back(desk, request, url=url, body=stk_callback(push), after_s=desk.answer_after)
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
    need_token(desk, request)
    fields = fields_of(request)
    need_merchant(fields)
    checkout = text(fields, "CheckoutRequestID")
    merchant_request, code = _result(desk, checkout)
    code = request.fate.query_result or code
    return answers.as_json(
        {
            "ResponseCode": "0",
            "ResponseDescription": "The service request has been accepted successfully",
            "MerchantRequestID": merchant_request,
            "CheckoutRequestID": checkout,
            "ResultCode": code,
            "ResultDesc": answers.result_text(code),
        }
    )


def _result(desk: Desk, checkout: str) -> tuple[str, str]:
    """MerchantRequestID and ResultCode; 4999 while the payer has not answered."""
    if checkout == demo.PROCESSING:
        raise Refused(answers.PROCESSING)
    if checkout in demo.CHECKOUTS:
        return "10000-10000000-1", demo.CHECKOUTS[checkout]
    push = desk.ledger.find_push(checkout)
    if push is None:
        raise Refused(answers.invalid_field("CheckoutRequestID"))
    return push.merchant_request_id, push.result_code if desk.ledger.clock() >= push.answered_at else "4999"


def generate_qr(desk: Desk, request: Request) -> Answer:
    need_token(desk, request)
    fields = fields_of(request)
    need("MerchantName", text(fields, "MerchantName"))
    need("RefNo", text(fields, "RefNo"))
    need_match(fields, "Amount", AMOUNT)
    need("TrxCode", fields.get("TrxCode") in QR_CODES)
    need("CPI", text(fields, "CPI"))
    need("Size", text(fields, "Size").isdecimal())
    _, request_id = desk.ledger.new_conversation()
    return answers.as_json(
        {
            "ResponseCode": "00",
            "RequestID": request_id,
            "ResponseDescription": "QR Code Successfully Generated.",
            "QRCode": base64.b64encode(_PICTURE).decode(),
        }
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


# A picture of one black point: a whole PNG, though no phone will read a shop from it.
_PICTURE = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\x00\x00"))
    + _chunk(b"IEND", b"")
)
