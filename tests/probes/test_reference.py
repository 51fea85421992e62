"""The agent's own link: a reference target that is there, and one that is not."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from celery import current_app

from probes import agent_tasks, reference, signed_batches
from probes.links import is_unanswered
from probes.outcome import Task
from tests.probes.conftest import Listener, http_answer


def closed_port() -> tuple[str, int]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return "127.0.0.1", int(one.getsockname()[1])


def report(status: str = "ok", error_class: str = "") -> dict[str, Any]:
    return {"status": status, "error_class": error_class, "evidence": "as it was", "phases": {}}


@pytest.mark.parametrize(
    ("value", "targets"),
    [
        ("", ()),
        (" , ", ()),
        ("192.0.2.1:443", (("192.0.2.1", 443),)),
        ("one.example:53, [2001:db8::1]:443", (("one.example", 53), ("2001:db8::1", 443))),
    ],
)
def test_targets_are_read_from_one_line(value: str, targets: tuple[tuple[str, int], ...]) -> None:
    assert reference.parse(value) == targets


@pytest.mark.parametrize("value", ["one.example", ":443", "one.example:0", "one.example:70000", "a:x", "a:1,b:2,c:3,d:4,e:5"])
def test_a_line_that_cannot_be_read_says_what_to_change(value: str) -> None:
    with pytest.raises(ValueError, match="give"):
        reference.parse(value)


def test_without_reference_targets_outcomes_are_as_they_are() -> None:
    assert reference.guard([report("down", "refused")], ()) == [report("down", "refused")]


def test_without_a_link_every_outcome_is_skipped_and_says_what_was_seen() -> None:
    reports = [report("down", "refused"), report("ok"), report("misconfigured", "target"), report("skipped", "late")]
    guarded = reference.guard(reports, [closed_port()])
    assert [(one["status"], one["error_class"]) for one in guarded] == [
        ("skipped", "no_connectivity"),
        ("skipped", "no_connectivity"),
        ("misconfigured", "target"),
        ("skipped", "late"),
    ]
    assert guarded[0]["evidence"] == "no reference target answers; seen all the same: down as it was"


def test_one_reference_target_that_answers_is_enough_and_proves_the_link(listen: Callable[..., Listener]) -> None:
    listener = listen(answer=b"")
    guarded = reference.guard([report("down", "refused"), report("ok")], [closed_port(), ("127.0.0.1", listener.port)])
    assert [one["status"] for one in guarded] == ["down", "ok"]
    assert not is_unanswered("down", "refused", guarded[0]["phases"])
    assert is_unanswered("down", "refused", {})
    assert guarded[1]["phases"] == {}


def test_an_agent_asks_its_reference_with_every_batch(
    listen: Callable[..., Listener], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **options: sent.append(args))
    page = listen(answer=http_answer("200 OK", b"fine"))
    settings.REFERENCE_TARGETS = (closed_port(),)
    settings.AGENT_KEY = signed_batches.new_key()
    slot = int(time.time())
    task = Task(1, "page", "http", {"url": page.url}, interval=10, timeout=2.0, slot=slot)
    agent_tasks.run_batch("nairobi", [task.as_message()])
    [(vantage, payload, signature)] = sent
    public_key = signed_batches.public_key_of(settings.AGENT_KEY)
    [seen] = signed_batches.unpack(payload, signature, vantage="nairobi", public_key=public_key).reports
    assert (vantage, seen["status"], seen["error_class"]) == ("nairobi", "skipped", "no_connectivity")
