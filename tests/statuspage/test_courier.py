"""The courier goes on, whatever it stumbles over."""

from __future__ import annotations

import threading

import pytest

from statuspage import courier
from statuspage.courier import Courier


@pytest.fixture
def nudges(monkeypatch: pytest.MonkeyPatch) -> list[BaseException | None]:
    """What each nudge does: None is well, else it is raised."""
    plan: list[BaseException | None] = []
    monkeypatch.setattr(courier, "WAKE_EVERY", 0.01)
    return plan


def run(plan: list[BaseException | None], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Wakes the courier until the plan is done; answers what happened."""
    done: list[str] = []
    all_done = threading.Event()

    def nudge(self: Courier) -> None:
        step = plan.pop(0) if plan else None
        done.append("well" if step is None else "stumbled")
        if not plan:
            all_done.set()
        if step is not None:
            raise step

    monkeypatch.setattr(Courier, "_nudge", nudge)
    at_work = Courier()
    at_work.start()
    while not all_done.wait(0.02):
        at_work.wake(True)
    at_work.stop()
    return done


def test_a_fault_of_our_own_is_logged_and_the_next_nudge_goes_out(
    nudges: list[BaseException | None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nudges += [ZeroDivisionError("of nobody's making"), None]
    assert run(nudges, monkeypatch)[:2] == ["stumbled", "well"]
    assert "The courier stumbled over a fault of ours" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_courier_whose_thread_ended_is_started_anew(
    nudges: list[BaseException | None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nudges += [SystemExit(), None]  # ends a thread without a word
    assert run(nudges, monkeypatch)[:2] == ["stumbled", "well"]
    assert "it starts anew" in caplog.text
