"""The hold, Stop sending, dead letters, and how far it is."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest

from incidents.models import AuditEvent
from subscribers import leases, outbox, outlets, sending, steering, subscriptions
from subscribers.models import Delivery, Notification
from subscribers.retries import FOR_PEOPLE
from subscribers.sending import Round
from subscribers.transports.email import EmailSender
from tests.factories import NOON, UserFactory
from tests.mail_server import MailServer
from tests.subscribers.news import publish, reader

pytestmark = [pytest.mark.django_db, pytest.mark.database]
READERS = [f"reader{number}@customer.example" for number in range(4)]


@pytest.fixture
def notification(settings: Any, mail_server: MailServer) -> Notification:
    """A word that is held for a minute, with four readers listed already."""
    settings.SEND_HOLD = timedelta(minutes=1)
    for address in READERS:
        reader(address)
    publish()
    outbox.fan_out(now=NOON)
    return Notification.objects.get()


def after(**span: float) -> Any:
    return NOON + timedelta(**span)


def states() -> list[str]:
    return sorted(Delivery.objects.values_list("state", flat=True))


def test_nothing_goes_out_before_the_hold_ends(notification: Notification, mail_server: MailServer) -> None:
    assert outbox.deliver_due(now=after(seconds=50), limit=10) == 0
    assert mail_server.messages == []
    assert outbox.deliver_due(now=after(seconds=60), limit=10) == 4


def test_a_sender_that_comes_a_moment_early_waits_for_the_end_of_the_hold(notification: Notification) -> None:
    assert outbox.has_work(now=after(seconds=59))
    assert outbox.deliver_due(now=after(seconds=59.5), limit=10) == 4


def test_what_is_stopped_within_the_hold_reaches_nobody(notification: Notification, mail_server: MailServer) -> None:
    outbox.stop_sending(notification=notification, actor=UserFactory(), reason="The wrong service.", now=after(seconds=30))
    assert outbox.has_work(now=after(seconds=31)), "there is something to clear away"
    assert outbox.deliver_due(now=after(minutes=2), limit=10) == 0
    assert states() == ["cancelled"] * 4
    assert mail_server.messages == []
    assert not outbox.has_work(now=after(minutes=2))
    assert AuditEvent.objects.get(act="notification.stop").details["reason"] == "The wrong service."


def test_what_is_stopped_before_it_was_expanded_is_expanded_to_nobody(settings: Any) -> None:
    settings.SEND_HOLD = timedelta(minutes=1)
    reader(READERS[0])
    publish()
    outbox.stop_sending(notification=Notification.objects.get(), actor=UserFactory(), reason="Wrong.", now=NOON)
    assert outbox.fan_out(now=after(minutes=1)) == 0


def test_stopping_in_the_middle_keeps_what_was_sent(notification: Notification, mail_server: MailServer) -> None:
    assert outbox.deliver_due(now=after(minutes=1), limit=2) == 2
    outbox.stop_sending(notification=notification, actor=UserFactory(), reason="Enough.", now=after(minutes=1))
    assert outbox.deliver_due(now=after(minutes=2), limit=10) == 0
    assert states() == ["cancelled", "cancelled", "sent", "sent"]
    assert len(mail_server.messages) == 2


def test_what_a_stopped_update_had_overtaken_is_told_after_all(notification: Notification, mail_server: MailServer) -> None:
    assert outbox.deliver_due(now=after(minutes=1), limit=1) == 1
    first = Notification.objects.get().update
    assert first is not None
    newer = publish(first.incident, now=after(minutes=5), status="identified")
    outbox.fan_out(now=after(minutes=5))
    assert outbox.deliver_due(now=after(minutes=6), limit=2) == 2
    assert states() == ["pending", "pending", "sent", "sent", "sent", *["superseded"] * 3]
    told = Notification.objects.get(update=newer)
    outbox.stop_sending(notification=told, actor=UserFactory(), reason="It is not so.", now=after(minutes=6))
    for minute in range(6, 10):
        outbox.deliver_due(now=after(minutes=minute), limit=10)
    assert sorted(len(mail_server.mails_to(address)) for address in READERS) == [1, 1, 1, 2], (
        "each heard, nobody of the old after the new"
    )
    assert states() == ["cancelled", "cancelled", "sent", "sent", "sent", "sent", "sent", "superseded"]


def test_what_a_stopped_update_had_overtaken_is_told_however_old_it_is(
    notification: Notification, mail_server: MailServer
) -> None:
    first = Notification.objects.get().update
    assert first is not None
    newer = publish(first.incident, now=after(minutes=5), status="identified")
    outbox.fan_out(now=after(minutes=5))
    mail_server.answers.update(dict.fromkeys(READERS, "451 4.3.0 later"))
    assert outbox.deliver_due(now=after(minutes=6), limit=20) == 0
    assert states() == [*["pending"] * 4, *["superseded"] * 4]
    late = FOR_PEOPLE.give_up_after + timedelta(hours=1)
    told = Notification.objects.get(update=newer)
    outbox.stop_sending(notification=told, actor=UserFactory(), reason="It is not so.", now=NOON + late)
    mail_server.answers.clear()
    for minute in range(3):
        outbox.deliver_due(now=NOON + late + timedelta(minutes=minute), limit=20)
    assert states() == [*["cancelled"] * 4, *["sent"] * 4]
    assert all(len(mail_server.mails_to(address)) == 1 for address in READERS)


def test_what_was_overtaken_stays_so_where_something_newer_still_stands(
    notification: Notification, mail_server: MailServer
) -> None:
    first = Notification.objects.get().update
    assert first is not None
    wrong = publish(first.incident, now=after(minutes=5), status="identified")
    publish(first.incident, now=after(minutes=6), status="monitoring")
    outbox.fan_out(now=after(minutes=6))
    mail_server.answers.update(dict.fromkeys(READERS, "451 4.3.0 later"))
    assert outbox.deliver_due(now=after(minutes=8), limit=20) == 0
    Delivery.objects.filter(notification__update=wrong).update(state="pending", last_error="")  # its end is not known yet
    told = Notification.objects.get(update=wrong)
    outbox.stop_sending(notification=told, actor=UserFactory(), reason="It is not so.", now=after(minutes=8))
    mail_server.answers.clear()
    outbox.deliver_due(now=after(minutes=30), limit=20)
    assert states() == [*["cancelled"] * 4, *["sent"] * 4, *["superseded"] * 4]
    assert all(len(mail_server.mails_to(address)) == 1 for address in READERS)


def test_what_is_stopped_while_a_sender_has_it_at_hand_is_put_back(notification: Notification) -> None:
    now = after(minutes=1)
    with outlets.one(now=now) as outlet:
        assert outlet is not None
        at_work = Round(EmailSender(), EmailSender, "email", outlet, now, ends=math.inf)
        at_work._left = 10
        at_work._claim()
        assert Delivery.objects.filter(lease_until=None).count() == 0
        outbox.stop_sending(notification=notification, actor=UserFactory(), reason="Wrong.", now=now)
        at_work._drop_stopped()
        at_work._lanes.end()
    assert set(Delivery.objects.values_list("lease_until", "attempt")) == {(None, 0)}


def test_claims_that_leave_a_domain_out_go_on_where_the_last_one_ended_and_then_from_the_start(
    notification: Notification, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The domain that has enough in hand is not looked through again each time."""
    monkeypatch.setattr(sending, "BATCH", 2)
    monkeypatch.setattr(sending, "PLACES_HOLD", 3600.0)
    now = after(minutes=1)
    with outlets.one(now=now) as outlet:
        assert outlet
        at_work = Round(EmailSender(), EmailSender, "email", outlet, now, math.inf)
        at_work._left = 100
        found = []
        for _ in range(3):
            claimed = at_work._claimed(["full.example"], digest=False)
            found.append(sorted(one.pk for one in claimed))
            leases.give_back(claimed)
        at_work._lanes.end()
    every = list(Delivery.objects.order_by("due_at", "pk").values_list("pk", flat=True))
    assert found == [every[:2], every[2:], every[:2]]


