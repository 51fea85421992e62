"""Requests on one thread: each comes to what it comes to alone, and none holds up another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

import pytest

from probes.outcome import Task
from probes.probers import loop
from probes.probers.engine import Reply, Request, fetch
from probes.probers.loop import Loop
from probes.running import Runner
from tests.probes.authority import Authority, SecureListener
from tests.probes.conftest import Listener, http_answer

Listen = Callable[..., Listener]
ListenTls = Callable[..., SecureListener]


@pytest.fixture(scope="module")
def shared() -> Loop:
    return Loop()


def asked(shared: Loop, requests: Iterable[Request]) -> list[Reply]:
    """The replies in the order of the requests, which are on their way together."""
    wanted = list(requests)
    found: dict[int, Reply] = {}
    done = threading.Event()

    def keep(number: int, reply: Reply) -> None:
        found[number] = reply
        if len(found) == len(wanted):
            done.set()

    def ask(number: int) -> None:
        shared.ask(wanted[number], lambda reply, held: keep(number, reply))

    shared.later((0.0, lambda number=number: ask(number)) for number in range(len(wanted)))  # type: ignore[misc]
    assert done.wait(20)
    return [found[number] for number in range(len(wanted))]


def silent(connection: object, over: threading.Event) -> None:
    over.wait(10)


def test_every_ending_is_what_it_is_when_asked_alone(shared: Loop, listen: Listen) -> None:
    endings = [
        Request(listen(answer=http_answer("200 OK", b"fine")).url, wants_headers=True),
        Request(listen(answer=http_answer("503 Busy")).url),
        Request(listen(answer=http_answer("200 OK", b"x" * 4096)).url, body_limit=1024),
        Request(listen(answer=b"no words of HTTP\r\n\r\n").url),
        Request(listen(answer=b"").url),
        Request(listen(silent).url, timeout=0.3),
        Request("http://127.0.0.1:1/"),
        Request("http://no-such-host.invalid/"),
        Request("http://169.254.169.254/"),
        Request("http://[::1/"),
        Request(listen(answer=http_answer("200 OK")).url, headers={"X": "é€"}),
    ]
    alone = [fetch(request) for request in endings]
    together = asked(shared, endings)
    seen = [
        [(one.status, one.body, one.error_class, one.error, set(one.phases), dict(one.headers)) for one in replies]
        for replies in (alone, together)
    ]
    assert seen[1] == seen[0]


def test_a_handle_carries_nothing_from_one_request_to_the_next(shared: Loop, listen: Listen) -> None:
    listener = listen(answer=http_answer("200 OK"))
    asked(shared, [Request(listener.url, "POST", {"Authorization": "Bearer planted"}, b"planted")])
    asked(shared, [Request(listener.url)])
    assert len(listener.heard) == 2
    assert b"planted" not in listener.heard[1]


def test_one_that_hangs_holds_up_no_other(shared: Loop, listen: Listen) -> None:
    fine = listen(answer=http_answer("200 OK"))
    hanging = [Request(listen(silent).url, timeout=1.5) for _ in range(3)]
    replies = asked(shared, [*hanging, *(Request(fine.url) for _ in range(20))])
    assert [reply.error_class for reply in replies] == ["timeout_read"] * 3 + [""] * 20
    slowest = max(reply.total_us or 0 for reply in replies[3:])
    assert slowest < min(reply.total_us or 0 for reply in replies[:3])


def test_certificates_are_judged(shared: Loop, listen_tls: ListenTls, authority: Authority) -> None:
    right, wrong = (listen_tls(authority.issue(name), answer=http_answer("200 OK")) for name in ("127.0.0.1", "other.example"))
    replies = asked(shared, [Request(server.url.replace("http:", "https:")) for server in (right, wrong, right)])
    assert [reply.error_class for reply in replies] == ["", "tls", ""]
    assert "tls" in replies[0].phases


def test_beyond_its_limit_requests_wait_their_turn(shared: Loop, listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "AT_ONCE", 2)
    server = listen(answer=http_answer("200 OK"))
    assert [reply.status for reply in asked(shared, [Request(server.url)] * 9)] == [200] * 9


def test_what_an_act_raises_ends_no_other(shared: Loop, listen: Listen, caplog: pytest.LogCaptureFixture) -> None:
    def break_down() -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        shared.later([(0.0, break_down)])
        assert asked(shared, [Request(listen(answer=http_answer("200 OK")).url)])[0].status == 200
    assert "ZeroDivisionError" in caplog.text


# --- Runs ----------------------------------------------------------------------------------------


def task(number: int, url: str, *, kind: str = "http", in_s: float = 0.0, **more: object) -> Task:
    due = time.time() + in_s
    offset = int(due % 1 * 1000)
    return Task(number, f"probe-{number}", kind, {"url": url, **more}, 60, 3.0, int(due), offset_ms=offset)


def test_each_run_begins_when_it_is_due(listen: Listen) -> None:
    server = listen(answer=http_answer("200 OK"))
    reports: list[dict[str, object]] = []
    began = time.monotonic()
    tasks = [task(number, server.url, in_s=0.2 * number) for number in (3, 1, 2)]
    assert Runner().begin(tasks, reports.append, at_most=5).wait(10)
    assert [report["probe_id"] for report in reports] == [1, 2, 3]
    assert time.monotonic() - began >= 0.55
    assert {report["status"] for report in reports} == {"ok"}


def test_what_ran_out_of_time_while_the_agent_itself_was_held_up_is_no_vote(listen: Listen) -> None:
    """Our own queueing is never reported as theirs; what was answered is judged all the same."""
    waiting, refusing = listen(silent), listen(answer=http_answer("500 No"))
    runner = Runner()
    reports: dict[object, dict[str, object]] = {}
    tasks = [task(1, waiting.url)._replace(timeout=0.8), task(2, refusing.url)]
    over = runner.begin(tasks, lambda report: reports.update({report["probe_id"]: report}), at_most=5)
    for one in runner._loops():
        one.later([(time.monotonic() + 0.1, lambda: time.sleep(1.2))])
    assert over.wait(10)
    assert (reports[1]["status"], reports[1]["error_class"]) == ("skipped", "late")
    assert str(reports[1]["evidence"]).startswith("not judged: this agent was held up for ")
    assert reports[2]["status"] == "down"


def test_a_run_that_is_more_than_one_request_is_run_all_the_same(listen: Listen) -> None:
    there = listen(answer=http_answer("200 OK"))
    here = listen(answer=f"HTTP/1.1 302 Found\r\nLocation: {there.url}\r\nContent-Length: 0\r\n\r\n".encode())
    assert Runner().run_now(task(1, here.url, redirects=1))["http_status"] == 200
    assert Runner().run_now(task(1, here.url))["http_status"] == 302


def test_a_spec_that_cannot_be_run_is_told_and_asks_nobody(listen: Listen) -> None:
    server = listen(answer=http_answer("200 OK"))
    reports = [Runner().run_now(one) for one in (task(1, server.url, metod="GET"), task(1, server.url, kind="odd"))]
    assert [report["status"] for report in reports] == ["misconfigured"] * 2
    assert server.heard == []


def test_an_answer_is_taken_while_much_else_is_due(shared: Loop, listen: Listen) -> None:
    """libcurl times an answer when it is told of it: what else is due at once must not come first."""
    happened: list[str] = []
    over = threading.Event()

    def act(number: int) -> None:
        time.sleep(0.005)
        happened.append("act")
        if number == 99:
            over.set()

    request = Request(listen(answer=http_answer("200 OK")).url)
    ask = (0.0, lambda: shared.ask(request, lambda reply, held: happened.append("answer")))
    shared.later([ask, *((0.0, lambda number=number: act(number)) for number in range(100))])
    assert over.wait(20)
    assert "answer" in happened
