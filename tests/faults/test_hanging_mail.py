"""A mail server that takes connections and never says a word."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import requests

from tests.copies import RunningCopy
from tests.story import STK_QUERY, see_trouble

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


def test_the_page_tells_of_trouble_while_the_mail_server_hangs(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        copy = RunningCopy(tmp_path, {"EMAIL_URL": f"smtp://127.0.0.1:{silent.getsockname()[1]}"})
        copy.start()
        try:
            copy.wait_until_green()
            form = {"email": "asha@customer.example", "language": "sw"}
            asked = requests.post(f"{copy.url}/subscribe", data=form, headers={"Origin": copy.url}, timeout=10)
            assert asked.ok
            silent.settimeout(30)
            held, _ = silent.accept()  # a sender hangs on it from now on
            with held:
                copy.break_gateway(STK_QUERY, "busy")
                see_trouble(copy)
        finally:
            copy.stop()
