"""What a merchant's server asks for: C2B, payouts, status, balance, reversal. Accepted at once; the result is posted later."""

from __future__ import annotations

from typing import Any

from probes.sandbox import answers, bodies, demo
from probes.sandbox.answers import Answer
from probes.sandbox.asking import (
    ADDRESS,
    AMOUNT,
    MSISDN,
    NUMBER,
    Desk,
    Endpoint,
    Refused,
    Request,
    call_back,
    fields_of,
    need,
    need_match,
    need_token,
    parsed,
    text,
)
from probes.sandbox.bodies import Conversation
from probes.sandbox.callbacks import is_loopback
from probes.sandbox.ledger import Registered

FORBIDDEN_IN_ADDRESSES = ("mpesa", "exec", "cmd", "sql", "query")
PAYOUTS = {"SalaryPayment", "BusinessPayment", "PromotionPayment"}
BALANCE = "Working Account|KES|46713.00|46713.00|0.00|0.00&Utility Account|KES|49217.00|49217.00|0.00|0.00"


# --- C2B ----------------------------------------------------------------------------------------------


def register_urls(desk: Desk, request: Request) -> Answer:
    need_token(desk, request)
    fields = fields_of(request)
    shortcode = need_match(fields, "ShortCode", NUMBER)
    need("ResponseType", fields.get("ResponseType") in {"Completed", "Cancelled"})
    urls = Registered(
        confirmation_url=_address(fields, "ConfirmationURL"),
        validation_url=_address(fields, "ValidationURL"),
        completes=fields["ResponseType"] == "Completed",
    )
    if shortcode not in demo.SHORTCODES:
        raise Refused(answers.NO_SUCH_MERCHANT)
    if not desk.ledger.register(shortcode, urls):
        raise Refused(answers.ALREADY_REGISTERED)
    return _c2b_acknowledgement(desk)


def _address(fields: dict[str, Any], name: str) -> str:
    url = need_match(fields, name, ADDRESS)
    need(name, not any(word in url.lower() for word in FORBIDDEN_IN_ADDRESSES))
    return url


def simulate_payment(desk: Desk, request: Request, *, is_masked: bool = False) -> Answer:
    need_token(desk, request)
    fields = fields_of(request)
    need("CommandID", fields.get("CommandID") in {"CustomerPayBillOnline", "CustomerBuyGoodsOnline"})
    need_match(fields, "ShortCode", NUMBER)
    need_match(fields, "Amount", AMOUNT)
    need_match(fields, "Msisdn", MSISDN)
    need("BillRefNumber", len(text(fields, "BillRefNumber")) <= 20)
    told = {name: text(fields, name) for name in ("CommandID", "ShortCode", "Amount", "Msisdn", "BillRefNumber")}
    if told["ShortCode"] not in demo.SHORTCODES:
        raise Refused(answers.NO_SUCH_MERCHANT)
    urls = desk.ledger.registered(told["ShortCode"])
    if urls is None:
        desk.report("not sent: this short code has registered no address", None)
    else:
        due = desk.ledger.clock() + desk.answer_after
        body = bodies.confirmation(receipt=desk.ledger.new_receipt(), at=due, fields=told, is_masked=is_masked)
        _validate_and_confirm(desk, request, urls, body)
    return _c2b_acknowledgement(desk)


def simulate_payment_v2(desk: Desk, request: Request) -> Answer:
    return simulate_payment(desk, request, is_masked=True)


def _validate_and_confirm(desk: Desk, request: Request, urls: Registered, body: dict[str, str]) -> None:
    """The merchant is asked first; where nobody answers, what it registered decides."""

    def confirm(status: int | None, answer: bytes) -> None:
        fields = parsed(answer) if status == 200 else None
        accepted = urls.completes if fields is None else str(fields.get("ResultCode", "0")) == "0"
        if accepted:
            call_back(desk, request, url=urls.confirmation_url, body=body, after_s=0)
        else:
            desk.report("not sent: the merchant did not accept the payment", status)

    if is_loopback(urls.validation_url):
        desk.callbacks.schedule(url=urls.validation_url, body=body, after_s=desk.answer_after, then=confirm)
    else:
        confirm(None, b"")


def _c2b_acknowledgement(desk: Desk) -> Answer:
    _, originator = desk.ledger.new_conversation()
    words = "Accept the service request successfully."
    return answers.as_json({"OriginatorCoversationID": originator, "ResponseCode": "0", "ResponseDescription": words})


# --- Asynchronous requests ----------------------------------------------------------------------------


