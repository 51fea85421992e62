"""Senders that hang, die, and come one too many."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection

from subscribers import outbox, outlets
from subscribers.models import ChannelTrouble, Delivery
from subscribers.rows import Claimed
from tests.factories import NOON
from tests.mail_server import MailServer, read
from tests.subscribers.news import publish, reader, tell


class KillsItsClient(MailServer):
    """Takes the mail that is number `at`, and its sender dies before it hears so."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
        self.client = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        if self.client and len(self.messages) == self.at:
            os.kill(self.client, signal.SIGKILL)
        return answer


@pytest.fixture
def outbound(settings: Any) -> Any:
    """Mail goes out over SMTP; the port is the test's."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_TIMEOUT = 5
    return settings


@pytest.fixture
def silent_server(outbound: Any) -> Iterator[socket.socket]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        outbound.EMAIL_PORT, outbound.EMAIL_TIMEOUT = server.getsockname()[1], 1
        yield server


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_a_killed_sender_repeats_the_mail_in_flight_and_no_other(outbound: Any) -> None:
    sink = KillsItsClient(at=17)
    sink.start()
    try:
        outbound.EMAIL_PORT = sink.port
        for number in range(30):
            reader(f"reader{number}@customer.example")
        publish()
        outbox.fan_out(now=NOON)
        sink.client = _deliver_in_a_process_of_its_own()
        _, status = os.waitpid(sink.client, 0)
        assert os.WIFSIGNALED(status)
        sink.client = 0
        assert outlets.left_behind()
        assert outbox.has_work(now=NOON)
        outbox.deliver_due(now=NOON, limit=1000)  # at once: nobody waits for a lease
        times = Counter(str(read(raw)["Message-ID"]) for _, raw in sink.messages)
    finally:
        sink.stop()
    assert len(times) == 30
    assert sorted(times.values())[-2:] == [1, 2]
    assert not Delivery.objects.exclude(state="sent").exists()
    assert not outlets.left_behind()


def _deliver_in_a_process_of_its_own() -> int:
    connection.close()
    child = os.fork()
    if child == 0:
        try:
            outbox.deliver_due(now=NOON, limit=1000)
        finally:
            os._exit(3)  # it should not live so long
    return child


@pytest.mark.django_db
def test_one_sender_works_on_a_machine_at_a_time(silent_server: socket.socket) -> None:
    reader("asha@customer.example")
    publish()
    outbox.fan_out(now=NOON)
    with outlets.one(now=NOON) as outlet:
        assert outlet is not None
        assert outbox.deliver_due(now=NOON, limit=10) == 0
    assert not ChannelTrouble.objects.exists()  # the second one did not even try


@pytest.mark.django_db
def test_a_server_that_hangs_is_left_alone_for_a_while_and_longer_each_time(silent_server: socket.socket) -> None:
    reader("asha@customer.example")
    publish()
    tries = []
    for seconds in range(0, 300, 10):
        now = NOON + timedelta(seconds=seconds)
        if outbox.has_work(now=now):
            tries.append(seconds)
            tell(now)
    waits = [later - earlier for earlier, later in pairwise(tries)]
    assert [wait // 30 for wait in waits[:3]] == [1, 2, 4], "half a minute, doubled each time, from when it gave up"
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempt) == ("pending", 0)


@pytest.mark.django_db
def test_what_waits_too_long_is_told(silent_server: socket.socket) -> None:
    reader("asha@customer.example")
    publish()
    tell(NOON)
    minute = timedelta(minutes=1)
    assert outbox.overdue_since(now=NOON + timedelta(seconds=59), by=minute) is None
    assert outbox.overdue_since(now=NOON + minute, by=minute) == NOON


def test_two_take_two_outlets_when_the_settings_allow(settings: Any) -> None:
    settings.SENDERS = 2
    with outlets.one(now=NOON) as first, outlets.one(now=NOON) as second, outlets.one(now=NOON) as third:
        assert first is not None
        assert second is not None
        assert third is None


def leave_as_a_kill_would(outlet: int) -> Callable[[], None]:
    """Keep what an outlet says now; the answer puts it back once its sender is done, which a killed one never is."""
    path = outlets._folder() / f"{outlet}.sent"
    kept = path.read_bytes()

    def put_back() -> None:
        path.write_bytes(kept)

    return put_back


@pytest.mark.django_db
def test_what_died_in_another_outlet_is_taken_over_by_whoever_comes(settings: Any) -> None:
    settings.SENDERS = 2
    reader("asha@customer.example")
    publish()
    outbox.fan_out(now=NOON)
    with outlets.one(now=NOON), outlets.one(now=NOON) as second:
        assert second is not None
        outbox.claim_due(now=NOON, limit=1, note=second.begin)
        kill = leave_as_a_kill_would(1)
    kill()
    with outlets.one(now=NOON):
        assert Delivery.objects.get().lease_until is None
    assert not outlets.left_behind()


@pytest.mark.django_db
def test_who_died_before_a_claim_held_takes_nothing_from_who_claims_it_then(settings: Any) -> None:
    settings.SENDERS = 2
    reader("asha@customer.example")
    publish()
    outbox.fan_out(now=NOON)
    with outlets.one(now=NOON), outlets.one(now=NOON) as second:
        assert second is not None

        def note_and_die(claimed: Sequence[Claimed]) -> None:
            second.begin(claimed)
            raise SystemExit

        with pytest.raises(SystemExit):
            outbox.claim_due(now=NOON, limit=1, note=note_and_die)
        kill = leave_as_a_kill_would(1)
    kill()
    [held] = outbox.claim_due(now=NOON + timedelta(seconds=1), limit=1)
    assert held.attempt == 1
    with outlets.one(now=NOON):
        assert Delivery.objects.get().lease_until == held.lease_until
    assert not outlets.left_behind()


def test_an_outlet_is_free_again_when_its_sender_is_done() -> None:
    taken = []

    def send() -> None:
        with outlets.one(now=NOON) as outlet:
            taken.append(outlet is not None)

    for _ in range(3):
        thread = threading.Thread(target=send)
        thread.start()
        thread.join()
    assert taken == [True, True, True]
