"""What the page says when nobody knows: the broker gone for good, the publisher stopped, from nginx and from the app."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.copies import RunningCopy, wait_for
from tests.story import Inbox, subscribe, text_of

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
CANNOT_CONFIRM = "We cannot confirm the current status"
# What each file about now says when nobody reads the record any more, and never while somebody does.
ABOUT_NOW = {
    "/": 'data-freshness="stale"',
    "/sw/": 'data-freshness="stale"',
    "/history.atom": "We can’t confirm",
    "/sw/history.atom": "Hatuwezi kuthibitisha",
    "/updates.atom": "We can’t confirm",
    "/api/v2/summary.json": CANNOT_CONFIRM,
    "/api/v2/status.json": CANNOT_CONFIRM,
}


@pytest.fixture
def copy(tmp_path: Path, valkey_process: Any, smtp_sink: Any) -> Iterator[RunningCopy]:
    """A copy whose broker is ours to end, so that nothing restarts it."""
    environment = {"REDIS_URL": valkey_process.url, "EMAIL_URL": f"smtp://127.0.0.1:{smtp_sink.port}"}
    running = RunningCopy(tmp_path / "copy", environment)
    running.start()
    running.wait_until_green()
    yield running
    running.stop()


def test_without_a_broker_a_word_is_published_and_mailed_all_the_same(
    copy: RunningCopy, valkey_process: Any, smtp_sink: Any
) -> None:
    inbox = Inbox(smtp_sink)
    subscribe(copy, inbox, "asha@customer.example", "sw")
    valkey_process.kill()
    said = copy.manage("publish_notice", "paybill", "down")
    assert said.returncode == 0, said.stderr
    wait_for("the word is in the JSON", lambda: bool(copy.summary()["incidents"]))
    [mail] = wait_for("the mail", lambda: list(inbox.news_to("asha@customer.example").values()), seconds=90)
    assert "Taarifa ijayo kufikia" in text_of(mail)


def says_it_is_stale(origin: str, path: str) -> bool:
    answer = requests.get(origin + path, timeout=5)
    assert answer.status_code == 200, path
    return ABOUT_NOW[path] in answer.content.decode()


def is_stale(origin: str) -> bool:
    return 'data-freshness="stale"' in requests.get(origin + "/", timeout=5).text


def test_without_a_broker_the_page_says_that_it_cannot_confirm(copy: RunningCopy, valkey_process: Any) -> None:
    valkey_process.kill()
    # Each service falls silent in its own second; the page cannot confirm from the first of them on.
    wait_for("STK push cannot be confirmed", lambda: copy.component("STK push") == "degraded_performance", seconds=90)
    assert copy.overall() == CANNOT_CONFIRM
    assert 'data-freshness="fresh"' in copy.page("/"), "the publisher is well: silent probes are not a stale page"


def test_without_a_publisher_every_file_about_now_turns_stale(copy: RunningCopy, nginx_for: Callable[[Path, int], str]) -> None:
    through_nginx = nginx_for(copy.folder / "snapshot", copy.port)
    assert not [path for path in ABOUT_NOW if says_it_is_stale(copy.url, path)]
    [publisher, *_] = copy.running("publisher")
    os.kill(publisher.pid, signal.SIGSTOP)
    try:
        for origin in (copy.url, through_nginx):
            wait_for(f"stale from {origin}", partial(is_stale, origin), seconds=90)
            for path in ABOUT_NOW:
                assert says_it_is_stale(origin, path), path
    finally:
        os.kill(publisher.pid, signal.SIGCONT)
    wait_for("fresh again", lambda: 'data-freshness="fresh"' in copy.page("/"))
