"""A test of words before they are public: mails and SMS to oneself or the seed list, marked so. No outbox knows of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from smtplib import SMTPException

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMultiAlternatives, get_connection

from incidents import audit, rights
from subscribers import rendering
from subscribers.items import Item
from subscribers.transports.base import Parcel, TransportError
from subscribers.transports.sms import SmsSender

MARK = "[TEST]"
HEAD = "This is a test. These words are not public: pass them on to nobody."
_BODY = re.compile(r"(<body[^>]*>)")
_LINKS = (rendering.UNSUBSCRIBE_MARK, rendering.MANAGE_MARK)


class TrialFailed(Exception):
    """It was not sent. The message says what to change."""


def send(*, item: Item, to: Sequence[str], actor: User, now: datetime) -> None:
    """To mail addresses and phone numbers (+254…), in every language. Raises TrialFailed; what went out before stays sent."""
    rights.require(actor, "update.trial")
    mails, numbers = [one for one in to if "@" in one], [one for one in to if one.startswith("+")]
    if not mails and not numbers:
        raise TrialFailed("There is no address to send it to: give yourself one, or set HALI_SEED_LIST.")
    audit.log(act="update.trial", actor=actor, now=now, target=item.public_id, details={"to": len(to)})
    try:
        _send_mails(item, mails)
        _send_texts(item, numbers, now)
    except (OSError, SMTPException) as error:
        raise TrialFailed(f"The mail server did not take the test: {type(error).__name__}.") from error
    except TransportError as error:
        raise TrialFailed(str(error)) from error


def _send_mails(item: Item, addresses: Sequence[str]) -> None:
    if not addresses:
        return
    messages = []
    for code, _ in settings.LANGUAGES:
        said = rendering.render(item, code)
        text, html = f"{HEAD}\n\n{_without_links(said.text)}", _BODY.sub(rf"\1<p><b>{HEAD}</b></p>", _without_links(said.html), 1)
        for address in addresses:
            mail = EmailMultiAlternatives(f"{MARK} {said.subject}", text, settings.MAIL_FROM or None, [address])
            mail.extra_headers["Auto-Submitted"] = "auto-generated"
            mail.attach_alternative(html, "text/html")
            messages.append(mail)
    get_connection(fail_silently=False).send_messages(messages)


def _without_links(words: str) -> str:
    """Nobody unsubscribes by a test."""
    for mark in _LINKS:
        words = words.replace(mark, settings.BASE_URL)
    return words


def _send_texts(item: Item, numbers: Sequence[str], now: datetime) -> None:
    if not numbers:
        return
    sender = SmsSender()
    sender.open()
    try:
        for code, _ in settings.LANGUAGES:
            said = SmsSender.render(item, code)
            marked = rendering.Rendered(subject="", text=f"{MARK} {said.text}", html="")
            for number in numbers:
                sender.send(Parcel(number, marked, {}, message_id="", date=now))
    finally:
        sender.close()
