"""SMS by Africa's Talking: one part in GSM-7 letters, many numbers to a request. Off until HALI_SMS_KEY is set."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.utils.translation import gettext, override

from subscribers import gsm, posting, sms_words
from subscribers.addresses import AddressError
from subscribers.items import Item
from subscribers.rendering import CODE_MARK, Rendered
from subscribers.telling import tell
from subscribers.transports.base import (
    Failed,
    Outcome,
    Parcel,
    Retry,
    Sender,
    Sent,
    TransportError,
    TransportUnreachable,
    outcome_of,
)

AT_ONCE = 100  # numbers to a request
_SENT = {100, 101, 102}
_PASSING = {500, 501}
_OURS = {402: "our sender id is not known there", 405: "our balance is used up", 401: "it is held as a risk"}
_GONE = {406: "the number is on the provider's own list of those who want nothing", 409: "the number wants no messages"}


class SmsSender(Sender):
    def __init__(self) -> None:
        self._poster = posting.Poster()

    @classmethod
    def normalise(cls, typed: str) -> str:
        """International form, +254711000111; a number of this country may be typed as people say it, 0711 000 111."""
        number = re.sub(r"[\s().-]", "", typed)
        number = re.sub(r"^00", "+", number)
        if number.startswith("0"):
            number = settings.SMS_COUNTRIES[0] + number[1:]
        if not re.fullmatch(r"\+[1-9][0-9]{7,14}", number):
            raise AddressError("A phone number is written in full, like +254711000111.")
        if not number.startswith(tuple(settings.SMS_COUNTRIES)):
            raise AddressError(f"We send to numbers that begin with {', '.join(settings.SMS_COUNTRIES)}.")
        return number

    @classmethod
    def domain_of(cls, normal: str) -> str:
        """The network's prefix: a row of numbers that one machine makes up lies close together."""
        return normal[:7]

    @classmethod
    def render(cls, item: Item, language: str) -> Rendered:
        told = tell(item, language)
        return Rendered(subject=told.subject, text=sms_words.text_of(item.document, told), html="")

    @classmethod
    def render_confirmation(cls, language: str) -> Rendered:
        with override(language):
            return Rendered(subject="", text=confirmation_text(), html="")

    @classmethod
    def render_known(cls, language: str) -> Rendered:
        """The same: the code, typed on the page, opens their own."""
        return cls.render_confirmation(language)

    @classmethod
    def render_farewell(cls, language: str) -> Rendered:
        with override(language):
            return Rendered(subject="", text=farewell_text(), html="")

    def open(self) -> None:
        if not settings.SMS_KEY:
            raise TransportUnreachable("HALI_SMS_KEY is not set: no SMS can be sent.")

    def send_all(self, parcels: Sequence[Parcel]) -> Iterator[Outcome]:
        """Numbers in a row that get the same text share a request."""
        texts = [_filled(parcel) for parcel in parcels]
        start = 0
        while start < len(parcels):
            end = start + 1
            while end < len(parcels) and end - start < AT_ONCE and texts[end] == texts[start]:
                end += 1
            yield from self._send_many([parcel.address for parcel in parcels[start:end]], texts[start])
            start = end

    def _send_many(self, numbers: list[str], text: str) -> list[Outcome]:
        """Raises TransportUnreachable where the provider refuses us, not a number."""
        form = {"username": settings.SMS_USERNAME, "to": ",".join(numbers), "message": text, "bulkSMSMode": "1", "enqueue": "1"}
        if settings.SMS_FROM:
            form["from"] = settings.SMS_FROM
        headers = {"apiKey": settings.SMS_KEY, "Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        try:
            answer = self._poster.post_to_provider(
                f"{settings.SMS_URL}/version1/messaging", urlencode(form).encode(), headers, read_at_most=64 * 1024
            )
            if answer.status in (401, 403):
                raise TransportUnreachable("The SMS provider refuses our key: look at HALI_SMS_USERNAME and HALI_SMS_KEY.")
            posting.require_taken(answer)
            told = _recipients(answer)
        except TransportUnreachable:
            raise
        except TransportError as error:
            return [outcome_of(error)] * len(numbers)
        return [_outcome(told.get(number)) for number in numbers]

    def close(self) -> None:
        self._poster.close()


def _recipients(answer: posting.Answer) -> dict[str, Any]:
    """What was said of each number. Raises TransportError for an answer that is none."""
    try:
        said = json.loads(answer.body)["SMSMessageData"]
        found = {one["number"]: one for one in said["Recipients"]}
    except (ValueError, KeyError, TypeError) as error:
        raise TransportError("The SMS provider's answer cannot be read.") from error
    if not found:  # the whole request was turned down, in words
        raise TransportUnreachable(f"The SMS provider took nothing: {str(said.get('Message'))[:100]}")
    return found


def _outcome(told: dict[str, Any] | None) -> Outcome:
    if told is None:
        return Retry("the provider said nothing of this number")
    try:
        code = int(told.get("statusCode") or 0)
    except (TypeError, ValueError):
        code = 0
    if code in _SENT:
        return Sent(str(told.get("messageId") or ""))
    if code in _GONE:
        return Failed(_GONE[code], gone=True)
    if code == 403:
        return Failed("the number is none", bounced=True)
    if code in _PASSING or code in _OURS or not code:
        return Retry(_OURS.get(code, f"the provider had a fault ({code})"))
    return Failed(f"the provider does not carry to this number ({code})")


# --- Words ---------------------------------------------------------------------------------------


def _filled(parcel: Parcel) -> str:
    return parcel.rendered.text.replace(CODE_MARK, parcel.fills.get(CODE_MARK, ""))


def confirmation_text() -> str:
    """With the mark of the code."""
    asked = gettext("%(provider)s: your code for status SMS is %(code)s. Did not ask? Do nothing.")
    return gsm.plain(asked % {"provider": settings.PROVIDER_NAME, "code": "{code}"}).replace("{code}", CODE_MARK)


def farewell_text() -> str:
    words = gettext("%(provider)s: you get no more status SMS from us. To begin again, send START.")
    return gsm.plain(words % {"provider": settings.PROVIDER_NAME})
