"""The asynchronous calls of the sandbox: accepted at once, their results posted later, or not."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from probes.sandbox import demo
from tests.probes.conftest import Sandbox
from tests.probes.merchant import A_PUSH, MERCHANT, PAYER, PUSH, QUERY, Merchant, Start, code_of, post

STATUS, BALANCE = "/mpesa/transactionstatus/v1/query", "/mpesa/accountbalance/v1/query"
REVERSAL, PAYOUT = "/mpesa/reversal/v1/request", "/mpesa/b2c/v3/paymentrequest"
REGISTER, SIMULATE, SIMULATE_V2 = "/mpesa/c2b/v2/registerurl", "/mpesa/c2b/v1/simulate", "/mpesa/c2b/v2/simulate"
QR = "/mpesa/qrcode/v1/generate"

US = {"Initiator": demo.INITIATOR, "SecurityCredential": demo.SECURITY_CREDENTIAL, "Remarks": "probe", "Occasion": ""}
URLS = {"ResultURL": "http://127.0.0.1:9/result", "QueueTimeOutURL": "http://127.0.0.1:9/late"}
CALLS: dict[str, dict[str, Any]] = {
    STATUS: {
        **US, **URLS, "CommandID": "TransactionStatusQuery", "TransactionID": demo.RECEIPT, "PartyA": demo.SHORTCODE,
        "IdentifierType": "4",
    },
    BALANCE: {**US, **URLS, "CommandID": "AccountBalance", "PartyA": demo.SHORTCODE, "IdentifierType": 4},
    REVERSAL: {
        **US, **URLS, "CommandID": "TransactionReversal", "TransactionID": "NLJ7RT61SV", "Amount": 1,
        "ReceiverParty": demo.SHORTCODE, "RecieverIdentifierType": "11",
    },
    PAYOUT: {
        **URLS, "OriginatorConversationID": "one", "InitiatorName": demo.INITIATOR, "CommandID": "BusinessPayment", "Amount": 10,
        "SecurityCredential": demo.SECURITY_CREDENTIAL, "PartyA": demo.SHORTCODE, "PartyB": PAYER, "Remarks": "pay",
    },
}  # fmt: skip
A_REGISTRATION = {
    "ShortCode": demo.SHORTCODE,
    "ResponseType": "Completed",
    "ConfirmationURL": "http://127.0.0.1:9/c",
    "ValidationURL": "http://127.0.0.1:9/v",
}
A_PAYMENT = {
    "ShortCode": demo.SHORTCODE,
    "CommandID": "CustomerPayBillOnline",
    "Amount": 1,
    "Msisdn": PAYER,
    "BillRefNumber": "rent",
}
A_QR = {"MerchantName": "Duka", "RefNo": "r1", "Amount": 1, "TrxCode": "BG", "CPI": demo.SHORTCODE, "Size": "300"}


@pytest.fixture
def by_hand(start_sandbox: Start) -> Sandbox:
    return start_sandbox(by_hand=True)


def at(merchant: Merchant, call: dict[str, Any]) -> dict[str, Any]:
    return {**call, "ResultURL": f"{merchant.base}/result", "QueueTimeOutURL": f"{merchant.base}/late"}


def register(sandbox: Sandbox, merchant: Merchant, response_type: str = "Completed") -> None:
    urls = {"ConfirmationURL": f"{merchant.base}/c", "ValidationURL": f"{merchant.base}/v"}
    assert post(sandbox, REGISTER, {**A_REGISTRATION, **urls, "ResponseType": response_type}).ok


# --- Acknowledged, then posted ---------------------------------------------------------------------


@pytest.mark.parametrize("path", CALLS)
def test_an_asynchronous_call_is_acknowledged_and_its_result_is_posted_when_due(
    by_hand: Sandbox, merchant: Merchant, path: str
) -> None:
    said = post(by_hand, path, at(merchant, CALLS[path])).json()
    assert (said["ResponseCode"], said["ResponseDescription"]) == ("0", "Accept the service request successfully.")
    assert said["ConversationID"].startswith("AG_")
    by_hand.pass_time(1.9)
    assert merchant.heard() == []
    by_hand.pass_time(0.2)
    [(where, body)] = merchant.heard()
    assert where == "/result"
    assert (body["Result"]["ResultCode"], body["Result"]["ConversationID"]) == (0, said["ConversationID"])
    assert body["Result"]["ResultParameters"]["ResultParameter"]


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        (STATUS, "CommandID", "AccountBalance"),
        (STATUS, "IdentifierType", "3"),
        (STATUS, "PartyA", ""),
        (STATUS, "ResultURL", "nowhere"),
        (STATUS, "Initiator", ""),
        (STATUS, "SecurityCredential", None),
        (BALANCE, "CommandID", None),
        (BALANCE, "QueueTimeOutURL", ""),
        (REVERSAL, "RecieverIdentifierType", "4"),
        (REVERSAL, "TransactionID", ""),
        (PAYOUT, "CommandID", "Gift"),
        (PAYOUT, "PartyB", "0708374149"),
        (PAYOUT, "Remarks", "x"),
        (PAYOUT, "OriginatorConversationID", ""),
        (PAYOUT, "InitiatorName", ""),
    ],
)
def test_an_asynchronous_call_with_a_wrong_field_names_it(sandbox: Sandbox, path: str, field: str, value: Any) -> None:
    answer = post(sandbox, path, {**CALLS[path], field: value})
    assert code_of(answer) == (400, "400.002.02", f"Bad Request - Invalid {field}")


def test_a_status_query_without_a_receipt_gets_200_with_blank_fields(sandbox: Sandbox) -> None:
    answer = post(sandbox, STATUS, {**CALLS[STATUS], "TransactionID": ""})
    assert answer.status_code == 200
    assert not any(answer.json().values())


def test_who_may_not_ask_hears_it_in_the_result(by_hand: Sandbox, merchant: Merchant) -> None:
    assert post(by_hand, STATUS, {**at(merchant, CALLS[STATUS]), "Initiator": "nobody"}).json()["ResponseCode"] == "0"
    by_hand.pass_time(2)
    [(_, body)] = merchant.heard()
    assert body["Result"]["ResultCode"] == 2001
    assert "ResultParameters" not in body["Result"]


def test_a_payout_with_a_used_id_is_a_duplicate(sandbox: Sandbox) -> None:
    assert post(sandbox, PAYOUT, CALLS[PAYOUT]).ok
    assert code_of(post(sandbox, PAYOUT, CALLS[PAYOUT])) == (500, "500.002.1001", "Duplicate OriginatorConversationID")


def test_a_phone_with_an_open_prompt_takes_no_second_one(start_sandbox: Start) -> None:
    sandbox = start_sandbox(answer_after=60.0)
    assert post(sandbox, PUSH, A_PUSH).ok
    status, code, words = code_of(post(sandbox, PUSH, A_PUSH))
    assert (status, code) == (500, "500.001.1001")
    assert words.startswith("Unable to lock subscriber")
    sandbox.clock.now += 60
    assert post(sandbox, PUSH, A_PUSH).ok


def test_one_well_known_request_is_always_being_processed(sandbox: Sandbox) -> None:
    answer = post(sandbox, QUERY, {**MERCHANT, "CheckoutRequestID": demo.PROCESSING})
    assert code_of(answer) == (500, "500.001.1001", "The transaction is being processed")


def test_a_qr_code_is_a_picture(sandbox: Sandbox) -> None:
    said = post(sandbox, QR, A_QR).json()
    assert said["ResponseCode"] == "00"
    assert base64.b64decode(said["QRCode"]).startswith(b"\x89PNG\r\n\x1a\n")
    assert code_of(post(sandbox, QR, {**A_QR, "TrxCode": "XX"})) == (400, "400.002.02", "Bad Request - Invalid TrxCode")


# --- C2B ----------------------------------------------------------------------------------------------


def test_a_payment_is_validated_and_then_confirmed(by_hand: Sandbox, merchant: Merchant) -> None:
    register(by_hand, merchant)
    said = post(by_hand, SIMULATE, A_PAYMENT).json()
    assert set(said) == {"OriginatorCoversationID", "ResponseCode", "ResponseDescription"}
    by_hand.pass_time(2)
    (asked, validation), (told, confirmation) = merchant.heard()
    assert (asked, told) == ("/v", "/c")
    assert validation == confirmation
    assert (confirmation["TransactionType"], confirmation["TransAmount"]) == ("Pay Bill", "1.00")
    assert (confirmation["BillRefNumber"], confirmation["MSISDN"]) == ("rent", PAYER)


def test_the_second_version_masks_the_payer(by_hand: Sandbox, merchant: Merchant) -> None:
    register(by_hand, merchant)
    post(by_hand, SIMULATE_V2, A_PAYMENT)
    by_hand.pass_time(2)
    assert [body["MSISDN"] for _, body in merchant.heard()] == ["2547 ***** 149"] * 2


def test_a_payment_the_merchant_rejects_is_not_confirmed(by_hand: Sandbox, merchant: Merchant) -> None:
    register(by_hand, merchant)
    merchant.answers = b'{"ResultCode": "C2B00011", "ResultDesc": "Rejected"}'
    post(by_hand, SIMULATE, A_PAYMENT)
    by_hand.pass_time(2)
    assert [where for where, _ in merchant.heard()] == ["/v"]


@pytest.mark.parametrize(("response_type", "confirmed"), [("Completed", True), ("Cancelled", False)])
def test_what_was_registered_decides_where_nobody_validates(
    by_hand: Sandbox, merchant: Merchant, response_type: str, confirmed: bool
) -> None:
    urls = {"ConfirmationURL": f"{merchant.base}/c", "ValidationURL": "https://merchant.example/v"}
    assert post(by_hand, REGISTER, {**A_REGISTRATION, **urls, "ResponseType": response_type}).ok
    post(by_hand, SIMULATE, A_PAYMENT)
    by_hand.pass_time(2)
    assert ([where for where, _ in merchant.heard()] == ["/c"]) is confirmed


def test_addresses_are_registered_once(sandbox: Sandbox) -> None:
    assert post(sandbox, REGISTER, A_REGISTRATION).ok
    assert post(sandbox, REGISTER, A_REGISTRATION).ok
    other = {**A_REGISTRATION, "ConfirmationURL": "http://127.0.0.1:9/other"}
    assert code_of(post(sandbox, REGISTER, other)) == (500, "500.003.1001", "Urls are already registered")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ResponseType", "completed"),
        ("ConfirmationURL", "https://merchant.example/query"),
        ("ValidationURL", "https://merchant.example/SQL"),
        ("ShortCode", "x"),
    ],
)
def test_a_registration_with_a_wrong_field_names_it(sandbox: Sandbox, field: str, value: str) -> None:
    answer = post(sandbox, REGISTER, {**A_REGISTRATION, field: value})
    assert code_of(answer) == (400, "400.002.02", f"Bad Request - Invalid {field}")


def test_a_payment_to_an_unknown_short_code_is_refused(sandbox: Sandbox) -> None:
    answer = post(sandbox, SIMULATE, {**A_PAYMENT, "ShortCode": "600000"})
    assert code_of(answer) == (500, "500.001.1001", "Merchant does not exist")


# --- What faults do to callbacks -----------------------------------------------------------------------


def results(sandbox: Sandbox, merchant: Merchant, count: int, until: float) -> list[tuple[str, Any, str]]:
    """Ask for the balance `count` times; what was posted by then: where, code, and whose turn it was."""
    turns = {}
    for turn in range(count):
        turns[post(sandbox, BALANCE, at(merchant, CALLS[BALANCE])).json()["ConversationID"]] = f"{turn}"
    sandbox.pass_time(until)
    return [(where, body["Result"]["ResultCode"], turns[body["Result"]["ConversationID"]]) for where, body in merchant.heard()]


def test_a_dropped_callback_never_comes(by_hand: Sandbox, merchant: Merchant) -> None:
    by_hand.fault("callback_drop")
    assert results(by_hand, merchant, 2, 90_000) == []


def test_a_duplicated_callback_comes_again_after_the_gap(by_hand: Sandbox, merchant: Merchant) -> None:
    by_hand.fault("callback_duplicate", copies=2, gap_s=60)
    assert len(results(by_hand, merchant, 1, 61)) == 1
    by_hand.pass_time(1)
    assert len(merchant.heard()) == 1
    by_hand.pass_time(60)
    assert len(merchant.heard()) == 1


def test_reordered_callbacks_overtake_each_other(by_hand: Sandbox, merchant: Merchant) -> None:
    by_hand.fault("callback_reorder", path=BALANCE, held_s=30)
    assert [turn for _, _, turn in results(by_hand, merchant, 4, 60)] == ["1", "3", "0", "2"]


def test_a_queue_timeout_goes_to_its_own_address_with_a_code_in_letters(by_hand: Sandbox, merchant: Merchant) -> None:
    by_hand.fault("queue_timeout")
    assert results(by_hand, merchant, 1, 2) == [("/late", "1", "0")]


def test_a_mix_of_results_has_its_shares(by_hand: Sandbox, merchant: Merchant) -> None:
    by_hand.fault("result_mix", codes={"0": 0.5, "1037": 0.5})
    codes = [code for _, code, _ in results(by_hand, merchant, 60, 2)]
    assert set(codes) == {0, 1037}
    assert 15 <= codes.count(0) <= 45


def test_a_fault_may_strike_one_short_code_only(by_hand: Sandbox, merchant: Merchant) -> None:
    by_hand.fault("callback_drop", path="/mpesa/c2b/*", shortcode=demo.ELECTRICITY)
    for shortcode in demo.SHORTCODES:
        urls = {"ConfirmationURL": f"{merchant.base}/{shortcode}", "ValidationURL": f"{merchant.base}/v"}
        assert post(by_hand, REGISTER, {**A_REGISTRATION, **urls, "ShortCode": shortcode}).ok
        assert post(by_hand, SIMULATE, {**A_PAYMENT, "ShortCode": shortcode}).ok
    by_hand.pass_time(2)
    assert [where for where, _ in merchant.heard() if where != "/v"] == [f"/{demo.SHORTCODE}"]


def test_a_fault_may_strike_one_address_only(sandbox: Sandbox) -> None:
    sandbox.fault("empty_500", client="127.0.0.2")
    assert sandbox.control("POST", QUERY).status_code == 404
    sandbox.fault("empty_500", client="127.0.0.*")
    assert sandbox.control("POST", QUERY).status_code == 500
