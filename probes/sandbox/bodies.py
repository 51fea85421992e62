"""The bodies that the gateway posts to merchants. The misspellings are the real gateway's."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from probes.sandbox.answers import QUEUE_TIMEOUT, result_text
from probes.sandbox.ledger import NAIROBI, Push


class Conversation(NamedTuple):
    """One asynchronous request: its two ids, and the receipt of the transaction it makes."""

    conversation_id: str
    originator_id: str
    receipt: str


def stk_callback(push: Push) -> dict[str, Any]:
    """The body of an STK callback; only a success carries the metadata."""
    callback: dict[str, Any] = {
        "MerchantRequestID": push.merchant_request_id,
        "CheckoutRequestID": push.checkout_request_id,
        "ResultCode": int(push.result_code),
        "ResultDesc": result_text(push.result_code),
    }
    if push.result_code == "0":
        callback["CallbackMetadata"] = {
            "Item": [
                {"Name": "Amount", "Value": float(push.amount)},
                {"Name": "MpesaReceiptNumber", "Value": push.receipt},
                {"Name": "Balance"},
                {"Name": "TransactionDate", "Value": int(_digits(push.answered_at))},
                {"Name": "PhoneNumber", "Value": int(push.payer)},
            ]
        }
    return {"Body": {"stkCallback": callback}}


def result(conversation: Conversation, code: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The result of an asynchronous request; only a success carries parameters."""
    body: dict[str, Any] = {
        "ResultType": 0,
        "ResultCode": int(code),
        "ResultDesc": result_text(code),
        "OriginatorConversationID": conversation.originator_id,
        "ConversationID": conversation.conversation_id,
        "TransactionID": conversation.receipt,
        "ReferenceData": {"ReferenceItem": {"Key": "Occasion"}},
    }
    if code == "0":
        listed = [{"Key": key, "Value": value} if value is not None else {"Key": key} for key, value in parameters.items()]
        body["ResultParameters"] = {"ResultParameter": listed}
    return {"Result": body}


def queue_timeout(conversation: Conversation) -> dict[str, Any]:
    """What goes to the QueueTimeOutURL in place of a result."""
    return {
        "Result": {
            "ResultType": 1,
            "ResultCode": "1",  # a string here: codes come in both forms
            "ResultDesc": QUEUE_TIMEOUT,
            "OriginatorConversationID": conversation.originator_id,
            "ConversationID": conversation.conversation_id,
            "TransactionID": conversation.receipt,
        }
    }


def confirmation(*, receipt: str, at: float, fields: dict[str, str], is_masked: bool) -> dict[str, str]:
    """A customer's payment, as a merchant is asked to accept it (validation) and told of it (confirmation)."""
    payer = fields["Msisdn"]
    return {
        "TransactionType": "Buy Goods" if fields["CommandID"] == "CustomerBuyGoodsOnline" else "Pay Bill",
        "TransID": receipt,
        "TransTime": _digits(at),
        "TransAmount": f"{int(fields['Amount'])}.00",
        "BusinessShortCode": fields["ShortCode"],
        "BillRefNumber": fields["BillRefNumber"],
        "InvoiceNumber": "",
        "OrgAccountBalance": "49197.00",
        "ThirdPartyTransID": "",
        "MSISDN": f"{payer[:4]} ***** {payer[-3:]}" if is_masked else payer,
        "FirstName": "Asha",
        "MiddleName": "",
        "LastName": "Mfano",
    }


def _digits(epoch: float) -> str:
    return f"{datetime.fromtimestamp(epoch, NAIROBI):%Y%m%d%H%M%S}"
