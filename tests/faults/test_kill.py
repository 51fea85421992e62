"""Each process in turn is killed with -9 in the middle of the story: after its restart the end state is the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.copies import PROCESSES, RunningCopy, wait_for
from tests.story import STK_QUERY, Desk, Inbox, feed_entries, open_incident_phase, publish_notice, see_trouble, subscribe

pytestmark = [pytest.mark.long, pytest.mark.faults, pytest.mark.timeout(700)]
ASHA, BRIAN = "asha@customer.example", "brian@customer.example"


@pytest.fixture
def told(tmp_path: Path, smtp_sink: Any) -> Iterator[tuple[RunningCopy, Inbox]]:
    """A copy with two subscribers. One each: a service that fails again and again is held to be intermittent, and rightly so."""
    running = RunningCopy(tmp_path / "copy", {"EMAIL_URL": f"smtp://127.0.0.1:{smtp_sink.port}"})
    running.start()
    inbox = Inbox(smtp_sink)
    subscribe(running, inbox, ASHA, "sw")
    subscribe(running, inbox, BRIAN, "en")
    yield running, inbox
    running.stop()


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_a_killed_process_loses_no_update_and_no_mail(told: tuple[RunningCopy, Inbox], name: str) -> None:
    copy, inbox = told
    wait_for("everything is at work", copy.is_healthy)
    copy.wait_until_green()
    told_before = {address: set(inbox.news_to(address)) for address in (ASHA, BRIAN)}
    incidents_before = len(feed_entries(copy))

    copy.break_gateway(STK_QUERY, "busy")
    copy.kill(name)
    if name == "sandbox":  # its faults die with it
        wait_for("the gateway is back", lambda: copy.is_back("sandbox") and _answers(copy))
        copy.break_gateway(STK_QUERY, "busy")
    see_trouble(copy)
    desk = wait_for("the desk is back", lambda: _desk(copy))
    assert desk is not None
    [draft] = wait_for("a draft waits", desk.waiting_drafts)
    desk.publish(draft)
    wait_for(f"{name} is back", lambda: copy.is_back(name))
    copy.kill(name)  # now with mails in flight

    wait_for("the gateway's control is back", lambda: _answers(copy))
    copy.mend_gateway()
    # Each word is heard before the next: a newer one would overtake an older that still waits for its sender.
    wait_for("the first mails", partial(_have_heard, inbox, told_before, 1), seconds=90)
    publish_notice(copy, "watching")
    wait_for("the second mails", partial(_have_heard, inbox, told_before, 2), seconds=90)
    publish_notice(copy, "resolved")
    wait_for("all green again", lambda: copy.component("STK push") == "operational" and not open_incident_phase(copy))
    wait_for("one incident more in the feed", lambda: len(feed_entries(copy)) == incidents_before + 1)
    wait_for("the third mails", partial(_have_heard, inbox, told_before, 3), seconds=90)
    for address, before in told_before.items():
        mails = [str(mail["Message-ID"]) for mail in inbox.mails_to(address) if mail["List-Unsubscribe"]]
        new = [message_id for message_id in mails if message_id not in before]
        assert max(Counter(new).values()) <= 2, "a mail in flight may come twice, never more"
    proof = copy.manage("verify_record")
    assert proof.returncode == 0, proof.stderr


def _have_heard(inbox: Inbox, before: Mapping[str, set[str]], count: int) -> bool:
    """Each of them so many mails since `before`."""
    return all(len(set(inbox.news_to(address)) - heard) == count for address, heard in before.items())


def _answers(copy: RunningCopy) -> bool:
    try:
        return requests.get(f"{copy.sandbox}/_sim/faults", timeout=2).ok
    except requests.RequestException:
        return False


def _desk(copy: RunningCopy) -> Desk | None:
    try:
        return Desk(copy, "writer")
    except requests.RequestException:
        return None