def test_a_stop_needs_a_reason_and_something_to_stop(notification: Notification) -> None:
    actor = UserFactory()
    with pytest.raises(steering.CannotStop, match="Say why"):
        outbox.stop_sending(notification=notification, actor=actor, reason=" ", now=NOON)
    outbox.deliver_due(now=after(minutes=1), limit=10)
    with pytest.raises(steering.CannotStop, match="publish a correction"):
        outbox.stop_sending(notification=notification, actor=actor, reason="Late.", now=after(minutes=2))


def test_progress_counts_by_channel_and_says_how_long_it_takes(notification: Notification, mail_server: MailServer) -> None:
    mail_server.answers[READERS[0]] = "554 5.7.1 No"
    outbox.deliver_due(now=after(seconds=60), limit=3)
    [one] = outbox.progress(notification=notification, now=after(seconds=70))
    assert (one.channel, one.queued, one.sent, one.failed, one.cancelled) == ("email", 1, 2, 1, 0)
    assert one.left is not None
    assert one.left == timedelta(minutes=1 / one.rate)
    [later] = outbox.progress(notification=notification, now=after(minutes=10))
    assert (later.rate, later.left) == (0, None)


def test_dead_letters_are_tried_again_by_staff_but_not_to_who_has_left(
    notification: Notification, mail_server: MailServer
) -> None:
    mail_server.to_data = "554 5.7.1 Rejected for its words"
    outbox.deliver_due(now=after(minutes=1), limit=10)
    assert states() == ["dead"] * 4
    gone = Delivery.objects.order_by("pk").first()
    assert gone is not None
    subscriptions.unsubscribe(subscriber=gone.subscriber, now=after(minutes=2))
    mail_server.to_data = ""
    assert outbox.resend_dead(notification=notification, actor=UserFactory(), now=after(hours=9)) == 3
    assert outbox.deliver_due(now=after(hours=9), limit=10) == 3
    assert states() == ["dead", "sent", "sent", "sent"]
