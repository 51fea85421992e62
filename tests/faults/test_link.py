"""The agent's link is cut: its outcomes are skipped, then the component is unknown, and never down."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.copies import RunningCopy, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
CANNOT_CONFIRM = "We cannot confirm the current status"
SKIPPED = (
    "from probes.models import Result; print(Result.objects.filter(error_class='no_connectivity', status='skipped').count())"
)
DOWN = "from probes.models import Result; print(Result.objects.filter(status='down').count())"


class Reference:
    """A port that lets anybody connect, until it is closed."""

    def __init__(self) -> None:
        self.port = 0
        self.open()

    def open(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", self.port))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._socket.accept()[0].close()


@pytest.fixture
def target() -> Iterator[Reference]:
    found = Reference()
    yield found
    found.close()


@pytest.fixture
def copy(tmp_path: Path, target: Reference) -> Iterator[RunningCopy]:
    running = RunningCopy(tmp_path / "copy", {"HALI_REFERENCE_TARGETS": f"127.0.0.1:{target.port}"})
    running.start()
    yield running
    running.stop()


def test_an_agent_without_a_link_makes_the_page_unsure_and_never_red(copy: RunningCopy, target: Reference) -> None:
    copy.wait_until_green()
    target.close()
    copy.break_gateway("*", "refuse")  # with the link, everything is out of reach
    shown: set[str] = set()

    def cannot_confirm() -> bool:
        shown.add(copy.component("STK push"))
        return copy.overall() == CANNOT_CONFIRM

    wait_for("the page cannot confirm", cannot_confirm, seconds=120)
    assert shown <= {"operational", "degraded_performance"}, "unknown reads as degraded there; nothing was called out"
    assert int(copy.manage("shell", "-v0", "-c", SKIPPED).stdout) > 0
    assert int(copy.manage("shell", "-v0", "-c", DOWN).stdout) == 0
    assert not copy.summary()["incidents"]

    target.open()
    copy.mend_gateway()
    copy.wait_until_green("all green again")
