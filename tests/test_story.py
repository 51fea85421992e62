"""The main job, end to end, with real processes, HTTP and SMTP, on the embedded default and on PostgreSQL with Redis."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.copies import RunningCopy, wait_for
from tests.story import (
    STK_QUERY,
    Desk,
    Inbox,
    feed_entries,
    open_incident_phase,
    publish_notice,
    see_trouble,
    subscribe,
    text_of,
)

pytestmark = pytest.mark.long
ASHA, BRIAN = "asha@customer.example", "brian@customer.example"


@pytest.fixture(params=["embedded", "postgresql and redis"])
def copy(request: pytest.FixtureRequest, tmp_path: Path, smtp_sink: Any) -> Iterator[RunningCopy]:
    environment = {"EMAIL_URL": f"smtp://127.0.0.1:{smtp_sink.port}"}
    if request.param != "embedded":
        environment["DATABASE_URL"] = request.getfixturevalue("empty_postgresql_url")
        environment["REDIS_URL"] = request.getfixturevalue("redis_url")
    running = RunningCopy(tmp_path / "copy", environment)
    running.start()
    yield running
    running.stop()


@pytest.mark.timeout(300)
def test_the_gateway_fails_and_everybody_hears(copy: RunningCopy, smtp_sink: Any) -> None:
    inbox = Inbox(smtp_sink)
    subscribe(copy, inbox, ASHA, "sw")
    subscribe(copy, inbox, BRIAN, "en")
    copy.wait_until_green()

    copy.break_gateway(STK_QUERY, "busy")
    see_trouble(copy)

    desk = Desk(copy, "writer")
    [draft] = wait_for("a draft waits", desk.waiting_drafts)
    page = desk.get(f"incidents/incidentupdate/{draft}/publish/")
    assert "stk-query" in page, "the evidence stands beside the draft"
    assert "500.003.02" in page
    assert not feed_entries(copy), "a draft is not public"
    desk.publish(draft)

    wait_for("the incident is in the JSON", lambda: open_incident_phase(copy) == "investigating")
    [entry] = feed_entries(copy)
    assert "STK push" in entry.title
    assert "STK push" in copy.page(f"/incidents/{copy.summary()['incidents'][0]['id']}")
    [mail] = wait_for("Asha's mail", lambda: list(inbox.news_to(ASHA).values()))
    assert "Taarifa ijayo kufikia" in text_of(mail)
    [mail] = wait_for("Brian's mail", lambda: list(inbox.news_to(BRIAN).values()))
    assert "Next update by" in text_of(mail)

    copy.mend_gateway()
    publish_notice(copy, "watching")
    wait_for("watching is public", lambda: open_incident_phase(copy) == "monitoring")
    # Heard before the next: a newer word would overtake one that still waits for its sender.
    wait_for("two mails each", lambda: len(inbox.news_to(ASHA)) == len(inbox.news_to(BRIAN)) == 2)
    publish_notice(copy, "resolved")
    wait_for("all green again", lambda: copy.component("STK push") == "operational" and not open_incident_phase(copy))
    wait_for("three mails each", lambda: len(inbox.news_to(ASHA)) == len(inbox.news_to(BRIAN)) == 3)
    [entry] = feed_entries(copy)
    told = re.findall(r"<strong>(\w+)</strong>", entry.content[0].value)
    assert told == ["Resolved", "Monitoring", "Investigating"], "newest word first"

    proof = copy.manage("verify_record")
    assert proof.returncode == 0, proof.stderr
    assert "The record holds" in proof.stdout