def pay_out(desk: Desk, request: Request) -> Answer:
    need_token(desk, request)
    fields = fields_of(request)
    originator = text(fields, "OriginatorConversationID")
    need("OriginatorConversationID", 1 <= len(originator) <= 60)
    need("CommandID", fields.get("CommandID") in PAYOUTS)
    need_match(fields, "Amount", AMOUNT)
    need_match(fields, "PartyA", NUMBER)
    need_match(fields, "PartyB", MSISDN)
    need("Remarks", 2 <= len(text(fields, "Remarks")) <= 100)
    _need_urls(fields)
    if not desk.ledger.is_new_request(originator):
        raise Refused(answers.DUPLICATE)
    parameters = {"TransactionAmount": int(text(fields, "Amount")), "ReceiverPartyPublicName": f"{text(fields, 'PartyB')} - Asha"}
    return _accept(desk, request, fields, who="InitiatorName", parameters=parameters, originator=originator)


def query_transaction(desk: Desk, request: Request) -> Answer:
    need_token(desk, request)
    fields = fields_of(request)
    need("CommandID", fields.get("CommandID") == "TransactionStatusQuery")
    receipt = text(fields, "TransactionID") or text(fields, "OriginalConversationID")
    need("IdentifierType", text(fields, "IdentifierType") in {"1", "2", "4"})
    need_match(fields, "PartyA", NUMBER)
    _need_urls(fields)
    if not receipt:
        return answers.blank_acknowledgement()  # as the real one does, with 200
    parameters = {
        "ReceiptNo": receipt,
        "DebitPartyName": f"{demo.PAYER} - Asha Mfano",
        "TransactionStatus": "Completed",
        "Amount": 1.0,
        "ReasonType": None,
    }
    return _accept(desk, request, fields, who="Initiator", parameters=parameters)


def query_balance(desk: Desk, request: Request) -> Answer:
    need_token(desk, request)
    fields = fields_of(request)
    need("CommandID", fields.get("CommandID") == "AccountBalance")
    need("IdentifierType", text(fields, "IdentifierType") in {"1", "2", "4"})
    need_match(fields, "PartyA", NUMBER)
    _need_urls(fields)
    return _accept(
        desk, request, fields, who="Initiator", parameters={"AccountBalance": BALANCE, "BOCompletedTime": 20261124120000}
    )


def reverse(desk: Desk, request: Request) -> Answer:
    need_token(desk, request)
    fields = fields_of(request)
    need("CommandID", fields.get("CommandID") == "TransactionReversal")
    need("TransactionID", text(fields, "TransactionID"))
    need_match(fields, "Amount", AMOUNT)
    need_match(fields, "ReceiverParty", NUMBER)
    need("RecieverIdentifierType", text(fields, "RecieverIdentifierType") == "11")
    _need_urls(fields)
    return _accept(desk, request, fields, who="Initiator", parameters={"OriginalTransactionID": text(fields, "TransactionID")})


def _need_urls(fields: dict[str, Any]) -> None:
    for name in ("ResultURL", "QueueTimeOutURL"):
        need_match(fields, name, ADDRESS)


def _accept(
    desk: Desk, request: Request, fields: dict[str, Any], *, who: str, parameters: dict[str, Any], originator: str = ""
) -> Answer:
    """Acknowledge, and post the result later. Who may not ask hears it in the result, not here: as at the real gateway."""
    need(who, text(fields, who))
    need("SecurityCredential", text(fields, "SecurityCredential"))
    conversation_id, made = desk.ledger.new_conversation()
    conversation = Conversation(conversation_id, originator or made, desk.ledger.new_receipt())
    is_known = (text(fields, who), text(fields, "SecurityCredential")) == (demo.INITIATOR, demo.SECURITY_CREDENTIAL)
    code = request.fate.result_code or "0" if is_known else "2001"
    if request.fate.queue_timeout:
        url, body = text(fields, "QueueTimeOutURL"), bodies.queue_timeout(conversation)
    else:
        url, body = text(fields, "ResultURL"), bodies.result(conversation, code, parameters)
    call_back(desk, request, url=url, body=body, after_s=desk.answer_after)
    return answers.as_json(
        {
            "ConversationID": conversation.conversation_id,
            "OriginatorConversationID": conversation.originator_id,
            "ResponseCode": "0",
            "ResponseDescription": "Accept the service request successfully.",
        }
    )


CALLS: dict[str, Endpoint] = {
    "/mpesa/c2b/v1/registerurl": register_urls,
    "/mpesa/c2b/v2/registerurl": register_urls,
    "/mpesa/c2b/v1/simulate": simulate_payment,
    "/mpesa/c2b/v2/simulate": simulate_payment_v2,
    "/mpesa/b2c/v3/paymentrequest": pay_out,
    "/mpesa/transactionstatus/v1/query": query_transaction,
    "/mpesa/accountbalance/v1/query": query_balance,
    "/mpesa/reversal/v1/request": reverse,
}
