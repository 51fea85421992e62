"""What the page says when the probes' broker is gone for good. (test_everything_dies: when all else is gone, too.)"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.copies import RunningCopy, wait_for
from tests.story import Inbox, subscribe, text_of

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
CANNOT_CONFIRM = "We cannot confirm the current status"


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


def test_without_a_broker_the_page_says_that_it_cannot_confirm(copy: RunningCopy, valkey_process: Any) -> None:
    valkey_process.kill()
    # Each service falls silent in its own second; the page cannot confirm from the first of them on.
    wait_for("STK push cannot be confirmed", lambda: copy.component("STK push") == "degraded_performance", seconds=90)
    assert copy.overall() == CANNOT_CONFIRM
    assert 'data-freshness="fresh"' in copy.page("/"), "the publisher is well: silent probes are not a stale page"
