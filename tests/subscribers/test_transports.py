"""What every channel answers for what it was given."""

from __future__ import annotations

import pytest
from django.core import signing

from subscribers import addresses, links
from subscribers.models import Subscriber
from subscribers.rendering import Rendered
from subscribers.transports.base import Failed, Parcel, Retry, Sender, Sent, TransportError, TransportUnreachable
from tests.factories import NOON

ANSWERS = {
    "taken": (None, Sent("their-name")),
    "busy": (TransportError("429", retry_after=7.0), Retry("429", 7.0)),
    "refused": (TransportError("554", permanent=True), Failed("554")),
    "unknown": (TransportError("550", bounced=True), Failed("550", bounced=True)),
    "gone": (TransportError("410", gone=True), Failed("410", gone=True)),
}


class Answering(Sender):
    def send(self, parcel: Parcel) -> str:
        error = ANSWERS[parcel.address][0] if parcel.address in ANSWERS else TransportUnreachable("nobody there")
        if error:
            raise error
        return "their-name"


def parcel(address: str) -> Parcel:
    return Parcel(address=address, rendered=Rendered("", "", ""), fills={}, message_id="a.b.c", date=NOON)


def test_each_parcel_has_its_own_outcome_in_order() -> None:
    answered = list(Answering().send_all([parcel(address) for address in ANSWERS]))
    assert answered == [outcome for _, outcome in ANSWERS.values()]


def test_no_way_out_at_all_ends_the_batch() -> None:
    answers = Answering().send_all([parcel("taken"), parcel("lost"), parcel("taken")])
    assert next(answers) == Sent("their-name")
    with pytest.raises(TransportUnreachable):
        next(answers)


def test_links_are_what_djangos_signer_writes() -> None:
    """The key is derived once, which must change no link of an old mail."""
    asha = Subscriber(public_id="asha")
    plain = signing.Signer(key=addresses.hash_key(), sep=".", salt="subscribers.links.unsubscribe")
    assert links.token_for(asha, links.UNSUBSCRIBE) == plain.sign("asha")
    dated = signing.TimestampSigner(key=addresses.hash_key(), sep=".", salt="subscribers.links.manage")
    assert dated.unsign(links.token_for(asha, links.MANAGE), max_age=2 * links.DAY) == "asha"
