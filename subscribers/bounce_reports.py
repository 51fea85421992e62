"""Pure: what a mail to our return address says: a delivery status (RFC 3464), a complaint (RFC 5965), a wish to leave."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, message_from_string, policy
from email.message import Message
from enum import StrEnum

READ_AT_MOST = 256 * 1024  # octets of one mail


class Kind(StrEnum):
    HARD = "hard"  # there is no such mailbox
    SOFT = "soft"  # it is full, or asleep: nothing follows
    COMPLAINT = "complaint"
    LEAVE = "leave"  # a mail to the List-Unsubscribe address


@dataclass(frozen=True, slots=True)
class Report:
    """What was said of our mail. One of `address` and `token` names whom.

    `key`: the recipient's key in the Message-ID of the mail that came back, which has to be that of `address`; None from who is
    known by a signature (a provider's webhook).
    """

    kind: Kind
    address: str = ""
    token: str = ""
    key: str | None = None


_TOKEN = re.compile(r"unsub\+([A-Za-z0-9._=-]{20,90})@", re.IGNORECASE)
_KEY = re.compile(r"\.([0-9a-f]{16})@")  # how our Message-IDs end (addresses.recipient_key)
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

    Mailboxes take mail from everybody. So whatever the mail holds, nothing here raises; and a report counts only where it brings
    back a mail of ours: what it says by itself of an address could be said by anybody of anyone.
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
    original = _original(mail)
    for part in mail.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        for fields in _blocks(part):
            if str(fields.get("Action", "")).strip().lower() != "failed":
                continue  # delayed, relayed, delivered, expanded
            recipient = fields.get("Original-Recipient") or fields.get("Final-Recipient") or ""
            yield from _about(original, Kind.HARD if _is_hard(fields) else Kind.SOFT, str(recipient))
            return  # a mail of ours goes to one address; whoever forwards it there to several may name each


def _is_hard(fields: Message) -> bool:
    """By the status; where that says nothing but that it failed (Exim writes 5.0.0 always), by what the other server answered."""
    status = str(fields.get("Status", "")).split("(")[0].strip()
    if status not in ("", "5.0.0"):
        return _NO_MAILBOX.fullmatch(status) is not None
    said = re.search(r"\b(5\d\d)[ -].*", str(fields.get("Diagnostic-Code", "")), re.DOTALL | re.ASCII)
    return said is not None and is_unknown_mailbox(int(said.group(1)), said.group())


def _of_complaint(mail: Message) -> Iterator[Report]:
    original = _original(mail)
    for part in mail.walk():
        if part.get_content_type() != "message/feedback-report":
            continue
        for fields in _blocks(part):
            if str(fields.get("Feedback-Type", "")).strip().lower() in ("abuse", "fraud", "other", "virus", "opt-out"):
                yield from _about(original, Kind.COMPLAINT, str(fields.get("Original-Rcpt-To") or ""))
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


def _about(original: Message, kind: Kind, recipient: str) -> Iterator[Report]:
    """Whom it is about, by what only a mail of ours holds: the token of its List-Unsubscribe, or the key in its Message-ID (one
    that asks somebody to confirm has no token). Relays rewrite addresses, not those."""
    if token := _TOKEN.search(str(original.get("List-Unsubscribe", ""))):
        yield Report(kind, token=token.group(1))
    elif key := _KEY.search(str(original.get("Message-ID", ""))):
        written_to = str(original.get("To", ""))  # as we wrote it, unless the report hides it
        yield Report(kind, address=_address(written_to if "@" in written_to else recipient), key=key.group(1))


def _original(mail: Message) -> Message:
    """What is attached of the mail that came back; empty headers where nothing is."""
    for part in mail.walk():
        held = part.get_payload()
        if part.get_content_type() == "message/rfc822" and isinstance(held, list) and held and isinstance(held[0], Message):
            return held[0]
        if part.get_content_type() == "text/rfc822-headers":
            return message_from_string(str(held), policy=policy.compat32)
    return Message()
