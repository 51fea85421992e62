"""An agent's outcomes go out in messages: what ended together goes together, and a broken broker ends nothing."""

from __future__ import annotations

from typing import Any

from probes.reporting import Reporter


def report(number: int) -> dict[str, Any]:
    return {"slot": 1000, "probe_id": number}


def test_what_ended_together_goes_out_together_in_order() -> None:
    sent: list[list[int]] = []
    delays: list[float | None] = []

    def send(reports: list[dict[str, Any]], outward_s: float | None) -> None:
        sent.append([one["probe_id"] for one in reports])
        delays.append(outward_s)

    reporter = Reporter(send, every=0.2, at_most=3)
    for number, outward_s in ((4, 0.5), (2, None), (1, 0.3), (3, 0.2)):
        reporter.put(report(number), outward_s)
    reporter.wait_until_sent()
    assert sent == [[1, 2, 3], [4]]
    assert delays == [0.2, 0.5], "the least of each message"


def test_a_message_that_cannot_be_sent_does_not_hold_up_the_next() -> None:
    sent: list[int] = []

    def send(reports: list[dict[str, Any]], _: float | None) -> None:
        if reports[0]["probe_id"] == 1:
            raise ConnectionError("no broker")
        sent.append(reports[0]["probe_id"])

    reporter = Reporter(send, every=0.05, at_most=1)
    reporter.put(report(1), None)
    reporter.put(report(2), None)
    reporter.wait_until_sent()
    assert sent == [2]
