"""Pure: what a mail to our return address says: a delivery status (RFC 3464), a complaint (RFC 5965), a wish to leave."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, message_from_string, policy
from email.message import Message
from enum import StrEnum
from typing import Any

READ_AT_MOST = 256 * 1024  # octets of one mail


class Kind(StrEnum):
    HARD = "hard"  # there is no such mailbox
    SOFT = "soft"  # it is full, or asleep: nothing follows
    COMPLAINT = "complaint"
    LEAVE = "leave"  # a mail to the List-Unsubscribe address


@dataclass(frozen=True, slots=True)
class Report:
    """What a mail to our return address says. One of `address` and `token` names whom; "" where it cannot be told."""

    kind: Kind
    address: str = ""
    token: str = ""


_TOKEN = re.compile(r"unsub\+([A-Za-z0-9._=-]{20,90})@", re.IGNORECASE)
# Enhanced status codes (RFC 3463) that say that the mailbox is not there, or is closed for good.
_NO_MAILBOX = re.compile(r"5\.(1\.\d+|2\.1)")


def is_unknown_mailbox(code: int, words: str) -> bool:
    """Does an SMTP answer say that there is no such mailbox? By its enhanced code; else 550, 551 and 553 do."""
    enhanced = re.search(r"\b5\.\d{1,3}\.\d{1,3}\b", words)
    if enhanced:
        return _NO_MAILBOX.fullmatch(enhanced.group()) is not None
    return code in (550, 551, 553)


def read(raw: bytes) -> list[Report]:
    """What one mail reports: a delivery status (RFC 3464), a complaint (RFC 5965), or a wish to leave. Empty for anything else.

    Whatever the mail holds, nothing here raises: mailboxes take mail from everybody.
    """
    if len(raw) > READ_AT_MOST:
        raw = raw[:READ_AT_MOST]
    mail = message_from_bytes(raw, policy=policy.compat32)
    kind = str(mail.get_param("report-type") or "").lower()
    if mail.get_content_type() == "multipart/report" and kind == "delivery-status":
        return list(_of_delivery_status(mail))
    if mail.get_content_type() == "multipart/report" and kind == "feedback-report":
        return list(_of_complaint(mail))
    return list(_of_leaving(mail))


def _of_leaving(mail: Message) -> Iterator[Report]:
    """A mail to unsub+<token>@: its envelope recipient as the mail server wrote it down, else its To."""
    for name in ("X-Original-To", "Delivered-To", "Envelope-To", "To"):
        for value in mail.get_all(name, []):
            if found := _TOKEN.search(str(value)):
                yield Report(Kind.LEAVE, token=found.group(1))
                return


def _of_delivery_status(mail: Message) -> Iterator[Report]:
    token = _token_in_original(mail)
    for part in mail.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        for fields in _blocks(part):
            if str(fields.get("Action", "")).strip().lower() != "failed":
                continue  # delayed, relayed, delivered, expanded
            status = str(fields.get("Status", "")).split("(")[0].strip()
            hard = _NO_MAILBOX.fullmatch(status) is not None
            recipient = fields.get("Original-Recipient") or fields.get("Final-Recipient") or ""
            yield Report(Kind.HARD if hard else Kind.SOFT, address="" if token else _address(str(recipient)), token=token)


def _of_complaint(mail: Message) -> Iterator[Report]:
    token = _token_in_original(mail)
    for part in mail.walk():
        if part.get_content_type() != "message/feedback-report":
            continue
        for fields in _blocks(part):
            if str(fields.get("Feedback-Type", "")).strip().lower() in ("abuse", "fraud", "other", "virus", "opt-out"):
                recipient = fields.get("Original-Rcpt-To") or ""
                yield Report(Kind.COMPLAINT, address="" if token else _address(str(recipient)), token=token)
                return


def _blocks(part: Message) -> Iterator[Message]:
    """The groups of fields of a report; parsers differ in whether they take them apart."""
    payload = part.get_payload()
    if isinstance(payload, list):
        yield from (block for block in payload if isinstance(block, Message))
        return
    for text in re.split(r"\r?\n\r?\n", str(payload)):
        if text.strip():
            yield message_from_string(text, policy=policy.compat32)


def _address(field: str) -> str:
    """`rfc822; <asha@example.com>` -> asha@example.com"""
    return field.rpartition(";")[2].strip().strip("<>").strip()


def _token_in_original(mail: Message) -> str:
    """Whose mail came back, by our own List-Unsubscribe in what is attached of it: relays rewrite addresses, not that."""
    for part in mail.walk():
        original = part.get_payload()
        headers: Any = {}
        if part.get_content_type() == "message/rfc822" and isinstance(original, list) and original:
            headers = original[0]
        elif part.get_content_type() == "text/rfc822-headers":
            headers = message_from_string(str(original), policy=policy.compat32)
        if found := _TOKEN.search(str(headers.get("List-Unsubscribe", ""))):
            return found.group(1)
    return ""
